package expr

import (
	"math"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

func intCol(i int) Expr { return &Column{Index: i, T: types.Int4, Name: "a"} }
func intLit(x int64) Expr {
	return &Const{Value: delta.IntOf(types.Int4, x)}
}
func call(id string, args ...Expr) *Call {
	f := FuncByID(id)
	if f == nil {
		panic("no function " + id)
	}
	return &Call{Fn: f, Args: args, T: f.Ret}
}

func intBatch(xs ...any) *delta.Batch {
	b := delta.NewBatch([]types.Type{types.Int4}, len(xs))
	for _, x := range xs {
		if x == nil {
			b.Cols[0].AppendNull()
		} else {
			b.Cols[0].AppendInt(int64(x.(int)))
		}
		b.N++
	}
	return b
}

func show(v *delta.Vec) []any {
	var out []any
	for i := range v.Len() {
		switch {
		case v.IsNull(i):
			out = append(out, nil)
		case v.T.Phys() == types.Bool:
			out = append(out, v.B[i])
		case v.T.Phys() == types.Int64:
			out = append(out, int(v.I[i]))
		default:
			out = append(out, string(v.Bytes(i)))
		}
	}
	return out
}

func wantValues(t *testing.T, v *delta.Vec, want ...any) {
	t.Helper()
	got := show(v)
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("row %d: got %v, want %v", i, got, want)
		}
	}
}

// TestLazy: a division by zero counts only for rows that reach it, and is
// reported under the row of the whole batch.
func TestLazy(t *testing.T) {
	t.Parallel()
	inv := call("int4div", intLit(100), intCol(0))
	nonzero := call("int4ne", intCol(0), intLit(0))
	big := call("int4gt", inv, intLit(20))
	in := intBatch(0, 1, 10, nil, 0, 50)
	for name, c := range map[string]struct {
		e    Expr
		want []any
		rows []int
	}{
		"and":      {&And{Args: []Expr{nonzero, big}}, []any{false, true, false, nil, false, false}, nil},
		"or":       {&Or{Args: []Expr{&Not{X: nonzero}, big}}, []any{true, true, false, nil, true, false}, nil},
		"and late": {&And{Args: []Expr{big, nonzero}}, []any{false, true, false, nil, false, false}, []int{0, 4}},
		"case":     {&Case{Whens: []When{{nonzero, inv}}, Else: intLit(-1), T: types.Int4}, []any{-1, 100, 10, -1, -1, 2}, nil},
		"case bad": {&Case{Whens: []When{{call("int4gt", intCol(0), intLit(5)), intLit(7)}}, Else: inv, T: types.Int4}, []any{nil, 100, 7, nil, nil, 7}, []int{0, 4}},
		"coalesce": {&Coalesce{Args: []Expr{intCol(0), intLit(9)}, T: types.Int4}, []any{0, 1, 10, 9, 0, 50}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := MustCompile(c.e)
			for range 2 { // scratch memory is reused
				ctx := &Ctx{}
				wantValues(t, p.Eval(ctx, in), c.want...)
				errs := ctx.TakeErrors()
				if len(errs) != len(c.rows) {
					t.Fatalf("errors %v, want rows %v", errs, c.rows)
				}
				for i, e := range errs {
					if e.Row != c.rows[i] || !pgerr.Is(e.Err, pgerr.DivisionByZero) {
						t.Fatalf("errors %v, want rows %v", errs, c.rows)
					}
				}
			}
		})
	}
}

func TestErrorRowAndNesting(t *testing.T) {
	t.Parallel()
	div := call("int4div", intLit(1), intCol(0))
	div.Pos = 17 // errors at run time have no position
	inner := &Case{Whens: []When{{call("int4lt", intCol(0), intLit(1)), div}}, T: types.Int4}
	outer := &Case{Whens: []When{{call("int4lt", intCol(0), intLit(5)), inner}}, T: types.Int4}
	ctx := &Ctx{}
	wantValues(t, MustCompile(outer).Eval(ctx, intBatch(9, 3, 0, -1)), nil, nil, nil, -1)
	errs := ctx.TakeErrors()
	if len(errs) != 1 || errs[0].Row != 2 || pgerr.From(errs[0].Err).Pos != 0 {
		t.Fatalf("got %v", errs)
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	p := MustCompile(call("int4gt", intCol(0), intLit(2)))
	got := p.Filter(&Ctx{}, intBatch(1, 3, nil, 5), nil)
	if len(got) != 2 || got[0] != 1 || got[1] != 3 {
		t.Fatalf("got %v", got)
	}
}

func TestFoldStringEqual(t *testing.T) {
	t.Parallel()
	sum := call("int4pl", intLit(1), intLit(2))
	for _, c := range []struct {
		e    Expr
		want string
	}{
		{call("int4mul", intCol(0), sum), "(a * 3)"},
		{call("int4pl", intCol(0), &Const{Value: delta.NullOf(types.Int4)}), "NULL::integer"},
		{call("int4div", intLit(1), intLit(0)), "(1 / 0)"},
		{&And{Args: []Expr{call("int4gt", intLit(2), intLit(1)), call("int4gt", intCol(0), intLit(-1))}}, "(a > '-1'::integer)"},
		{&Or{Args: []Expr{call("int4gt", intCol(0), intLit(1)), &Const{Value: delta.BoolOf(true)}, inertCall()}}, "true"},
		{&Coalesce{Args: []Expr{&Const{Value: delta.NullOf(types.Int4)}, intCol(0)}, T: types.Int4}, "a"},
	} {
		got := Fold(c.e)
		if String(got) != c.want {
			t.Errorf("fold: got %s, want %s", String(got), c.want)
		}
		if !Equal(got, Fold(c.e)) {
			t.Errorf("%s is not equal to itself", c.want)
		}
	}
}

func inertCall() Expr { return call("int4lt", intCol(0), intLit(1)) }

func TestCodec(t *testing.T) {
	t.Parallel()
	for _, e := range []Expr{
		&Case{Whens: []When{{inertCall(), intLit(1)}}, Else: intCol(0), T: types.Int4},
		&Const{Value: delta.FloatOf(math.NaN())},
		&Const{Value: delta.FloatOf(math.Inf(-1))},
		&Const{Value: delta.TextOf("it's")},
		&Not{X: &IsNull{X: &Outer{Level: 1, Index: 2, T: types.Text}}},
		&Coalesce{Args: []Expr{intCol(0), &Param{N: 1, T: types.Int4}}, T: types.Int4},
		&AnyAll{Fn: FuncByID("int4eq"), X: intCol(0), Array: &Array{Elems: []Expr{intLit(1)}, T: types.Type{OID: 1007, Mod: -1}}},
	} {
		b, err := Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Unmarshal(b)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if !Equal(e, got) {
			t.Errorf("%s came back as %s", String(e), String(got))
		}
	}
	if _, err := Unmarshal([]byte(`{"k":"call","f":"no_such"}`)); !pgerr.Is(err, pgerr.UndefinedFunction) {
		t.Errorf("got %v", err)
	}
}

func TestNegatorCommutator(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{{"int4lt", "int4gt", "int4ge"}, {"int48le", "int84ge", "int48gt"}, {"texteq", "texteq", "textne"}} {
		f := FuncByID(c[0])
		if g := Commutator(f); g != FuncByID(c[1]) {
			t.Errorf("commutator of %s", c[0])
		}
		if g := Negator(f); g != FuncByID(c[2]) {
			t.Errorf("negator of %s", c[0])
		}
	}
}
