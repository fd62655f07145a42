package expr

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// child is an operand that only some rows may need: it is then evaluated on
// those rows gathered into a sub-batch of the columns it reads.
type child struct {
	n     node
	cols  []int
	cheap bool // cannot fail and costs less than gathering
	sub   delta.Batch
}

func compileChildren(es []Expr) ([]child, error) {
	kids := make([]child, len(es))
	for i, e := range es {
		k, err := compileChild(e)
		if err != nil {
			return nil, err
		}
		kids[i] = k
	}
	return kids, nil
}

func compileChild(e Expr) (child, error) {
	n, err := compile(e)
	return child{n: n, cols: Columns(e), cheap: isCheap(e)}, err
}

func isCheap(e Expr) bool {
	switch e := e.(type) {
	case *Column, *Const:
		return true
	case *Call:
		if !e.Fn.cheap {
			return false
		}
		for _, a := range e.Args {
			if !isCheap(a) {
				return false
			}
		}
		return true
	case *Not:
		return isCheap(e.X)
	case *IsNull:
		return isCheap(e.X)
	}
	return false
}

// on evaluates the operand for the rows sel of in (ascending; all rows when
// it is as long as in).
func (k *child) on(c *Ctx, in *delta.Batch, sel []int32) *delta.Vec {
	if len(sel) == in.N {
		return k.n.eval(c, in)
	}
	if len(k.sub.Cols) < len(in.Cols) {
		k.sub.Cols = make([]*delta.Vec, len(in.Cols))
	}
	for _, i := range k.cols {
		if k.sub.Cols[i] == nil {
			k.sub.Cols[i] = &delta.Vec{}
		}
		in.Cols[i].Gather(k.sub.Cols[i], sel)
	}
	k.sub.N = len(sel)
	return c.within(sel, func() *delta.Vec { return k.n.eval(c, &k.sub) })
}

// logicNode is AND, or OR when or is set, in three-valued logic. The row is
// decided by the first operand that is false (AND) or true (OR); operands
// after it are not evaluated for the row unless they cannot fail.
type logicNode struct {
	args []child
	or   bool
	sel  []int32
	out  delta.Vec
}

func compileLogic(es []Expr, or bool) (node, error) {
	if len(es) == 0 {
		return &constNode{d: delta.BoolOf(!or)}, nil
	}
	kids, err := compileChildren(es)
	return &logicNode{args: kids, or: or}, err
}

func (x *logicNode) eval(c *Ctx, in *delta.Batch) *delta.Vec {
	n := in.N
	out := &x.out
	out.Reset(types.Boolean)
	out.Resize(n)
	v := x.args[0].n.eval(c, in)
	copy(out.B, v.B[:n])
	out.Nulls.Or(v.Nulls)
	for k := 1; k < len(x.args); k++ {
		kid := &x.args[k]
		if kid.cheap {
			x.combineAll(kid.n.eval(c, in), n)
			continue
		}
		x.sel = x.sel[:0]
		for i, b := range out.B {
			if b != x.or || out.IsNull(i) {
				x.sel = append(x.sel, int32(i))
			}
		}
		if len(x.sel) == 0 {
			break
		}
		v := kid.on(c, in, x.sel)
		for j, i := range x.sel {
			x.combine(int(i), v.B[j], v.IsNull(j))
		}
	}
	return out
}

// combine adds one operand's value to the result of row i.
func (x *logicNode) combine(i int, b, null bool) {
	out := &x.out
	switch {
	case out.B[i] == x.or && !out.IsNull(i): // decided
	case !null && b == x.or:
		out.B[i] = b
		out.Nulls.Unset(i)
	case null:
		out.SetNull(i)
	default: // neutral: the row keeps what it has
	}
}

func (x *logicNode) combineAll(v *delta.Vec, n int) {
	out := &x.out
	if v.HasNulls() || out.HasNulls() {
		for i := range n {
			x.combine(i, v.B[i], v.IsNull(i))
		}
		return
	}
	a, b := out.B[:n], v.B[:n]
	if x.or {
		for i := range a {
			a[i] = a[i] || b[i]
		}
		return
	}
	for i := range a {
		a[i] = a[i] && b[i]
	}
}

type notNode struct {
	x   node
	out delta.Vec
}

func (x *notNode) eval(c *Ctx, in *delta.Batch) *delta.Vec {
	v := x.x.eval(c, in)
	x.out.Reset(types.Boolean)
	x.out.Resize(in.N)
	x.out.Nulls.Or(v.Nulls)
	for i := range in.N {
		x.out.B[i] = !v.B[i]
	}
	return &x.out
}

type isNullNode struct {
	x   node
	out delta.Vec
}

func (x *isNullNode) eval(c *Ctx, in *delta.Batch) *delta.Vec {
	v := x.x.eval(c, in)
	x.out.Reset(types.Boolean)
	x.out.Resize(in.N)
	if !v.HasNulls() {
		clear(x.out.B)
		return &x.out
	}
	for i := range in.N {
		x.out.B[i] = v.IsNull(i)
	}
	return &x.out
}

type caseNode struct {
	conds, thens []child // thens has one more than conds when there is an ELSE
	t            types.Type
	rest, hit    []int32
	out          delta.Vec
}

func compileCase(e *Case) (node, error) {
	x := &caseNode{t: e.T}
	arms := make([]Expr, 0, len(e.Whens)+1)
	for _, w := range e.Whens {
		k, err := compileChild(w.Cond)
		if err != nil {
			return nil, err
		}
		x.conds = append(x.conds, k)
		arms = append(arms, w.Then)
	}
	if e.Else != nil {
		arms = append(arms, e.Else)
	}
	var err error
	x.thens, err = compileChildren(arms)
	return x, err
}

func (x *caseNode) eval(c *Ctx, in *delta.Batch) *delta.Vec {
	out := &x.out
	out.Reset(x.t)
	out.Resize(in.N)
	x.rest = allRows(x.rest, in.N)
	for k := range x.conds {
		if len(x.rest) == 0 {
			return out
		}
		v := x.conds[k].on(c, in, x.rest)
		x.hit = x.hit[:0]
		keep := x.rest[:0]
		for j, i := range x.rest {
			if v.B[j] && !v.IsNull(j) {
				x.hit = append(x.hit, i)
			} else {
				keep = append(keep, i)
			}
		}
		x.rest = keep
		if len(x.hit) > 0 {
			scatter(out, x.thens[k].on(c, in, x.hit), x.hit)
		}
	}
	if len(x.rest) == 0 {
		return out
	}
	if len(x.thens) > len(x.conds) {
		scatter(out, x.thens[len(x.conds)].on(c, in, x.rest), x.rest)
		return out
	}
	for _, i := range x.rest {
		out.SetNull(int(i))
	}
	return out
}

// allRows is 0 … n-1.
func allRows(sel []int32, n int) []int32 {
	sel = sel[:0]
	for i := range n {
		sel = append(sel, int32(i))
	}
	return sel
}

// scatter sets row sel[j] of out to row j of v.
func scatter(out, v *delta.Vec, sel []int32) {
	switch out.T.Phys() {
	case types.Bool:
		for j, i := range sel {
			out.B[i] = v.B[j]
		}
	case types.Int64:
		for j, i := range sel {
			out.I[i] = v.I[j]
		}
	case types.Float64:
		for j, i := range sel {
			out.F[i] = v.F[j]
		}
	default:
		for j, i := range sel {
			if !v.IsNull(j) {
				out.SetBytes(int(i), v.Bytes(j))
			}
		}
	}
	if v.HasNulls() {
		for j, i := range sel {
			if v.IsNull(j) {
				out.SetNull(int(i))
			}
		}
	}
}

type coalesceNode struct {
	args []child
	t    types.Type
	rest []int32
	out  delta.Vec
}

func (x *coalesceNode) eval(c *Ctx, in *delta.Batch) *delta.Vec {
	out := &x.out
	out.Reset(x.t)
	out.Resize(in.N)
	x.rest = allRows(x.rest, in.N)
	for k := range x.args {
		if len(x.rest) == 0 {
			break
		}
		v := x.args[k].on(c, in, x.rest)
		// The last writer of a row wins: an argument that is NULL is overwritten.
		for _, i := range x.rest {
			out.Nulls.Unset(int(i))
		}
		scatter(out, v, x.rest)
		keep := x.rest[:0]
		for j, i := range x.rest {
			if v.IsNull(j) {
				keep = append(keep, i)
			}
		}
		x.rest = keep
	}
	return out
}
