package exec

import (
	"encoding/binary"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
)

type joinSide struct {
	props    *plan.Props
	keys     []int // join columns, the time column first
	safe     []bool
	tree     *state.Tree
	cur      state.Cursor
	preserve bool // unmatched rows are in the output (or decide it)
	first    int  // its first column in the candidates
	vnode    func([]byte) uint8

	buf   values.KeyBuf
	cols  []*delta.Vec
	rowID []byte
}

func newJoinSide(pool *state.Pool, p *plan.Props, keys []int, n *plan.Join, once bool) *joinSide {
	s := &joinSide{props: p, tree: state.NewTree(pool, state.TreeOptions{NoLog: once})}
	s.cur = s.tree.Cursor()
	order := make([]int, len(keys))
	for i := range order {
		order[i] = i
	}
	if n.TimeKey > 0 {
		order[0], order[n.TimeKey] = n.TimeKey, 0
	}
	if x := n.Extreme; x != nil {
		last := slices.Index(order, x.Pair)
		order = append(slices.Delete(order, last, last+1), x.Pair)
	}
	for _, i := range order {
		s.keys = append(s.keys, keys[i])
		s.safe = append(s.safe, n.NullSafe != nil && n.NullSafe[i])
	}
	return s
}

func (s *joinSide) route(in plan.Node, keys []int) {
	dist, ok := distribution(in)
	places, ok := through(dist, ok, func(c int) int { return slices.Index(s.keys, c) })
	if !ok {
		places, _ = through(keys, true, func(c int) int { return slices.Index(s.keys, c) })
	}
	s.vnode = vnodeOf(places)
}

func (s *joinSide) encode(b *delta.Batch) {
	s.cols = s.cols[:0]
	for _, k := range s.keys {
		s.cols = append(s.cols, b.Cols[k])
	}
	values.EncodeKeys(&s.buf, s.cols, b.N)
}

func (s *joinSide) hopeless(b *delta.Batch, i int) bool {
	for k, c := range s.keys {
		if !s.safe[k] && b.Cols[c].IsNull(i) {
			return true
		}
	}
	return false
}

func (s *joinSide) treeKey(b *delta.Batch, i int) []byte {
	s.rowID = append(s.rowID[:0], s.buf.Key(i)...)
	s.rowID = appendRowID(s.rowID, b.Cols, nil, i)
	return s.rowID
}

func (s *joinSide) split(val []byte) (weight, matches int64, row []byte) {
	weight, k := binary.Varint(val)
	if s.preserve {
		m, n := binary.Varint(val[k:])
		return weight, m, val[k+n:]
	}
	return weight, 0, val[k:]
}

func (s *joinSide) columns(b *delta.Batch) []*delta.Vec {
	return b.Cols[s.first : s.first+len(s.props.Cols)]
}

func (s *joinSide) keyLen(key []byte) int { return values.KeyPrefixLen(key, len(s.keys)) }
