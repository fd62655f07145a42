package values

import (
	"encoding/binary"
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// Rows, version 1: a bitmap of NULLs (one bit a column, least significant
// first, ceil(n/8) bytes), then each value that is not NULL: bool 1 byte; Int64
// kinds a zigzag varint; Float64 kinds 8 bytes LE; Bytes kinds a varint length
// and the bytes. Decoding gives back exactly what was encoded, but for a NaN's
// payload.

// AppendRow appends the encoding of row i of cols.
func AppendRow(dst []byte, cols []*delta.Vec, i int) []byte {
	at := len(dst)
	for range (len(cols) + 7) / 8 {
		dst = append(dst, 0)
	}
	for c, v := range cols {
		if v.IsNull(i) {
			dst[at+c/8] |= 1 << (c % 8)
			continue
		}
		dst = appendRowValue(dst, v, i)
	}
	return dst
}

// AppendRowCols is AppendRow of the columns of cols that idx names, in its order.
func AppendRowCols(dst []byte, cols []*delta.Vec, idx []int, i int) []byte {
	at := len(dst)
	for range (len(idx) + 7) / 8 {
		dst = append(dst, 0)
	}
	for c, k := range idx {
		v := cols[k]
		if v.IsNull(i) {
			dst[at+c/8] |= 1 << (c % 8)
			continue
		}
		dst = appendRowValue(dst, v, i)
	}
	return dst
}

func appendRowValue(dst []byte, v *delta.Vec, i int) []byte {
	switch v.T.Phys() {
	case types.Bool:
		return append(dst, byte(boolBit(v.B[i])))
	case types.Int64:
		return binary.AppendVarint(dst, v.I[i])
	case types.Float64:
		f := v.F[i]
		if f != f {
			f = math.NaN() // SQL cannot tell NaNs apart, so neither do rows
		}
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
	}
	b := v.Bytes(i)
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

var errRow = pgerr.New(pgerr.DataCorrupted, "corrupted row")

// DecodeRow appends the values of one row to cols and returns the bytes after
// it. Corrupt rows fail with XX001; cols may then have uneven lengths.
func DecodeRow(row []byte, cols []*delta.Vec) (rest []byte, err error) {
	nb := (len(cols) + 7) / 8
	if len(row) < nb {
		return nil, errRow
	}
	nulls, row := row[:nb], row[nb:]
	for c, v := range cols {
		if nulls[c/8]>>(c%8)&1 != 0 {
			v.AppendNull()
			continue
		}
		switch v.T.Phys() {
		case types.Bool:
			if len(row) < 1 || row[0] > 1 {
				return nil, errRow
			}
			v.B = append(v.B, row[0] != 0)
			row = row[1:]
		case types.Int64:
			x, n := binary.Varint(row)
			if n <= 0 {
				return nil, errRow
			}
			v.I = append(v.I, x)
			row = row[n:]
		case types.Float64:
			if len(row) < 8 {
				return nil, errRow
			}
			v.F = append(v.F, math.Float64frombits(binary.LittleEndian.Uint64(row)))
			row = row[8:]
		default:
			l, n := binary.Uvarint(row)
			if n <= 0 || l > uint64(len(row)-n) {
				return nil, errRow
			}
			v.AppendBytes(row[n : n+int(l)])
			row = row[n+int(l):]
		}
	}
	return row, nil
}

// Inexact reports whether equal values of t can look different (1.0 and 1.00),
// so that a key does not determine the value.
func Inexact(t types.Type) bool {
	switch t.OID {
	case types.OIDNumeric, types.OIDFloat8, types.OIDFloat4, types.OIDJSONB, types.OIDInterval:
		return true
	case types.OIDBool, types.OIDInt2, types.OIDInt4, types.OIDInt8, types.OIDText, types.OIDVarchar, types.OIDTimestamp, types.OIDTimestamptz, types.OIDDate:
		return false // without a look at the table of types: it is asked of every column of every row
	}
	et, ok := t.Elem()
	return ok && Inexact(et)
}

// RowIdentity appends bytes that are equal exactly when two rows print the
// same, ordered by the columns' values: the key of all columns, followed, when
// a column is Inexact, by the row itself.
func RowIdentity(dst []byte, cols []*delta.Vec, i int) []byte {
	exact := true
	for _, v := range cols {
		dst = AppendKey(dst, v, i)
		exact = exact && !Inexact(v.T)
	}
	if exact {
		return dst
	}
	return AppendRow(dst, cols, i)
}

// DecodeIdentity appends the row of a RowIdentity to cols.
func DecodeIdentity(id []byte, cols []*delta.Vec) error {
	exact := true
	for _, v := range cols {
		exact = exact && !Inexact(v.T)
	}
	if exact {
		rest, err := DecodeKey(id, cols)
		if err == nil && len(rest) != 0 {
			return errRow
		}
		return err
	}
	n := KeyPrefixLen(id, len(cols))
	if n < 0 {
		return errRow
	}
	rest, err := DecodeRow(id[n:], cols)
	if err == nil && len(rest) != 0 {
		return errRow
	}
	return err
}
