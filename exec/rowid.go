package exec

import (
	"encoding/binary"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// maxIdentity is the longest row that is a key by itself, in bytes; a tree's
// keys are bounded.
const maxIdentity = 32 << 10

// Marks of appendRowID.
const (
	wholeRow  = 0
	hashedRow = 1
)

// appendRowID appends what tells row i of cols from every other row, in key
// order: a mark, then values.RowIdentity, from which the row can be read again.
// A row too long for that is marked hashedRow and given by a vnode and 128 bits
// of hash; it then lies beside the key, in the value. dist are the columns whose
// hash decided where the row is, for that vnode.
func appendRowID(dst []byte, cols []*delta.Vec, dist []int, i int) []byte {
	at := len(dst)
	dst = values.RowIdentity(append(dst, wholeRow), cols, i)
	if len(dst)-at <= maxIdentity {
		return dst
	}
	id := dst[at:]
	h1 := values.Hash(id)
	id[0] = hashedRow
	h2 := values.Hash(id)
	var place []byte
	for _, c := range dist {
		place = values.AppendKey(place, cols[c], i)
	}
	dst = append(dst[:at], hashedRow, values.VNode(values.Hash(place)))
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, h1), h2)
}

// vnodeOfRow is the vnode function of row ids, given dist.
func vnodeOfRow(dist []int) func(id []byte) uint8 {
	route := vnodeOf(dist)
	return func(id []byte) uint8 {
		if rowInValue(id) {
			return id[1]
		}
		return route(id[1:])
	}
}

// rowInValue reports whether the row of an id lies in the value.
func rowInValue(id []byte) bool { return id[0] == hashedRow }

// decodeRowID appends the row of an id, or the one beside it, to cols.
func decodeRowID(id, row []byte, cols []*delta.Vec) error {
	if rowInValue(id) {
		_, err := values.DecodeRow(row, cols)
		return err
	}
	return values.DecodeIdentity(id[1:], cols)
}
