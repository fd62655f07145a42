package bind

import (
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// setFunc is one overload of a set-returning function. Column types may be
// types.AnyElement. A function in FROM with a single unnamed column takes the
// name of its alias.
type setFunc struct {
	args []types.Type
	cols []plan.Col
}

func one(t types.Type) []plan.Col { return []plan.Col{{Type: t}} }

var textArray, _ = types.Text.ArrayOf()

// setFuncs are the set-returning functions by name; exec evaluates them by it.
var setFuncs = map[string][]setFunc{
	"generate_series": {
		{[]types.Type{types.Int4, types.Int4}, one(types.Int4)},
		{[]types.Type{types.Int4, types.Int4, types.Int4}, one(types.Int4)},
		{[]types.Type{types.Int8, types.Int8}, one(types.Int8)},
		{[]types.Type{types.Int8, types.Int8, types.Int8}, one(types.Int8)},
		{[]types.Type{types.Numeric, types.Numeric}, one(types.Numeric)},
		{[]types.Type{types.Numeric, types.Numeric, types.Numeric}, one(types.Numeric)},
		{[]types.Type{types.Timestamp, types.Timestamp, types.Interval}, one(types.Timestamp)},
		{[]types.Type{types.Timestamptz, types.Timestamptz, types.Interval}, one(types.Timestamptz)},
	},
	"unnest": {{[]types.Type{types.AnyArray}, one(types.AnyElement)}},
	"generate_subscripts": {
		{[]types.Type{types.AnyArray, types.Int4}, one(types.Int4)},
		{[]types.Type{types.AnyArray, types.Int4, types.Boolean}, one(types.Int4)},
	},
	"regexp_matches": {
		{[]types.Type{types.Text, types.Text}, one(textArray)},
		{[]types.Type{types.Text, types.Text, types.Text}, one(textArray)},
	},
	"regexp_split_to_table": {
		{[]types.Type{types.Text, types.Text}, one(types.Text)},
		{[]types.Type{types.Text, types.Text, types.Text}, one(types.Text)},
	},
	"string_to_table": {
		{[]types.Type{types.Text, types.Text}, one(types.Text)},
		{[]types.Type{types.Text, types.Text, types.Text}, one(types.Text)},
	},
	"jsonb_array_elements":      {{[]types.Type{types.JSONB}, []plan.Col{{Name: "value", Type: types.JSONB}}}},
	"jsonb_array_elements_text": {{[]types.Type{types.JSONB}, []plan.Col{{Name: "value", Type: types.Text}}}},
	"jsonb_object_keys":         {{[]types.Type{types.JSONB}, one(types.Text)}},
	"jsonb_each": {{[]types.Type{types.JSONB},
		[]plan.Col{{Name: "key", Type: types.Text}, {Name: "value", Type: types.JSONB}}}},
	"jsonb_each_text": {{[]types.Type{types.JSONB},
		[]plan.Col{{Name: "key", Type: types.Text}, {Name: "value", Type: types.Text}}}},
	"_pg_expandarray": {{[]types.Type{types.AnyArray},
		[]plan.Col{{Name: "x", Type: types.AnyElement}, {Name: "n", Type: types.Int4}}}},
	"pg_options_to_table": {{[]types.Type{textArray},
		[]plan.Col{{Name: "option_name", Type: types.Text}, {Name: "option_value", Type: types.Text}}}},
	"pg_partition_ancestors":    {{[]types.Type{types.RegClass}, []plan.Col{{Name: "relid", Type: types.RegClass}}}},
	"pg_get_publication_tables": {{[]types.Type{types.Text}, []plan.Col{{Name: "relid", Type: types.Oid}}}},
	"pg_get_keywords": {{nil, []plan.Col{{Name: "word", Type: types.Text}, {Name: "catcode", Type: types.Char},
		{Name: "barelabel", Type: types.Boolean}, {Name: "catdesc", Type: types.Text}, {Name: "baredesc", Type: types.Text}}}},
}

// SetFunctions calls fn for the name and the argument types of every
// set-returning function, in no set order.
func SetFunctions(fn func(name string, args []types.Type)) {
	for name, fs := range setFuncs {
		for _, f := range fs {
			fn(name, f.args)
		}
	}
}

func findSetFuncs(name string) []setFunc { return setFuncs[name] }

// chooseSet resolves a set-returning call.
func (b *binder) chooseSet(name string, fns []setFunc, args []expr.Expr, pos int) (plan.SetFunc, error) {
	in := exprTypes(args)
	var cands []candidate
	for i := range fns {
		if len(fns[i].args) == len(args) {
			cands = append(cands, candidate{args: fns[i].args, set: &fns[i]})
		}
	}
	c, found := exact(cands, in)
	if !found {
		match := matching(cands, in)
		if len(match) == 0 {
			return plan.SetFunc{}, noFunction(name, in, pos)
		}
		c = match[0]
		if len(match) > 1 {
			p := choose(match, in)
			if p == nil {
				return plan.SetFunc{}, pgerr.New(pgerr.AmbiguousFunction, "function %s(%s) is not unique", name, typeList(in)).
					WithHint("Could not choose a best candidate function. You might need to add explicit type casts.").At(pos)
			}
			c = *p
		}
	}
	out, elem, err := b.arguments(&c, args, pos)
	if err != nil {
		return plan.SetFunc{}, err
	}
	f := plan.SetFunc{Name: name, Args: out, Cols: append([]plan.Col(nil), c.set.cols...)}
	for i := range f.Cols {
		f.Cols[i].Type, _ = concrete(f.Cols[i].Type, elem)
	}
	return f, nil
}

// setCall binds a set-returning function in a select list.
func (b *binder) setCall(s *scope, name string, fns []setFunc, args []expr.Expr, pos int) (expr.Expr, error) {
	switch {
	case s.inAgg:
		return nil, pgerr.New(pgerr.FeatureNotSupported, "aggregate function calls cannot contain set-returning function calls").
			WithHint("You might be able to move the set-returning function into a LATERAL FROM item.").At(pos)
	case s.sel == nil || s.where != inSelect && s.where != inOrderBy:
		return nil, pgerr.New(pgerr.FeatureNotSupported, "set-returning functions are not allowed in %s", s.where).At(pos)
	}
	if err := b.adHocOnly(pos, "set-returning function "+name+"()"); err != nil {
		return nil, err
	}
	f, err := b.chooseSet(name, fns, args, pos)
	if err != nil {
		return nil, err
	}
	for i := range f.Cols {
		if f.Cols[i].Name == "" {
			f.Cols[i].Name = name
		}
	}
	if len(f.Cols) > 1 && !s.wantField {
		return nil, pgerr.Unsupported(pos, "the row that function %s() returns as a value", name)
	}
	return &setRef{fn: f, pos: pos}, nil
}
