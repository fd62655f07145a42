package expr

import (
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// TestRegistry: what every entry must have, so that the binder and stored plans
// can rely on it.
func TestRegistry(t *testing.T) {
	t.Parallel()
	deriveArrayCasts()
	for id, f := range funcsByID {
		if f.ID != id {
			t.Errorf("%s is registered as %s", f.ID, id)
		}
		if f.Eval == nil && f != relabelFunc {
			t.Errorf("%s has no kernel", id)
		}
		if f.Variadic && len(f.Args) == 0 {
			t.Errorf("%s repeats an argument it does not have", id)
		}
		switch f.Volatility {
		case Immutable, Stable, Volatile:
		default:
			t.Errorf("%s has volatility %q", id, f.Volatility)
		}
		if f.Ret.Info() == nil {
			t.Errorf("%s returns an unknown type", id)
		}
	}
	type signature struct {
		name string
		n    int
		a, b types.Type
	}
	seen := map[signature]string{}
	EachOperator(func(name string, f *Func) {
		s := signature{name: name, n: len(f.Args), a: f.Args[0], b: f.Args[len(f.Args)-1]}
		if other := seen[s]; other != "" {
			t.Errorf("operator %s%v is both %s and %s", name, f.Args, other, f.ID)
		}
		seen[s] = f.ID
	})
}

// TestCasts: every type has a cast from and to text, so that literals work.
func TestCasts(t *testing.T) {
	t.Parallel()
	types.All(func(in *types.Info) {
		if in.Category == 'P' || in.Category == 'X' || in.OID == types.OIDText {
			return
		}
		typ := types.Type{OID: in.OID, Mod: -1}
		if _, ok := FindCast(types.Text, typ); !ok {
			t.Errorf("no cast from text to %s", typ)
		}
		if c, ok := FindCast(typ, types.Text); !ok || c.Context == ExplicitCast {
			t.Errorf("no assignment cast from %s to text", typ)
		}
	})
}
