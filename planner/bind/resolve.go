package bind

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// candidate is one overload in the choice of PostgreSQL's chapter 10.2/10.3.
type candidate struct {
	args     []types.Type // one for each argument of the call
	variadic bool         // its last argument was repeated
	fn       *expr.Func
	agg      *expr.Aggregate
	set      *setFunc
}

// matching keeps the candidates that every argument can be coerced to.
func matching(cands []candidate, in []types.Type) []candidate {
	var out []candidate
	for _, c := range cands {
		ok := true
		for i, t := range in {
			if !canCoerce(t, c.args[i], expr.ImplicitCast) {
				ok = false
				break
			}
		}
		if ok {
			if _, fits := elementType(c.args, in); fits {
				out = append(out, c)
			}
		}
	}
	return out
}

// elementType is what AnyElement stands for in a call; fits is false when the
// arguments disagree. OID 0: nothing polymorphic, or only unknown arguments.
func elementType(declared, in []types.Type) (elem types.Type, fits bool) {
	for i, d := range declared {
		if !polymorphic(d) || in[i].OID == types.OIDUnknown {
			continue
		}
		t := in[i].Base()
		if d.OID == types.OIDAnyArray {
			e, ok := t.Elem()
			if !ok {
				return elem, false
			}
			t = e.Base()
		} else if d.OID == types.OIDAnyNonArray && t.IsArray() {
			return elem, false
		}
		if elem.OID != 0 && elem != t {
			return elem, false
		}
		elem = t
	}
	return elem, true
}

// concrete is the type that an argument declared as d gets in a call whose
// AnyElement is elem.
func concrete(d, elem types.Type) (types.Type, bool) {
	switch d.OID {
	case types.OIDAnyElement, types.OIDAnyNonArray:
		return elem, elem.OID != 0
	case types.OIDAnyArray:
		if elem.OID == 0 {
			return elem, false
		}
		return elem.ArrayOf()
	}
	return d, true
}

// exact is the candidate whose arguments are in, to the letter.
func exact(cands []candidate, in []types.Type) (candidate, bool) {
	for _, c := range cands {
		same := true
		for i, t := range in {
			same = same && t.OID == c.args[i].OID
		}
		if same {
			return c, true
		}
	}
	return candidate{}, false
}

// choose is func_select_candidate over candidates that all match; nil: the call
// is ambiguous.
func choose(cands []candidate, in []types.Type) *candidate {
	cands = best(cands, func(c candidate) int {
		n := 0
		for i, t := range in {
			if t.OID != types.OIDUnknown && t.OID == c.args[i].OID {
				n++
			}
		}
		return n
	})
	if len(cands) == 1 {
		return &cands[0]
	}
	unknowns := 0
	for _, t := range in {
		if t.OID == types.OIDUnknown {
			unknowns++
		}
	}
	cands = best(cands, func(c candidate) int {
		n := 0
		for i, t := range in {
			if t.OID == types.OIDUnknown {
				continue
			}
			if t.OID == c.args[i].OID || preferredIn(c.args[i], t.Info().Category) {
				n++
			}
		}
		return n
	})
	if len(cands) == 1 {
		return &cands[0]
	}
	if unknowns == 0 {
		return nil
	}
	if cands = byCategory(cands, in); len(cands) == 1 {
		return &cands[0]
	}
	if unknowns < len(in) {
		return byKnown(cands, in)
	}
	return nil
}

func best(cands []candidate, score func(candidate) int) []candidate {
	top := -1
	var out []candidate
	for _, c := range cands {
		switch n := score(c); {
		case n > top:
			top, out = n, []candidate{c}
		case n == top:
			out = append(out, c)
		}
	}
	return out
}

func preferredIn(t types.Type, category byte) bool {
	in := t.Info()
	return in != nil && in.Preferred && in.Category == category
}

// byCategory decides the category of each unknown argument (string wins, a
// conflict leaves the candidates alone) and drops what does not accept it.
func byCategory(cands []candidate, in []types.Type) []candidate {
	category := make([]byte, len(in))
	preferred := make([]bool, len(in))
	for i, t := range in {
		if t.OID != types.OIDUnknown {
			continue
		}
		conflict := false
		for _, c := range cands {
			info := c.args[i].Info()
			switch {
			case category[i] == 0:
				category[i], preferred[i] = info.Category, info.Preferred
			case info.Category == category[i]:
				preferred[i] = preferred[i] || info.Preferred
			case info.Category == 'S':
				category[i], preferred[i] = 'S', info.Preferred
			case category[i] != 'S':
				conflict = true
			}
		}
		if conflict && category[i] != 'S' {
			return cands
		}
	}
	var out []candidate
	for _, c := range cands {
		keep := true
		for i := range in {
			info := c.args[i].Info()
			if category[i] != 0 && (info.Category != category[i] || preferred[i] && !info.Preferred) {
				keep = false
			}
		}
		if keep {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return cands
	}
	return out
}

// byKnown assumes that unknown arguments have the one type of the known ones.
func byKnown(cands []candidate, in []types.Type) *candidate {
	known := types.Unknown
	for _, t := range in {
		if t.OID == types.OIDUnknown {
			continue
		}
		if known.OID != types.OIDUnknown && known.OID != t.OID {
			return nil
		}
		known = t
	}
	all := make([]types.Type, len(in))
	for i := range all {
		all[i] = known
	}
	var found *candidate
	for k := range cands {
		_, ok := elementType(cands[k].args, all)
		for i := range in {
			ok = ok && canCoerce(known, cands[k].args[i], expr.ImplicitCast)
		}
		if ok {
			if found != nil {
				return nil
			}
			found = &cands[k]
		}
	}
	return found
}

func exprTypes(es []expr.Expr) []types.Type {
	ts := make([]types.Type, len(es))
	for i, e := range es {
		ts[i] = e.Type().Base()
	}
	return ts
}

func typeList(ts []types.Type) string {
	s := make([]string, len(ts))
	for i, t := range ts {
		s[i] = t.String()
	}
	return strings.Join(s, ", ")
}

// operator finds the operator for argument types (one: prefix form).
func operator(name string, in []types.Type, pos int) (*candidate, error) {
	var cands []candidate
	for _, f := range expr.Operators(name) {
		if len(f.Args) == len(in) {
			cands = append(cands, candidate{args: f.Args, fn: f})
		}
	}
	look := in
	if len(in) == 2 && in[0].OID != in[1].OID {
		if in[0].OID == types.OIDUnknown {
			look = []types.Type{in[1], in[1]}
		} else if in[1].OID == types.OIDUnknown {
			look = []types.Type{in[0], in[0]}
		}
	}
	if c, ok := exact(cands, look); ok {
		return &c, nil
	}
	match := matching(cands, in)
	if len(match) > 1 {
		if c := choose(match, in); c != nil {
			return c, nil
		}
		return nil, pgerr.New(pgerr.AmbiguousFunction, "operator is not unique: %s", operatorText(name, in)).
			WithHint("Could not choose a best candidate operator. You might need to add explicit type casts.").At(pos)
	}
	if len(match) == 1 {
		return &match[0], nil
	}
	e := pgerr.New(pgerr.UndefinedFunction, "operator does not exist: %s", operatorText(name, in)).At(pos)
	if len(in) == 1 {
		return nil, e.WithHint("No operator matches the given name and argument type. You might need to add an explicit type cast.")
	}
	return nil, e.WithHint("No operator matches the given name and argument types. You might need to add explicit type casts.")
}

func operatorText(name string, in []types.Type) string {
	if len(in) == 1 {
		return name + " " + in[0].String()
	}
	return in[0].String() + " " + name + " " + in[1].String()
}

// arguments coerces args to what c declares; elem is what AnyElement stands for.
func (b *binder) arguments(c *candidate, args []expr.Expr, pos int) ([]expr.Expr, types.Type, error) {
	elem, _ := elementType(c.args, exprTypes(args))
	out := make([]expr.Expr, len(args))
	for i, a := range args {
		want, ok := concrete(c.args[i], elem)
		if !ok && c.args[i].OID == types.OIDAnyElement {
			want, ok = types.Text, true
		}
		switch {
		case !ok:
			return nil, elem, pgerr.New(pgerr.DatatypeMismatch, "could not determine polymorphic type because input has type unknown").At(pos)
		case want.OID == types.OIDAny:
			x, err := b.settleText(a)
			if err != nil {
				return nil, elem, err
			}
			out[i] = x
			continue
		}
		x, fits, err := b.coerce(a, want, expr.ImplicitCast, pos)
		if err != nil {
			return nil, elem, err
		}
		if !fits {
			return nil, elem, pgerr.Internal("argument %d cannot be coerced from %s to %s", i+1, a.Type(), want).At(pos)
		}
		out[i] = x
	}
	return out, elem, nil
}

// callFunc makes the call of a scalar candidate.
func (b *binder) callFunc(c *candidate, args []expr.Expr, pos int) (expr.Expr, error) {
	in, elem, err := b.arguments(c, args, pos)
	if err != nil {
		return nil, err
	}
	ret, _ := concrete(c.fn.Ret, elem)
	if c.fn.RetFor != nil {
		ret = c.fn.RetFor(typesOf(in))
	}
	return &expr.Call{Fn: c.fn, Args: in, T: ret, Pos: pos}, nil
}

func typesOf(es []expr.Expr) []types.Type {
	ts := make([]types.Type, len(es))
	for i, e := range es {
		ts[i] = e.Type()
	}
	return ts
}

// operate binds l op r (l nil: prefix).
func (b *binder) operate(op string, l, r expr.Expr, pos int) (expr.Expr, error) {
	args := []expr.Expr{l, r}
	if l == nil {
		args = args[1:]
	}
	c, err := operator(op, exprTypes(args), pos)
	if err != nil {
		return nil, err
	}
	return b.callFunc(c, args, pos)
}
