package values

import (
	"math"
	"strconv"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// AppendText appends PostgreSQL's output text of row i, which is not NULL. A
// nil o means DefaultOpts. The reg* types print their number.
func AppendText(dst []byte, v *delta.Vec, i int, o *TextOpts) []byte {
	if o == nil {
		o = &DefaultOpts
	}
	return appendScalarText(dst, v.T, load(v, i), o)
}

// AppendDatumText is AppendText of a datum that is not NULL.
func AppendDatumText(dst []byte, d delta.Datum, o *TextOpts) []byte {
	if o == nil {
		o = &DefaultOpts
	}
	return appendScalarText(dst, d.T, datumScalar(d), o)
}

func appendScalarText(dst []byte, t types.Type, a scalar, o *TextOpts) []byte {
	switch t.OID {
	case types.OIDBool:
		if a.x != 0 {
			return append(dst, 't')
		}
		return append(dst, 'f')
	case types.OIDFloat8:
		return appendFloat(dst, a.float(), 64, o.ExtraFloatDigits)
	case types.OIDFloat4:
		return appendFloat(dst, a.float(), 32, o.ExtraFloatDigits)
	case types.OIDDate:
		return pgtime.AppendDate(dst, int64(a.x))
	case types.OIDTimestamp:
		return pgtime.AppendTimestamp(dst, int64(a.x))
	case types.OIDTimestamptz:
		return pgtime.AppendTimestamptz(dst, int64(a.x), o.TZ)
	case types.OIDRegClass, types.OIDRegType, types.OIDRegProc, types.OIDRegNamespace, types.OIDRegRole:
		if o.Objects != nil {
			return append(dst, o.Objects.ObjectName(t, uint32(a.x))...)
		}
		if a.x == 0 {
			return append(dst, '-')
		}
		return strconv.AppendInt(dst, int64(a.x), 10)
	case types.OIDNumeric:
		return num.Decode(a.s).AppendText(dst)
	case types.OIDInterval:
		return pgtime.AppendInterval(dst, pgtime.DecodeInterval(a.s))
	case types.OIDBytea:
		return appendHex(append(dst, '\\', 'x'), a.s)
	case types.OIDChar:
		switch {
		case len(a.s) == 1 && a.s[0] == 0:
			return dst
		case len(a.s) == 1 && a.s[0] >= 0x80: // no character by itself
			c := a.s[0]
			return append(dst, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
		}
	}
	if t.Phys() == types.Int64 {
		return strconv.AppendInt(dst, int64(a.x), 10)
	}
	if et, ok := t.Elem(); ok {
		return appendArrayText(dst, et, a.s, o)
	}
	return append(dst, a.s...)
}

const hexDigits = "0123456789abcdef"

func appendHex(dst, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}

// appendFloat prints as %g does: extra > 0 the shortest digits that read back
// the same, otherwise 15+extra (6+extra for float4) significant digits.
func appendFloat(dst []byte, f float64, bits, extra int) []byte {
	if bits == 32 {
		f = float64(float32(f))
	}
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case f == 0:
		if math.Signbit(f) {
			return append(dst, '-', '0')
		}
		return append(dst, '0')
	}
	prec, sig := -1, 15
	if bits == 32 {
		sig = 6
	}
	if extra <= 0 {
		sig = max(sig+extra, 1)
		prec = sig - 1
	}
	var buf [40]byte
	if prec < 0 {
		return appendG(dst, appendShortest(buf[:0], f, bits), sig)
	}
	return appendG(dst, strconv.AppendFloat(buf[:0], f, 'e', prec, bits), sig)
}

// appendG rewrites d.ddde±xx as C's %g with sig significant digits would.
func appendG(dst, b []byte, sig int) []byte {
	if b[0] == '-' {
		dst = append(dst, '-')
		b = b[1:]
	}
	e := len(b) - 1
	for b[e] != 'e' {
		e--
	}
	exp, _ := strconv.Atoi(string(b[e+1:]))
	var dbuf [24]byte
	digs := append(dbuf[:0], b[0])
	if e > 2 {
		digs = append(digs, b[2:e]...)
	}
	for len(digs) > 1 && digs[len(digs)-1] == '0' {
		digs = digs[:len(digs)-1]
	}
	if exp < -4 || exp >= sig {
		dst = append(dst, digs[0])
		if len(digs) > 1 {
			dst = append(append(dst, '.'), digs[1:]...)
		}
		dst = append(dst, 'e', '+')
		if exp < 0 {
			dst[len(dst)-1] = '-'
			exp = -exp
		}
		if exp < 10 {
			dst = append(dst, '0')
		}
		return strconv.AppendInt(dst, int64(exp), 10)
	}
	if exp < 0 {
		dst = append(dst, "0.000"[:1-exp]...)
		return append(dst, digs...)
	}
	for i := 0; i <= exp; i++ {
		if i < len(digs) {
			dst = append(dst, digs[i])
		} else {
			dst = append(dst, '0')
		}
	}
	if len(digs) > exp+1 {
		dst = append(append(dst, '.'), digs[exp+1:]...)
	}
	return dst
}

// appendArrayText prints {a,b,NULL}, quoting elements that need it.
func appendArrayText(dst []byte, et types.Type, a []byte, o *TextOpts) []byte {
	dst = append(dst, '{')
	first := true
	for it := delta.IterArray(a); it.Next(); {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		e, ok := elem(et, it.Elem)
		if it.Null || !ok {
			dst = append(dst, "NULL"...)
			continue
		}
		at := len(dst)
		dst = appendScalarText(dst, et, e, o)
		if needsQuotes(dst[at:]) {
			text := append([]byte(nil), dst[at:]...)
			dst = append(dst[:at], '"')
			for _, c := range text {
				if c == '"' || c == '\\' {
					dst = append(dst, '\\')
				}
				dst = append(dst, c)
			}
			dst = append(dst, '"')
		}
	}
	return append(dst, '}')
}

func needsQuotes(s []byte) bool {
	if len(s) == 0 || len(s) == 4 && equalFold(s, "null") {
		return true
	}
	for _, c := range s {
		if c == '"' || c == '\\' || c == '{' || c == '}' || c == ',' || isSpace(c) {
			return true
		}
	}
	return false
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// equalFold compares ASCII letters without case; lower is lower case.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
