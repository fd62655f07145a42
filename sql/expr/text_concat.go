package expr

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

func init() {
	t, any := types.Text, types.Any
	op("||", "anytextcat", t, retBytes(func(r *row, dst []byte) ([]byte, error) {
		return append(r.appendCast(dst, 0), r.bytes(1)...), nil
	}), types.AnyNonArray, t).stable()
	op("||", "textanycat", t, retBytes(func(r *row, dst []byte) ([]byte, error) {
		return r.appendCast(append(dst, r.bytes(0)...), 1), nil
	}), t, types.AnyNonArray).stable()
	def("concat", "text_concat", t, retBytes(func(r *row, dst []byte) ([]byte, error) {
		for k := range r.args {
			if !r.null(k) {
				dst = r.appendArg(dst, k)
			}
		}
		return dst, nil
	}), any).lax().variadic().stable()
	def("concat_ws", "text_concat_ws", t, retBytes(concatWS), t, any).lax().variadic().stable()
	def("format", "text_format", t, retBytes(formatText), t, any).lax().variadic().stable()
	def("format", "text_format_nv", t, retBytes(formatText), t).lax().stable()
	def("string_to_array", "text_to_array", textArray, retBytes(func(r *row, dst []byte) ([]byte, error) { return stringToArray(r, dst, nil) }), t, t).lax()
	def("string_to_array", "text_to_array_null", textArray, retBytes(func(r *row, dst []byte) ([]byte, error) {
		if r.null(2) {
			return stringToArray(r, dst, nil)
		}
		return stringToArray(r, dst, r.bytes(2))
	}), t, t, t).lax()
	def("array_to_string", "array_to_text", t, retBytes(func(r *row, dst []byte) ([]byte, error) { return arrayToString(r, dst, nil) }), types.AnyArray, t).stable()
	def("array_to_string", "array_to_text_null", t, retBytes(func(r *row, dst []byte) ([]byte, error) {
		if r.null(0) || r.null(1) {
			return dst, errNull
		}
		if r.null(2) {
			return arrayToString(r, dst, nil)
		}
		return arrayToString(r, dst, append([]byte{}, r.bytes(2)...))
	}), types.AnyArray, t, t).stable().lax()
	def("parse_ident", "parse_ident", textArray, retBytes(func(r *row, dst []byte) ([]byte, error) { return parseIdent(r, dst, true) }), t)
	def("parse_ident", "parse_ident_strict", textArray, retBytes(func(r *row, dst []byte) ([]byte, error) { return parseIdent(r, dst, r.boolean(1)) }), t, types.Boolean)
}

// appendArg appends argument k's text; booleans print as t and f.
func (r *row) appendArg(dst []byte, k int) []byte { return r.c.appendText(dst, r.args[k], r.i) }

// appendCast appends argument k as a cast to text does: booleans in full.
func (r *row) appendCast(dst []byte, k int) []byte {
	if r.args[k].T.OID == types.OIDBool {
		return strconv.AppendBool(dst, r.boolean(k))
	}
	return r.c.appendText(dst, r.args[k], r.i)
}

func concatWS(r *row, dst []byte) ([]byte, error) {
	if r.null(0) {
		return dst, errNull
	}
	first := true
	for k := 1; k < len(r.args); k++ {
		if r.null(k) {
			continue
		}
		if !first {
			dst = append(dst, r.bytes(0)...)
		}
		first = false
		dst = r.appendArg(dst, k)
	}
	return dst, nil
}

// formatSpec is one %[n$][-][width|*|*n$]type of format().
type formatSpec struct {
	arg      int // 1-based, 0: the next
	left     bool
	width    int
	widthArg int // -1: none, 0: the next
	verb     byte
}

var (
	errFormatEnd  = pgerr.New(pgerr.InvalidParameterValue, "unterminated format() type specifier").WithHint("For a single \"%%\" use \"%%%%\".")
	errFormatArgs = pgerr.New(pgerr.InvalidParameterValue, "too few arguments for format()")
	errFormatZero = pgerr.New(pgerr.InvalidParameterValue, "format specifies argument 0, but arguments are numbered from 1")
)

// readSpec reads what follows the % and tells its length.
func readSpec(s []byte) (f formatSpec, n int, err error) {
	f.widthArg = -1
	number := func() (int, bool) {
		at, x := n, 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' && x < 1<<31 {
			x = x*10 + int(s[n]-'0')
			n++
		}
		return x, n > at
	}
	if x, ok := number(); ok {
		if n < len(s) && s[n] == '$' {
			if x == 0 {
				return f, n, errFormatZero
			}
			f.arg = x
			n++
		} else {
			f.width = x
		}
	}
	for f.width == 0 && n < len(s) && s[n] == '-' {
		f.left = true
		n++
	}
	if f.width == 0 && n < len(s) && s[n] == '*' {
		n++
		f.widthArg = 0
		if x, ok := number(); ok {
			if n >= len(s) || s[n] != '$' {
				return f, n, pgerr.New(pgerr.InvalidParameterValue, "width argument position must be ended by \"$\"")
			}
			if x == 0 {
				return f, n, errFormatZero
			}
			f.widthArg = x
			n++
		}
	} else if f.width == 0 {
		f.width, _ = number()
	}
	if n >= len(s) {
		return f, n, errFormatEnd
	}
	f.verb = s[n]
	return f, n + 1, nil
}

func formatText(r *row, dst []byte) ([]byte, error) {
	if r.null(0) {
		return dst, errNull
	}
	s := r.bytes(0)
	next := 1
	for {
		i := bytes.IndexByte(s, '%')
		if i < 0 {
			return append(dst, s...), nil
		}
		dst = append(dst, s[:i]...)
		s = s[i+1:]
		if len(s) == 0 {
			return dst, errFormatEnd
		}
		if s[0] == '%' {
			dst, s = append(dst, '%'), s[1:]
			continue
		}
		f, n, err := readSpec(s)
		if err != nil {
			return dst, err
		}
		if f.verb != 's' && f.verb != 'I' && f.verb != 'L' {
			_, w := utf8.DecodeRune(s[n-1:])
			return dst, pgerr.New(pgerr.InvalidParameterValue, "unrecognized format() type specifier \"%s\"", s[n-1:n-1+w]).
				WithHint("For a single \"%%\" use \"%%%%\".")
		}
		s = s[n:]
		if dst, next, err = r.formatArg(dst, f, next); err != nil {
			return dst, err
		}
	}
}

// formatArg appends one argument as its specifier says; next is the first one
// not used yet.
func (r *row) formatArg(dst []byte, f formatSpec, next int) ([]byte, int, error) {
	if f.widthArg >= 0 {
		k := f.widthArg
		if k == 0 {
			k = next
		}
		next = k + 1
		if k >= len(r.args) {
			return dst, next, errFormatArgs
		}
		if !r.null(k) {
			w, err := strconv.Atoi(string(r.appendArg(nil, k)))
			if err != nil || w > maxField || w < -maxField {
				return dst, next, pgerr.New(pgerr.NumericValueOutOfRange, "number is out of range")
			}
			f.width = w
			if w < 0 {
				f.left, f.width = true, -w
			}
		}
	}
	k := f.arg
	if k == 0 {
		k = next
	}
	next = k + 1
	if k >= len(r.args) {
		return dst, next, errFormatArgs
	}
	text := ""
	switch {
	case !r.null(k):
		text = string(r.appendArg(nil, k))
		switch f.verb {
		case 'I':
			text = quoteIdent(text)
		case 'L':
			text = strings.TrimPrefix(quoteLiteral(text), " ")
		}
	case f.verb == 'I':
		return dst, next, pgerr.New(pgerr.NullValueNotAllowed, "null values cannot be formatted as an SQL identifier")
	case f.verb == 'L':
		text = "NULL"
	}
	if f.width > maxField/4 {
		return dst, next, errTooLong
	}
	fill := max(f.width-utf8.RuneCountInString(text), 0)
	if !f.left {
		dst = append(dst, bytes.Repeat([]byte(" "), fill)...)
	}
	dst = append(dst, text...)
	if f.left {
		dst = append(dst, bytes.Repeat([]byte(" "), fill)...)
	}
	return dst, next, nil
}

// stringToArray splits by a separator; NULL splits into characters, an empty
// one not at all. Fields equal to null become NULL.
func stringToArray(r *row, dst, null []byte) ([]byte, error) {
	if r.null(0) {
		return dst, errNull
	}
	s := r.bytes(0)
	at, count := len(dst), uint32(0)
	dst = append(dst, 0, 0, 0, 0)
	add := func(f []byte) {
		if null != nil && bytes.Equal(f, null) {
			dst = appendTextElem(dst, nil)
		} else {
			dst = appendTextElem(dst, f[:len(f):len(f)])
		}
		count++
	}
	switch {
	case len(s) == 0:
	case r.null(1):
		for len(s) > 0 {
			n := runeOffset(s, 1)
			add(s[:n])
			s = s[n:]
		}
	case len(r.bytes(1)) == 0:
		add(s)
	default:
		for _, f := range bytes.Split(s, r.bytes(1)) {
			add(f)
		}
	}
	binary.LittleEndian.PutUint32(dst[at:], count)
	return dst, nil
}

// arrayToString joins the elements; NULLs are left out or, with a text for
// them (not nil), shown as it.
func arrayToString(r *row, dst, null []byte) ([]byte, error) {
	elem, _ := r.args[0].T.Elem()
	elems := delta.Vec{T: elem}
	delta.AppendArrayElems(r.bytes(0), &elems)
	first := true
	for i := range elems.Len() {
		if elems.IsNull(i) && null == nil {
			continue
		}
		if !first {
			dst = append(dst, r.bytes(1)...)
		}
		first = false
		if elems.IsNull(i) {
			dst = append(dst, null...)
		} else {
			dst = r.c.appendText(dst, &elems, i)
		}
	}
	return dst, nil
}

// parseIdent splits a qualified name; strict false ignores what follows it.
func parseIdent(r *row, dst []byte, strict bool) ([]byte, error) {
	s := r.text(0)
	bad := func(detail string) error {
		e := pgerr.New(pgerr.InvalidParameterValue, "string is not a valid identifier: \"%s\"", s)
		e.Detail = detail
		return e
	}
	var parts []string
	rest := strings.TrimLeft(s, " \t\n\r\f")
	for {
		var part string
		switch {
		case strings.HasPrefix(rest, `"`):
			end := 1
			for {
				i := strings.IndexByte(rest[end:], '"')
				if i < 0 {
					return dst, bad("String has unclosed double quotes.")
				}
				end += i + 1
				if !strings.HasPrefix(rest[end:], `"`) {
					break
				}
				end++
			}
			part, rest = strings.ReplaceAll(rest[1:end-1], `""`, `"`), rest[end:]
			if part == "" {
				return dst, bad("Quoted identifier must not be empty.")
			}
		default:
			n := 0
			for n < len(rest) && (rest[n] == '_' || rest[n] >= 0x80 || isAlnum(rest[n]) && (n > 0 || rest[n] > '9') || n > 0 && rest[n] == '$') {
				n++
			}
			if n == 0 {
				return dst, identifierMissing(bad, rest, len(parts) > 0)
			}
			part, rest = string(appendLower(nil, []byte(rest[:n]))), rest[n:]
		}
		parts = append(parts, part)
		rest = strings.TrimLeft(rest, " \t\n\r\f")
		if !strings.HasPrefix(rest, ".") {
			break
		}
		rest = strings.TrimLeft(rest[1:], " \t\n\r\f")
	}
	if rest != "" && strict {
		return dst, bad("")
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(parts)))
	for _, p := range parts {
		dst = appendElemText(dst, p)
	}
	return dst, nil
}

func identifierMissing(bad func(string) error, rest string, afterDot bool) error {
	switch {
	case strings.HasPrefix(rest, "."):
		return bad("No valid identifier before \".\".")
	case afterDot:
		return bad("No valid identifier after \".\".")
	}
	return bad("")
}
