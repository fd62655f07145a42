package exec

import "github.com/heliosdb/heliosdb-streaming/internal/delta"

// union is UNION ALL: Δ(A + B) = ΔA + ΔB. No state; any number of ports.
type union struct{}

var _ Operator = union{}

func (union) Push(_ *Ctx, _ int, b *delta.Batch, out Emit) error { return out(b) }

func (union) End(*Ctx, Emit) error { return nil }
