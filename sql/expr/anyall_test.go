package expr

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/testpg"
	"github.com/heliosdb/heliosdb-streaming/internal/testseed"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// TestAnyAllAgainstPostgres compares x op ANY|ALL (array), the array being a
// column and, where the look-up set takes over, a constant.
func TestAnyAllAgainstPostgres(t *testing.T) {
	t.Parallel()
	pg := testpg.NewOracle(t)
	seed := uint64(testseed.Of(t))
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	for _, c := range []struct {
		fn, op string
		x, e   types.Type
	}{
		{"int4eq", "=", types.Int4, types.Int4}, {"int4ne", "<>", types.Int4, types.Int4}, {"int4lt", "<", types.Int4, types.Int4},
		{"int84eq", "=", types.Int8, types.Int4}, {"texteq", "=", types.Text, types.Text}, {"textne", "<>", types.Text, types.Text},
		{"textlike", "~~", types.Text, types.Text}, {"numeric_ge", ">=", types.Numeric, types.Numeric},
		{"date_eq_timestamp", "=", types.Date, types.Timestamp},
	} {
		at, _ := c.e.ArrayOf()
		for _, all := range []bool{false, true} {
			word := map[bool]string{false: "ANY", true: "ALL"}[all]
			var params [][]string
			for range 60 {
				p := []string{randomText(rnd, c.x), randomText(rnd, at)}
				for k := range p {
					if rnd.IntN(8) == 0 {
						p[k] = nullMark
					}
				}
				params = append(params, p)
			}
			sql := fmt.Sprintf("SELECT %s %s %s (%s)", param(1, c.x), c.op, word, param(2, at))
			for i, want := range pg.Ask(sql, params...) {
				for _, constant := range []bool{false, true} {
					got, ok := evalAnyAll(t, c.fn, all, constant, c.x, at, params[i])
					exp := want.Text
					if want.Null {
						exp = "NULL"
					} else if want.Code != "" {
						exp = "error " + want.Code
					}
					if ok && got != exp {
						t.Errorf("%s %q (constant array: %v): got %s, want %s", sql, params[i], constant, got, exp)
					}
				}
			}
		}
	}
}

// evalAnyAll evaluates one row; ok is false when the texts are no values.
func evalAnyAll(t *testing.T, fn string, all, constant bool, x, at types.Type, p []string) (got string, ok bool) {
	t.Helper()
	var ds [2]delta.Datum
	for k, typ := range []types.Type{x, at} {
		ds[k] = delta.NullOf(typ)
		if p[k] != nullMark {
			d, err := values.ParseDatum(typ, []byte(p[k]), nil)
			if err != nil {
				return "", false
			}
			ds[k] = d
		}
	}
	// Three rows, so that rows and flat pairs are not the same.
	in := delta.NewBatch([]types.Type{x, at}, 3)
	for range 3 {
		in.Cols[0].AppendDatum(ds[0])
		in.Cols[1].AppendDatum(ds[1])
		in.N++
	}
	e := &AnyAll{Fn: FuncByID(fn), X: &Column{Index: 0, T: x}, Array: &Column{Index: 1, T: at}, All: all}
	if constant {
		e.Array = &Const{Value: ds[1]}
	}
	ctx := &Ctx{}
	v := MustCompile(e).Eval(ctx, in)
	if errs := ctx.TakeErrors(); len(errs) > 0 {
		return "error " + pgerr.From(errs[0].Err).Code, true
	}
	texts := map[string]bool{}
	for i := range 3 {
		s := "NULL"
		if !v.IsNull(i) {
			s = string(values.AppendText(nil, v, i, nil))
		}
		texts[s] = true
		got = s
	}
	if len(texts) != 1 {
		t.Errorf("equal rows give %v", texts)
	}
	return got, true
}

func TestArrayNode(t *testing.T) {
	t.Parallel()
	e := &Array{T: types.Type{OID: 1007, Mod: -1}, Elems: []Expr{intCol(0), intLit(7), &Const{Value: delta.NullOf(types.Int4)}}}
	v := MustCompile(e).Eval(&Ctx{}, intBatch(1, nil))
	for i, want := range []string{"{1,7,NULL}", "{NULL,7,NULL}"} {
		if got := string(values.AppendText(nil, v, i, nil)); got != want {
			t.Errorf("row %d: got %s, want %s", i, got, want)
		}
	}
}
