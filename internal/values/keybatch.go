package values

import (
	"encoding/binary"
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// KeyBuf holds the keys of a batch in one arena. The zero value is ready;
// EncodeKeys reuses its memory.
type KeyBuf struct {
	Data []byte
	Off  []uint32 // len = rows + 1; key i is Data[Off[i]:Off[i+1]]
}

// Len is the number of keys.
func (b *KeyBuf) Len() int { return max(len(b.Off)-1, 0) }

// Key is key i; it aliases Data.
func (b *KeyBuf) Key(i int) []byte {
	lo, hi := b.Off[i], b.Off[i+1]
	return b.Data[lo:hi:hi]
}

// EncodeKeys sets buf to the ascending composite keys (AppendKey of each
// column) of the first n rows of cols. Columns of fixed width are written
// column by column.
func EncodeKeys(buf *KeyBuf, cols []*delta.Vec, n int) {
	if cap(buf.Off) < n+1 {
		buf.Off = make([]uint32, n+1)
	}
	buf.Off = buf.Off[:n+1]
	stride, fixed := 0, true
	for _, c := range cols {
		w := fixedKeyWidth(c.T.Phys())
		fixed = fixed && w > 0 && !c.HasNulls()
		stride += w
	}
	if !fixed {
		encodeRows(buf, cols, n)
		return
	}
	total := stride * n
	if cap(buf.Data) < total {
		buf.Data = make([]byte, total)
	}
	buf.Data = buf.Data[:total]
	off := uint32(0)
	for i := range buf.Off {
		buf.Off[i] = off
		off += uint32(stride)
	}
	at := 0
	for _, c := range cols {
		encodeFixed(buf.Data, at, stride, c, n)
		at += fixedKeyWidth(c.T.Phys())
	}
}

// fixedKeyWidth is the width of a non-null key column, 0 when it varies.
func fixedKeyWidth(p types.Phys) int {
	switch p {
	case types.Bool:
		return 2
	case types.Int64, types.Float64:
		return 9
	}
	return 0
}

// encodeFixed writes one column without NULLs at offset at of every stride.
func encodeFixed(data []byte, at, stride int, c *delta.Vec, n int) {
	switch c.T.Phys() {
	case types.Bool:
		for _, x := range c.B[:n] {
			d := data[at : at+2 : at+2]
			d[0], d[1] = keyBool, byte(boolBit(x))
			at += stride
		}
	case types.Int64:
		for _, x := range c.I[:n] {
			d := data[at : at+9 : at+9]
			d[0] = keyInt
			binary.BigEndian.PutUint64(d[1:], uint64(x)^signBit)
			at += stride
		}
	case types.Float64:
		for _, x := range c.F[:n] {
			d := data[at : at+9 : at+9]
			d[0] = keyFloat
			binary.BigEndian.PutUint64(d[1:], floatKey(x))
			at += stride
		}
	}
}

// encodeRows writes row by row, for NULLs and columns of varying width.
func encodeRows(buf *KeyBuf, cols []*delta.Vec, n int) {
	dst := buf.Data[:0]
	for i := range n {
		buf.Off[i] = uint32(len(dst))
		for _, c := range cols {
			dst = AppendKey(dst, c, i)
		}
	}
	if len(dst) > math.MaxUint32 {
		panic("values: keys of one batch exceed 4 GB") // delta.MaxBatchBytes forbids it
	}
	buf.Off[n] = uint32(len(dst))
	buf.Data = dst
}

// HashAll appends nothing: it sets out[i] to the hash of key i and returns out
// with length Len.
func (b *KeyBuf) HashAll(out []uint64) []uint64 {
	n := b.Len()
	if cap(out) < n {
		out = make([]uint64, n)
	}
	out = out[:n]
	for i := range out {
		out[i] = Hash(b.Data[b.Off[i]:b.Off[i+1]])
	}
	return out
}
