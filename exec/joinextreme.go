package exec

import (
	"bytes"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
)

// extreme applies a plan.Extreme: the rows of one side, the led one, that lie
// behind the other side's extreme are not kept. The pair of the extreme is the
// last join column in the trees, so that the rows to drop are a range.
//
// A row behind is ignored when it comes, whatever the extreme does until the end
// of the step: it could only meet an extreme that is taken back in this step.
// Kept rows that fall behind go at the end of the step, when the extremes that
// were taken back have met them.
type extreme struct {
	falls bool
	port  int // of the extreme

	known  bool   // prefix and best hold
	prefix []byte // the join columns before the extreme that were looked up last
	best   []byte // the extreme there; empty: there is none
	moved  []byte // join columns of the extremes that came in this step
	ends   []int  // of each in moved
}

// extremeLen is the length of an extreme in a key: the planner finds only those
// of one length.
const extremeLen = 9

// maxMoved bounds, in bytes, the extremes that are remembered in a step; rows
// behind others stay until theirs moves again.
const maxMoved = 1 << 20

// newExtreme is nil where the join has none.
func newExtreme(n *plan.Join) *extreme {
	if n.Extreme == nil {
		return nil
	}
	x := &extreme{falls: n.Extreme.Falls}
	if n.Extreme.Right {
		x.port = 1
	}
	return x
}

// behind reports whether the led side's row with the given join columns, of
// which the last is not NULL, lies behind the extreme that cur's tree holds.
// What it looks up holds until known is reset.
func (x *extreme) behind(cur *state.Cursor, key []byte) bool {
	at := len(key) - extremeLen
	if !x.known || !bytes.Equal(x.prefix, key[:at]) {
		x.prefix = append(x.prefix[:0], key[:at]...)
		x.best = x.best[:0]
		if cur.Seek(x.prefix) && bytes.HasPrefix(cur.Key(), x.prefix) {
			x.best = append(x.best, cur.Key()[at:at+extremeLen]...)
		}
		x.known = true
	}
	switch {
	case len(x.best) == 0:
		return false
	case x.falls:
		return bytes.Compare(key[at:], x.best) > 0
	}
	return bytes.Compare(key[at:], x.best) < 0
}

// note remembers the extremes that come with b.
func (x *extreme) note(s *joinSide, b *delta.Batch, fates []fate) {
	for i := range b.N {
		if fates[i] == joins && b.Weight(i) > 0 && len(x.moved) < maxMoved {
			x.moved = append(x.moved, s.buf.Key(i)...)
			x.ends = append(x.ends, len(x.moved))
		}
	}
}

// drop takes the rows that fell behind in this step out of the led side.
func (x *extreme) drop(led *state.Tree) {
	lo := 0
	for _, hi := range x.ends {
		key := x.moved[lo:hi:hi]
		rest := key[:len(key)-extremeLen]
		lo = hi
		switch {
		case led.Len() == 0:
		case x.falls:
			// Row ids begin with a small byte.
			led.DeleteRange(append(key, 0xff), successor(rest))
		default:
			led.DeleteRange(rest, key)
		}
	}
	x.moved, x.ends = x.moved[:0], x.ends[:0]
}
