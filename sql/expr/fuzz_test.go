package expr

import (
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// FuzzUnmarshal: whatever a stored expression holds, it is read or refused, and
// what was read can be written, compared, printed and compiled.
func FuzzUnmarshal(f *testing.F) {
	for _, e := range []Expr{
		&Case{Whens: []When{{inertCall(), intLit(1)}}, Else: intCol(0), T: types.Int4},
		&Const{Value: delta.TextOf("x")},
		&AnyAll{Fn: FuncByID("int4eq"), X: intCol(0), Array: &Array{Elems: []Expr{intLit(1)}, T: types.Type{OID: 1007, Mod: -1}}},
	} {
		b, err := Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Unmarshal(b)
		if err != nil || e == nil {
			return
		}
		if _, err := Marshal(e); err != nil {
			t.Fatal(err)
		}
		Columns(e)
	})
}
