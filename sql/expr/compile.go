package expr

import (
	"math/bits"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// Program is a compiled expression with its scratch memory: one per operator
// instance, not for concurrent use.
type Program struct {
	root node
	t    types.Type
}

// node computes one value a row of in. The vector is the node's own (or a
// column of in) and stays valid until the node is evaluated again.
type node interface {
	eval(c *Ctx, in *delta.Batch) *delta.Vec
}

// Compile prepares e. It fails for a parameter that was not substituted and
// for a node without its function.
func Compile(e Expr) (*Program, error) {
	n, err := compile(e)
	if err != nil {
		return nil, err
	}
	return &Program{root: n, t: e.Type()}, nil
}

// MustCompile is Compile for expressions known to be complete.
func MustCompile(e Expr) *Program {
	p, err := Compile(e)
	if err != nil {
		panic(err)
	}
	return p
}

// Type is the type of the result.
func (p *Program) Type() types.Type { return p.t }

// Eval computes the expression for every row of in. The result has in.N rows,
// belongs to the program and is valid until its next Eval; a bare column is
// the input's vector itself. Rows that fail are reported to ctx and are NULL.
func (p *Program) Eval(ctx *Ctx, in *delta.Batch) *delta.Vec { return p.root.eval(ctx, in) }

// Filter appends to sel the rows of in for which the boolean expression is
// true (neither false, nor NULL, nor failed).
func (p *Program) Filter(ctx *Ctx, in *delta.Batch, sel []int32) []int32 {
	v := p.root.eval(ctx, in)
	if !v.HasNulls() {
		for i, b := range v.B[:in.N] {
			if b {
				sel = append(sel, int32(i))
			}
		}
		return sel
	}
	for i, b := range v.B[:in.N] {
		if b && !v.IsNull(i) {
			sel = append(sel, int32(i))
		}
	}
	return sel
}

func compile(e Expr) (node, error) {
	switch e := e.(type) {
	case *Column:
		return columnNode(e.Index), nil
	case *Const:
		return &constNode{d: e.Value}, nil
	case *Param:
		return nil, pgerr.New(pgerr.UndefinedParameter, "there is no parameter $%d", e.N)
	case *Outer:
		return &outerNode{level: e.Level, index: e.Index, t: e.T}, nil
	case *Call:
		return compileCall(e)
	case *And:
		return compileLogic(e.Args, false)
	case *Or:
		return compileLogic(e.Args, true)
	case *Not:
		x, err := compile(e.X)
		return &notNode{x: x}, err
	case *IsNull:
		x, err := compile(e.X)
		return &isNullNode{x: x}, err
	case *Case:
		return compileCase(e)
	case *Coalesce:
		kids, err := compileChildren(e.Args)
		return &coalesceNode{args: kids, t: e.T}, err
	case *Array:
		return compileArray(e)
	case *AnyAll:
		return compileAnyAll(e)
	}
	return nil, pgerr.Internal("cannot compile an expression of kind %T", e)
}

func compileAll(es []Expr) ([]node, error) {
	ns := make([]node, len(es))
	for i, e := range es {
		n, err := compile(e)
		if err != nil {
			return nil, err
		}
		ns[i] = n
	}
	return ns, nil
}

type columnNode int

func (x columnNode) eval(_ *Ctx, in *delta.Batch) *delta.Vec { return in.Cols[x] }

// constNode keeps as many copies of its value as the largest batch needed.
type constNode struct {
	d          delta.Datum
	full, view delta.Vec
}

func (x *constNode) eval(_ *Ctx, in *delta.Batch) *delta.Vec {
	return repeat(&x.full, &x.view, x.d, in.N)
}

// repeat makes view n copies of d, kept in full.
func repeat(full, view *delta.Vec, d delta.Datum, n int) *delta.Vec {
	if full.T != d.T || full.Len() < n || full.Len() == 0 {
		*full = *delta.Const(d, max(n, 1))
	}
	view.T = d.T
	switch d.T.Phys() {
	case types.Bool:
		view.B = full.B[:n:n]
	case types.Int64:
		view.I = full.I[:n:n]
	case types.Float64:
		view.F = full.F[:n:n]
	default:
		view.S, view.Data = full.S[:n:n], full.Data[:len(full.Data):len(full.Data)]
	}
	view.Nulls = view.Nulls[:0]
	if d.Null {
		setFirst(&view.Nulls, n)
	}
	return view
}

// setFirst sets rows 0 … n-1 of an empty bitmap.
func setFirst(b *delta.Bitmap, n int) {
	for i := 0; i+64 <= n; i += 64 {
		*b = append(*b, ^uint64(0))
	}
	if r := uint(n) & 63; r != 0 {
		*b = append(*b, 1<<r-1)
	}
}

// countFirst counts the set rows below n.
func countFirst(b delta.Bitmap, n int) int {
	k := 0
	for w, x := range b {
		if r := n - w*64; r < 64 {
			x &= 1<<uint(max(r, 0)) - 1
		}
		k += bits.OnesCount64(x)
	}
	return k
}

// outerNode repeats a value of the row an Apply works on.
type outerNode struct {
	level, index int
	t            types.Type
	full, view   delta.Vec
}

func (x *outerNode) eval(c *Ctx, in *delta.Batch) *delta.Vec {
	o := c.Outer[x.level]
	d := o.Batch.Cols[x.index].At(o.Row)
	x.full.T = types.Type{}
	return repeat(&x.full, &x.view, d, in.N)
}

type callNode struct {
	fn     *Func
	t      types.Type
	args   []node
	vecs   []*delta.Vec
	consts uint32
	skip   delta.Bitmap
	memo   memo
	out    delta.Vec
}

func compileCall(e *Call) (node, error) {
	if e.Fn == nil {
		return nil, pgerr.Internal("a call has no function")
	}
	args, err := compileAll(e.Args)
	if err != nil {
		return nil, err
	}
	if e.Fn == relabelFunc {
		return &relabelNode{x: args[0], t: e.T}, nil
	}
	if e.Fn.Eval == nil {
		return nil, pgerr.Unsupported(e.Pos, "function %s here", e.Fn.ID)
	}
	x := &callNode{fn: e.Fn, t: e.T, args: args, vecs: make([]*delta.Vec, len(args))}
	for i, a := range e.Args {
		if _, ok := a.(*Const); ok && i < 32 {
			x.consts |= 1 << uint(i)
		}
	}
	return x, nil
}

func (x *callNode) eval(c *Ctx, in *delta.Batch) *delta.Vec {
	for i, a := range x.args {
		x.vecs[i] = a.eval(c, in)
	}
	x.skip = x.skip[:0]
	if x.fn.Strict {
		for _, v := range x.vecs {
			x.skip.Or(v.Nulls)
		}
	}
	x.out.Reset(x.t)
	if in.N == 0 {
		return &x.out
	}
	f := frame{out: &x.out, consts: x.consts, memo: &x.memo}
	c.run(x.fn, x.vecs, in.N, x.skip, f)
	return &x.out
}

// run calls a kernel within frame f; skip is empty or the strict NULLs.
func (c *Ctx) run(fn *Func, args []*delta.Vec, n int, skip delta.Bitmap, f frame) {
	switch countFirst(skip, n) {
	case 0:
		skip = nil
	case n: // nothing to compute
		f.out.Resize(n)
		setFirst(&f.out.Nulls, n)
		return
	}
	f.skip = skip
	outer := c.cur
	c.cur = f
	fn.Eval(c, args, n, skip, f.out)
	c.cur = outer
	f.out.Nulls.Or(skip)
}

// relabelFunc is a binary-coercible cast: the same bytes under another type.
var relabelFunc = &Func{ID: "relabel", Args: []types.Type{types.Any}, Ret: types.Any,
	Volatility: Immutable, Strict: true, cheap: true}

func init() { register(relabelFunc) }

// Relabel gives e the type t without computing anything; both types must be
// stored alike (see CastInfo).
func Relabel(e Expr, t types.Type) Expr {
	if k, ok := e.(*Const); ok {
		d := k.Value
		d.T = t
		return &Const{Value: d}
	}
	return &Call{Fn: relabelFunc, Args: []Expr{e}, T: t}
}

// IsRelabel reports whether c is a Relabel.
func IsRelabel(c *Call) bool { return c.Fn == relabelFunc }

type relabelNode struct {
	x    node
	t    types.Type
	view delta.Vec
}

func (x *relabelNode) eval(c *Ctx, in *delta.Batch) *delta.Vec {
	x.view = *x.x.eval(c, in)
	x.view.T = x.t
	return &x.view
}
