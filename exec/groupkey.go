package exec

import (
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
)

// longColumns are the columns of an aggregate call whose values of varying
// width become part of a key in the side table.
func longColumns(a *plan.Agg, in *plan.Props) []int {
	cols := []int{}
	for _, c := range a.Args {
		if in.Cols[c].Type.Phys() == types.Bytes {
			cols = append(cols, c)
		}
	}
	for _, k := range a.OrderBy {
		if in.Cols[k.Col].Type.Phys() == types.Bytes {
			cols = append(cols, k.Col)
		}
	}
	return cols
}

// groupKeys encodes the keys of groups. Columns that all have a fixed width
// give keys of one length, which the hash table keeps beside the values: a NULL
// is then filled up with zeros. Other keys are plain encoded columns.
type groupKeys struct {
	types  []types.Type
	ends   []int // fixed width: where each column ends
	width  int   // 0: keys vary
	buf    values.KeyBuf
	padded []byte
	list   [][]byte
	hashes []uint64
}

func (k *groupKeys) init() {
	for _, t := range k.types {
		switch t.Phys() {
		case types.Bool:
			k.width += 2
		case types.Bytes:
			k.width = 0
			return
		default:
			k.width += 9
		}
		k.ends = append(k.ends, k.width)
	}
}

// encode sets list and hashes to the keys of n rows.
func (k *groupKeys) encode(cols []*delta.Vec, n int) {
	k.list = slices.Grow(k.list[:0], n)[:n]
	if k.width > 0 && slices.ContainsFunc(cols, (*delta.Vec).HasNulls) {
		k.encodePadded(cols, n)
	} else {
		values.EncodeKeys(&k.buf, cols, n)
		for i := range n {
			k.list[i] = k.buf.Key(i)
		}
	}
	k.hashes = slices.Grow(k.hashes[:0], n)[:n]
	for i, key := range k.list {
		k.hashes[i] = values.Hash(key)
	}
}

func (k *groupKeys) encodePadded(cols []*delta.Vec, n int) {
	k.padded = slices.Grow(k.padded[:0], n*k.width)
	for i := range n {
		at := len(k.padded)
		for c, v := range cols {
			k.padded = values.AppendKey(k.padded, v, i)
			for len(k.padded) < at+k.ends[c] {
				k.padded = append(k.padded, 0)
			}
		}
		k.list[i] = k.padded[at:len(k.padded):len(k.padded)]
	}
}

// column is the encoding of one column in a key.
func (k *groupKeys) column(key []byte, c int) []byte {
	if k.width == 0 {
		lo := values.KeyPrefixLen(key, c)
		return key[lo:values.KeyPrefixLen(key, c+1)]
	}
	lo := 0
	if c > 0 {
		lo = k.ends[c-1]
	}
	return key[lo : lo+values.KeyPrefixLen(key[lo:], 1)]
}

// decode appends the columns of a key to cols.
func (k *groupKeys) decode(key []byte, cols []*delta.Vec) error {
	if k.width == 0 {
		_, err := values.DecodeKey(key, cols)
		return err
	}
	lo := 0
	for c := range cols {
		if _, err := values.DecodeKey(key[lo:k.ends[c]], cols[c:c+1]); err != nil {
			return err
		}
		lo = k.ends[c]
	}
	return nil
}

// route gives the vnode of a state key: 8 bytes of window where there is one,
// then the encoded group columns, then (side table) the owner's part.
func (a *aggregate) route() func([]byte) uint8 {
	dist, ok := distribution(a.n.In)
	places, ok := through(dist, ok, func(c int) int { return slices.Index(a.n.Group, c) })
	if !ok {
		places = places[:0]
		for i := range a.n.Group {
			places = append(places, i)
		}
	}
	return func(key []byte) uint8 {
		var win []byte
		if a.windows != nil {
			v := delta.NewVec(types.Timestamp, 1)
			if w := windowOf(key); w == nullWindow {
				v.AppendNull()
			} else {
				v.AppendInt(w)
			}
			win = values.AppendKey(nil, v, 0)
			key = key[8:]
		}
		var buf []byte
		for _, p := range places {
			if p == a.n.Window && a.windows != nil {
				buf = append(buf, win...)
				continue
			}
			buf = append(buf, a.keys.column(key, slices.Index(a.others, a.n.Group[p]))...)
		}
		return values.VNode(values.Hash(buf))
	}
}
