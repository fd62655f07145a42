package values

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/jsonb"
	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// ParseText appends the value of type t whose input text is s to out, whose
// type has t's kind. t's modifier is applied as an assignment does. Errors are
// PostgreSQL's; on error out is unchanged. A nil o means DefaultOpts.
func ParseText(t types.Type, s []byte, o *TextOpts, out *delta.Vec) error {
	if o == nil {
		o = &DefaultOpts
	}
	if t.Phys() != types.Bytes {
		x, _, err := parseScalar(nil, t, s, o)
		if err == nil {
			store(out, x)
		}
		return err
	}
	lo := len(out.Data)
	_, data, err := parseScalar(out.Data, t, s, o)
	if err != nil {
		return err
	}
	out.Data = data
	storeTail(out, lo)
	return nil
}

// ParseDatum is ParseText into a datum.
func ParseDatum(t types.Type, s []byte, o *TextOpts) (delta.Datum, error) {
	v := delta.Vec{T: t}
	if err := ParseText(t, s, o, &v); err != nil {
		return delta.Datum{}, err
	}
	return v.At(0), nil
}

func invalidText(t types.Type, s []byte) error {
	return pgerr.New(pgerr.InvalidTextRepresentation, "invalid input syntax for type %s: \"%s\"", t.Base(), s)
}

// parseScalar reads one value: its bits, or its bytes appended to dst.
func parseScalar(dst []byte, t types.Type, s []byte, o *TextOpts) (x uint64, out []byte, err error) {
	switch t.OID {
	case types.OIDBool:
		b, ok := parseBool(s)
		if !ok {
			return 0, dst, invalidText(t, s)
		}
		return boolBit(b), dst, nil
	case types.OIDInt2, types.OIDInt4, types.OIDInt8:
		i, err := parseInt(t, s)
		return uint64(i), dst, err
	case types.OIDOid, types.OIDRegClass, types.OIDRegType, types.OIDRegProc, types.OIDRegNamespace, types.OIDRegRole:
		if t.OID != types.OIDOid && o.Objects != nil {
			oid, err := o.Objects.ObjectOID(t, string(s))
			return uint64(oid), dst, err
		}
		i, err := parseOid(t, s)
		return uint64(i), dst, err
	case types.OIDFloat8:
		f, err := parseFloat(t, s, 64)
		return math.Float64bits(f), dst, err
	case types.OIDFloat4:
		f, err := parseFloat(t, s, 32)
		return math.Float64bits(f), dst, err
	case types.OIDDate:
		d, ok := pgtime.FastDate(s)
		if !ok {
			d, err = pgtime.ParseDate(s, o.env())
		}
		return uint64(d), dst, err
	case types.OIDTimestamp:
		ts, _, ok := pgtime.FastTimestamp(s)
		if !ok {
			ts, err = pgtime.ParseTimestamp(s, o.env())
		}
		return uint64(pgtime.RoundTo(ts, int(t.Mod))), dst, err
	case types.OIDTimestamptz:
		ts, zone, ok := pgtime.FastTimestamp(s)
		switch {
		case !ok:
			ts, err = pgtime.ParseTimestamptz(s, o.env())
		case zone != pgtime.NoZone:
			ts -= int64(zone) * pgtime.Second
		default:
			ts, err = pgtime.ToUTC(ts, o.TZ)
		}
		return uint64(pgtime.RoundTo(ts, int(t.Mod))), dst, err
	}
	out, err = parseBytes(dst, t, s, o)
	return 0, out, err
}

// appendNumeric stores d, the result of a parse, with the precision of t.
func appendNumeric(dst []byte, t types.Type, d num.Decimal, err error) ([]byte, error) {
	if err == nil && t.Mod >= 0 {
		p, s := t.PrecisionScale()
		d, err = d.Rescale(p, s)
	}
	if err != nil {
		return dst, err
	}
	return num.Append(dst, d), nil
}

// parseBytes reads a value of a Bytes kind, appending it to dst.
func parseBytes(dst []byte, t types.Type, s []byte, o *TextOpts) ([]byte, error) {
	switch t.OID {
	case types.OIDNumeric:
		d, err := num.Parse(s)
		return appendNumeric(dst, t, d, err)
	case types.OIDInterval:
		iv, err := pgtime.ParseInterval(s, t.Mod)
		if err != nil {
			return dst, err
		}
		return iv.AppendEncoded(dst), nil
	case types.OIDJSONB:
		return jsonb.Parse(dst, s)
	case types.OIDBytea:
		return parseBytea(dst, s)
	case types.OIDRecord:
		return dst, pgerr.New(pgerr.FeatureNotSupported, "input of anonymous composite types is not implemented")
	case types.OIDVoid:
		return dst, pgerr.New(pgerr.FeatureNotSupported, "cannot accept a value of type void")
	}
	if et, ok := t.Elem(); ok {
		return parseArray(dst, et, s, o)
	}
	if err := types.CheckUTF8(s); err != nil {
		return dst, err
	}
	switch t.OID {
	case types.OIDChar:
		switch {
		case len(s) == 0:
			return append(dst, 0), nil
		case len(s) == 4 && s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && isOctal(s[2]) && isOctal(s[3]):
			return append(dst, (s[1]-'0')<<6|(s[2]-'0')<<3|(s[3]-'0')), nil
		}
		return append(dst, s[0]), nil
	case types.OIDName:
		return append(dst, clipBytes(s, 63)...), nil
	case types.OIDVarchar:
		var err error
		if s, err = fitVarchar(s, t); err != nil {
			return dst, err
		}
	}
	return append(dst, s...), nil
}

// clipBytes cuts s to at most n bytes, at a character's start.
func clipBytes(s []byte, n int) []byte {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// fitVarchar applies varchar(n): spaces beyond n characters are cut, anything
// else there is an error.
func fitVarchar(s []byte, t types.Type) ([]byte, error) {
	n := int(t.Mod) - 4
	if t.Mod < 0 || len(s) <= n {
		return s, nil
	}
	at := 0
	for i := 0; i < n && at < len(s); i++ {
		_, w := utf8.DecodeRune(s[at:])
		at += w
	}
	for _, c := range s[at:] {
		if c != ' ' {
			return nil, pgerr.New(pgerr.StringDataRightTruncation, "value too long for type %s", t)
		}
	}
	return s[:at], nil
}

// parseBool accepts unique prefixes of true, false, yes, no, on, off, and 1, 0.
func parseBool(s []byte) (b, ok bool) {
	s = trimSpace(s)
	prefix := func(word string, least int) bool {
		return len(s) >= least && len(s) <= len(word) && equalFold(s, word[:len(s)])
	}
	switch {
	case prefix("true", 1), prefix("yes", 1), prefix("on", 2), prefix("1", 1):
		return true, true
	case prefix("false", 1), prefix("no", 1), prefix("off", 2), prefix("0", 1):
		return false, true
	}
	return false, false
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func parseInt(t types.Type, s []byte) (int64, error) {
	lo, hi := int64(math.MinInt64), int64(math.MaxInt64)
	switch t.OID {
	case types.OIDInt2:
		lo, hi = math.MinInt16, math.MaxInt16
	case types.OIDInt4:
		lo, hi = math.MinInt32, math.MaxInt32
	}
	b := trimSpace(s)
	neg := len(b) > 0 && b[0] == '-'
	if neg || len(b) > 0 && b[0] == '+' {
		b = b[1:]
	}
	if len(b) == 0 {
		return 0, invalidText(t, s)
	}
	// As PostgreSQL, digits are summed up to the negative limit, and exceeding it
	// is reported before what follows is looked at.
	limit := -uint64(lo)
	x := uint64(0)
	for _, c := range b {
		d := uint64(c - '0')
		if d > 9 {
			return 0, invalidText(t, s)
		}
		if x > (limit-d)/10 {
			return 0, outOfRange(t, s)
		}
		x = x*10 + d
	}
	if !neg && x > uint64(hi) {
		return 0, outOfRange(t, s)
	}
	if neg {
		return int64(-x), nil
	}
	return int64(x), nil
}

func outOfRange(t types.Type, s []byte) error {
	return pgerr.New(pgerr.NumericValueOutOfRange, "value \"%s\" is out of range for type %s", s, t.Base())
}

// parseOid reads an unsigned 32-bit number as strtoul does: negative numbers
// wrap. The reg* types accept numbers and '-' only.
func parseOid(t types.Type, s []byte) (int64, error) {
	if t.OID != types.OIDOid && len(s) == 1 && s[0] == '-' {
		return 0, nil
	}
	b := trimSpace(s)
	neg := len(b) > 0 && b[0] == '-'
	if neg || len(b) > 0 && b[0] == '+' {
		b = b[1:]
	}
	x := uint64(0)
	for _, c := range b {
		d := uint64(c - '0')
		if d > 9 {
			return 0, invalidText(t, s)
		}
		if x > (math.MaxUint64-d)/10 {
			return 0, outOfRange(t, s)
		}
		x = x*10 + d
	}
	if len(b) == 0 {
		return 0, invalidText(t, s)
	}
	if neg {
		x = -x
	}
	if y := int64(x); y > math.MaxUint32 || y < math.MinInt32 {
		return 0, outOfRange(t, s)
	}
	return int64(uint32(x)), nil
}

func parseFloat(t types.Type, s []byte, bits int) (float64, error) {
	b := trimSpace(s)
	if len(b) == 0 {
		return 0, invalidText(t, s)
	}
	for _, c := range b {
		if c == '_' { // Go would take it
			return 0, invalidText(t, s)
		}
	}
	if equalFold(bytes.TrimLeft(b, "+-"), "nan") && len(b) <= 4 {
		return math.NaN(), nil
	}
	hex := false
	for i := range b {
		hex = hex || b[i]|0x20 == 'x'
	}
	text := string(b)
	if hex && !hasExponent(b) {
		text += "p0" // C does not ask for it
	}
	f, err := strconv.ParseFloat(text, bits)
	if err != nil {
		if errors.Is(err, strconv.ErrRange) {
			return 0, floatRange(t, b)
		}
		return 0, invalidText(t, s)
	}
	if f == 0 && !zeroText(b) {
		return 0, floatRange(t, b)
	}
	return f, nil
}

func floatRange(t types.Type, b []byte) error {
	return pgerr.New(pgerr.NumericValueOutOfRange, "\"%s\" is out of range for type %s", b, t.Base())
}

func hasExponent(b []byte) bool {
	for _, c := range b {
		if c|0x20 == 'p' {
			return true
		}
	}
	return false
}

// zeroText reports whether a number's text has no digit but 0 before its
// exponent, so that reading 0 is no underflow.
func zeroText(b []byte) bool {
	for i, c := range b {
		if c >= '1' && c <= '9' {
			return false
		}
		if c|0x20 == 'e' || i > 1 && c|0x20 == 'p' {
			break
		}
	}
	return true
}
