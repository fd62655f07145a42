package exec

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// keyOrder visits the rows of a batch roughly in the order of their keys, so
// that one walk through a tree serves them all: neighbours share its pages.
type keyOrder struct {
	items []keyItem
}

type keyItem struct {
	prefix uint64 // of the key, its type tag left out
	row    int32
}

// sortFrom is the number of rows from which order pays for the sorting.
const sortFrom = 32

// of orders the first n keys of buf; equal prefixes stay in the order of rows.
func (o *keyOrder) of(buf *values.KeyBuf, n int) []keyItem {
	o.items = o.items[:0]
	for i := range n {
		o.items = append(o.items, keyItem{keyPrefix(buf.Key(i)), int32(i)})
	}
	if n >= sortFrom {
		slices.SortFunc(o.items, func(a, b keyItem) int {
			if a.prefix != b.prefix {
				return cmp.Compare(a.prefix, b.prefix)
			}
			return cmp.Compare(a.row, b.row)
		})
	}
	return o.items
}

func keyPrefix(key []byte) uint64 {
	if len(key) >= 9 {
		return binary.BigEndian.Uint64(key[1:])
	}
	var b [8]byte
	if len(key) > 1 {
		copy(b[:], key[1:])
	}
	return binary.BigEndian.Uint64(b[:])
}
