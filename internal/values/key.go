package values

// Keys, version 1. FROZEN: vnodes, state, pages and the exchange depend on it.
//
// A key is the concatenation of its columns' encodings. Byte order of keys is
// the order of the columns' values, and two keys are equal bytes exactly when
// all their columns are "not distinct". Each column is self-delimiting:
//
//	NULL       0x00 when NULLs come first, 0xFF when they come last
//	0x10 bool  1 byte, 0 or 1
//	0x11 int   8 bytes big endian, sign bit flipped: int2, int4, int8, oid,
//	           reg*, date, timestamp, timestamptz (ints of all widths agree)
//	0x12 float 8 bytes: IEEE bits big endian, all flipped when negative, else
//	           the sign flipped; -0 as 0; every NaN as 0x7FF8…0 (greatest)
//	0x13 bytes text family and bytea: 0x00 escaped as 0x00 0xFF, end 0x00 0x00
//	0x14 interval 12 bytes: the span in µs (30-day months) as 96-bit big endian
//	           with the sign bit flipped
//	0x15 numeric num.AppendKey
//	0x16 jsonb jsonb.AppendKey
//	0x17 array 0x10…0x17 encoding or 0xFF of each element, end 0x00
//
// A descending column is the bitwise complement of all of that, NULL excepted.
//
// What a key does not keep: a numeric's (and a jsonb number's) trailing zeros,
// the sign of a float's zero, how an interval's span is spread over months, days
// and time. RowIdentity keeps them.

import (
	"encoding/binary"
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/jsonb"
	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// KeyVersion is the version of the key encoding and of Hash.
const KeyVersion = 1

const (
	keyNullFirst = 0x00
	keyNullLast  = 0xFF

	keyBool     = 0x10
	keyInt      = 0x11
	keyFloat    = 0x12
	keyBytes    = 0x13
	keyInterval = 0x14
	keyNumeric  = 0x15
	keyJSONB    = 0x16
	keyArray    = 0x17
	keyArrayEnd = 0x00
)

const signBit = 1 << 63

// AppendKey appends the ascending key of row i, NULL last.
func AppendKey(dst []byte, v *delta.Vec, i int) []byte {
	if v.IsNull(i) {
		return append(dst, keyNullLast)
	}
	if v.T.Phys() == types.Int64 {
		dst = append(dst, keyInt)
		return binary.BigEndian.AppendUint64(dst, uint64(v.I[i])^signBit)
	}
	return appendScalarKey(dst, v.T, load(v, i))
}

// AppendKeyOrder appends the key of row i for ORDER BY: descending when desc,
// NULLs before or after all values as nullsFirst says, whatever desc is.
func AppendKeyOrder(dst []byte, v *delta.Vec, i int, desc, nullsFirst bool) []byte {
	if v.IsNull(i) {
		if nullsFirst {
			return append(dst, keyNullFirst)
		}
		return append(dst, keyNullLast)
	}
	at := len(dst)
	dst = appendScalarKey(dst, v.T, load(v, i))
	if desc {
		complement(dst[at:])
	}
	return dst
}

// AppendKeyDatum is AppendKey of a datum.
func AppendKeyDatum(dst []byte, d delta.Datum) []byte {
	if d.Null {
		return append(dst, keyNullLast)
	}
	return appendScalarKey(dst, d.T, datumScalar(d))
}

func complement(b []byte) {
	for i := range b {
		b[i] = ^b[i]
	}
}

func floatKey(f float64) uint64 {
	u := math.Float64bits(f)
	switch {
	case f == 0:
		u = 0
	case f != f:
		u = 0x7FF8 << 48
	}
	if u&signBit != 0 {
		return ^u
	}
	return u | signBit
}

func floatOfKey(u uint64) float64 {
	if u&signBit != 0 {
		return math.Float64frombits(u &^ signBit)
	}
	return math.Float64frombits(^u)
}

func appendScalarKey(dst []byte, t types.Type, a scalar) []byte {
	be := binary.BigEndian
	switch t.Phys() {
	case types.Bool:
		return append(dst, keyBool, byte(a.x))
	case types.Int64:
		return be.AppendUint64(append(dst, keyInt), a.x^signBit)
	case types.Float64:
		return be.AppendUint64(append(dst, keyFloat), floatKey(a.float()))
	}
	switch t.OID {
	case types.OIDNumeric:
		return num.AppendKey(append(dst, keyNumeric), num.Decode(a.s))
	case types.OIDInterval:
		hi, lo := pgtime.DecodeInterval(a.s).Total()
		dst = be.AppendUint32(append(dst, keyInterval), uint32(hi)^1<<31)
		return be.AppendUint64(dst, lo)
	case types.OIDJSONB:
		return jsonb.AppendKey(append(dst, keyJSONB), a.s)
	}
	if et, ok := t.Elem(); ok {
		dst = append(dst, keyArray)
		for it := delta.IterArray(a.s); it.Next(); {
			e, ok := elem(et, it.Elem)
			if it.Null || !ok {
				dst = append(dst, keyNullLast)
				continue
			}
			dst = appendScalarKey(dst, et, e)
		}
		return append(dst, keyArrayEnd)
	}
	return jsonb.AppendEscaped(append(dst, keyBytes), a.s)
}

var errKey = pgerr.New(pgerr.DataCorrupted, "corrupted key")

// KeyPrefixLen is the length of the first ncols columns of key, or -1 when the
// key has fewer or is corrupt.
func KeyPrefixLen(key []byte, ncols int) int {
	at := 0
	for range ncols {
		n := columnLen(key[at:])
		if n < 0 {
			return -1
		}
		at += n
	}
	return at
}

// columnLen is the length of the column at the front of b, or -1.
func columnLen(b []byte) int {
	if len(b) == 0 {
		return -1
	}
	tag := b[0]
	if tag == keyNullFirst || tag == keyNullLast {
		return 1
	}
	desc := tag >= 0x80
	if desc {
		tag = ^tag
	}
	n := 0
	switch tag {
	case keyBool:
		n = 2
	case keyInt, keyFloat:
		n = 9
	case keyInterval:
		n = 13
	default:
		if desc {
			b = append([]byte(nil), b...)
			complement(b)
		}
		return varColumnLen(b)
	}
	if n > len(b) {
		return -1
	}
	return n
}

func varColumnLen(b []byte) int {
	n := -1
	switch b[0] {
	case keyBytes:
		n = jsonb.EscapedLen(b[1:])
	case keyNumeric:
		n = num.KeyLen(b[1:])
	case keyJSONB:
		n = jsonb.KeyLen(b[1:])
	case keyArray:
		at := 1
		for at < len(b) && b[at] != keyArrayEnd {
			l := columnLen(b[at:])
			if l < 0 || b[at] == keyArray {
				return -1 // arrays do not nest
			}
			at += l
		}
		if at >= len(b) {
			return -1
		}
		n = at
	}
	if n < 0 {
		return -1
	}
	return 1 + n
}

// DecodeKey appends the columns of key to cols, whose types must be those that
// were encoded, and returns what follows. Any order and NULL placement is
// understood. See the file's header for what a key does not keep. Corrupt keys
// fail with XX001; cols may then have uneven lengths.
func DecodeKey(key []byte, cols []*delta.Vec) (rest []byte, err error) {
	for _, v := range cols {
		n := columnLen(key)
		if n < 0 {
			return nil, errKey
		}
		col := key[:n]
		key = key[n:]
		if col[0] == keyNullFirst || col[0] == keyNullLast {
			v.AppendNull()
			continue
		}
		if col[0] >= 0x80 {
			col = append([]byte(nil), col...)
			complement(col)
		}
		if err := decodeColumn(col, v); err != nil {
			return nil, err
		}
	}
	return key, nil
}

func keyTag(t types.Type) byte {
	switch t.Phys() {
	case types.Bool:
		return keyBool
	case types.Int64:
		return keyInt
	case types.Float64:
		return keyFloat
	}
	switch t.OID {
	case types.OIDNumeric:
		return keyNumeric
	case types.OIDInterval:
		return keyInterval
	case types.OIDJSONB:
		return keyJSONB
	}
	if t.IsArray() {
		return keyArray
	}
	return keyBytes
}

func decodeColumn(col []byte, v *delta.Vec) error {
	if v.T.Phys() != types.Bytes {
		x, _, err := decodeScalar(nil, col, v.T)
		if err == nil {
			store(v, x)
		}
		return err
	}
	lo := len(v.Data)
	_, data, err := decodeScalar(v.Data, col, v.T)
	if err != nil {
		return err
	}
	v.Data = data
	storeTail(v, lo)
	return nil
}

// decodeScalar decodes one ascending column, appending a Bytes value to dst.
func decodeScalar(dst, col []byte, t types.Type) (x uint64, out []byte, err error) {
	if col[0] != keyTag(t) {
		return 0, dst, errKey
	}
	tag, col := col[0], col[1:]
	be := binary.BigEndian
	ok := true
	switch tag {
	case keyBool:
		x = uint64(col[0] & 1)
	case keyInt:
		x = be.Uint64(col) ^ signBit
	case keyFloat:
		x = math.Float64bits(floatOfKey(be.Uint64(col)))
	case keyBytes:
		dst = jsonb.Unescape(dst, col)
	case keyInterval:
		hi := int64(int32(be.Uint32(col) ^ 1<<31))
		dst = pgtime.FromTotal(hi, be.Uint64(col[4:])).AppendEncoded(dst)
	case keyNumeric:
		var d num.Decimal
		d, _, ok = num.DecodeKey(col)
		dst = num.Append(dst, d)
	case keyJSONB:
		dst, _, ok = jsonb.DecodeKey(dst, col)
	case keyArray:
		return decodeArrayKey(dst, col, t)
	}
	if !ok {
		return 0, dst, errKey
	}
	return x, dst, nil
}

func decodeArrayKey(dst, col []byte, t types.Type) (uint64, []byte, error) {
	et, _ := t.Elem()
	at, n := len(dst), uint32(0)
	dst = append(dst, 0, 0, 0, 0)
	var buf []byte
	for ; len(col) > 0 && col[0] != keyArrayEnd; n++ {
		l := columnLen(col)
		if l < 0 {
			return 0, dst, errKey
		}
		if col[0] == keyNullLast {
			dst = binary.LittleEndian.AppendUint32(dst, math.MaxUint32)
		} else {
			x, b, err := decodeScalar(buf[:0], col[:l], et)
			if err != nil {
				return 0, dst, err
			}
			buf = b
			dst = appendElem(dst, et, scalar{x, b})
		}
		col = col[l:]
	}
	binary.LittleEndian.PutUint32(dst[at:], n)
	return 0, dst, nil
}
