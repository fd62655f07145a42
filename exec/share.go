package exec

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
)

// Plans are trees, so a query that uses one subquery twice carries its plan
// twice. Equal subtrees of a continuous job are one operator with two readers:
// the state is kept, and the work done, once.

// tee passes an operator's output to all who read it.
type tee struct{ outs []Emit }

func (t *tee) push(b *delta.Batch) error {
	for _, out := range t.outs {
		if err := out(b); err != nil {
			return err
		}
	}
	return nil
}

// sharedUnit is an operator that may be found again.
type sharedUnit struct {
	tee   *tee
	stage int
}

// sharable reports whether it is worth looking for n's equal: it keeps state.
func sharable(n plan.Node) bool {
	switch n.(type) {
	case *plan.Aggregate, *plan.Join, *plan.TopN, *plan.CloseBuffer, *plan.TemporalFilter:
		return true
	}
	return false
}

// fingerprint is equal for subtrees that compute the same: their encoding with
// the operators' ids left out. "" when it cannot be had.
func fingerprint(n plan.Node) string {
	var ids []uint64
	plan.Walk(n, func(m plan.Node) {
		ids = append(ids, m.Base().ID)
		m.Base().ID = 0
	})
	enc, err := plan.Encode(n)
	i := 0
	plan.Walk(n, func(m plan.Node) {
		m.Base().ID = ids[i]
		i++
	})
	if err != nil {
		return ""
	}
	return string(enc)
}
