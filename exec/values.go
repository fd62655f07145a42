package exec

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// emitValues pushes the rows of a VALUES list, split at MaxBatchRows.
func emitValues(c *Ctx, n *plan.Values, out Emit) error {
	b := delta.NewBatch(n.Types(), len(n.Rows))
	for _, row := range n.Rows {
		for i, e := range row {
			d, err := expr.EvalConst(&c.Eval, e)
			if err != nil {
				return err
			}
			b.Cols[i].AppendDatum(d)
		}
		b.AppendWeight(1)
		if b.N == delta.MaxBatchRows {
			if err := out(b); err != nil {
				return err
			}
			b.Reset()
		}
	}
	if b.N == 0 {
		return nil
	}
	return out(b)
}
