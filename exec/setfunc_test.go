package exec

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// TestSetFunctions: the answers are PostgreSQL 15's.
func TestSetFunctions(t *testing.T) {
	t.Parallel()
	textArray, _ := types.Text.ArrayOf()
	intArray, _ := types.Int4.ArrayOf()
	js, tx, n, ts, iv := types.JSONB, types.Text, types.Numeric, types.Timestamp, types.Interval
	for _, c := range []struct {
		name string
		in   []types.Type
		args string // separated by |
		out  []types.Type
		want string
	}{
		{"generate_series", []types.Type{types.Int8, types.Int8}, "1|3", []types.Type{types.Int8}, "1 2 3"},
		{"generate_series", []types.Type{types.Int8, types.Int8, types.Int8}, "9223372036854775806|9223372036854775807|2", []types.Type{types.Int8}, "9223372036854775806"},
		{"generate_series", []types.Type{types.Int8, types.Int8, types.Int8}, "1|3|0", []types.Type{types.Int8}, "22023 step size cannot equal zero"},
		{"generate_series", []types.Type{n, n, n}, "1|2.5|0.50", []types.Type{n}, "1 1.50 2.00 2.50"},
		{"generate_series", []types.Type{n, n, n}, "2|1|-1", []types.Type{n}, "2 1"},
		{"generate_series", []types.Type{n, n}, "NaN|1", []types.Type{n}, "22023 start value cannot be NaN"},
		{"generate_series", []types.Type{n, n}, "1|Infinity", []types.Type{n}, "22023 stop value cannot be infinity"},
		{"generate_series", []types.Type{ts, ts, iv}, "2024-01-31|2024-04-01|1 mon", []types.Type{ts}, "2024-01-31 00:00:00 2024-02-29 00:00:00 2024-03-29 00:00:00"},
		{"generate_series", []types.Type{ts, ts, iv}, "2024-01-02|2024-01-01|-12 hours", []types.Type{ts}, "2024-01-02 00:00:00 2024-01-01 12:00:00 2024-01-01 00:00:00"},
		{"generate_series", []types.Type{ts, ts, iv}, "2024-01-02|2024-01-01|1 mon -30 days", []types.Type{ts}, "22023 step size cannot equal zero"},
		{"unnest", []types.Type{textArray}, "{a,NULL,b}", []types.Type{tx}, "a NULL b"},
		{"_pg_expandarray", []types.Type{intArray}, "{7,8}", []types.Type{types.Int4, types.Int4}, "7,1 8,2"},
		{"generate_subscripts", []types.Type{intArray, types.Int4}, "{7,8}|1", []types.Type{types.Int4}, "1 2"},
		{"regexp_matches", []types.Type{tx, tx, tx}, "abab|a(b)|g", []types.Type{textArray}, "{b} {b}"},
		{"regexp_matches", []types.Type{tx, tx}, "abab|b", []types.Type{textArray}, "{b}"},
		{"regexp_split_to_table", []types.Type{tx, tx}, "a1b22c|[0-9]+", []types.Type{tx}, "a b c"},
		{"regexp_split_to_table", []types.Type{tx, tx, tx}, "a|b|g", []types.Type{tx}, `22023 regexp_split_to_table() does not support the "global" option`},
		{"string_to_table", []types.Type{tx, tx, tx}, "a,b,x|,|x", []types.Type{tx}, "a b NULL"},
		{"string_to_table", []types.Type{tx, tx}, "ab|NULL", []types.Type{tx}, "a b"},
		{"string_to_table", []types.Type{tx, tx}, "NULL|,", []types.Type{tx}, ""},
		{"jsonb_array_elements", []types.Type{js}, `[1, "a", null, [2]]`, []types.Type{js}, `1 "a" null [2]`},
		{"jsonb_array_elements_text", []types.Type{js}, `[1, "a", null]`, []types.Type{tx}, `1 a NULL`},
		{"jsonb_array_elements", []types.Type{js}, `{}`, []types.Type{js}, "22023 cannot extract elements from an object"},
		{"jsonb_array_elements", []types.Type{js}, `3`, []types.Type{js}, "22023 cannot extract elements from a scalar"},
		{"jsonb_object_keys", []types.Type{js}, `{"b": 1, "a": 2}`, []types.Type{tx}, "a b"},
		{"jsonb_object_keys", []types.Type{js}, `[]`, []types.Type{tx}, "22023 cannot call jsonb_object_keys on an array"},
		{"jsonb_each", []types.Type{js}, `{"b": "x", "a": {"k": 1}}`, []types.Type{tx, js}, `a,{"k": 1} b,"x"`},
		{"jsonb_each_text", []types.Type{js}, `{"b": "x", "a": null}`, []types.Type{tx, tx}, `a,NULL b,x`},
		{"jsonb_each_text", []types.Type{js}, `1`, []types.Type{tx, tx}, `22023 cannot call jsonb_each_text on a non-object`},
		{"pg_get_keywords", nil, "", []types.Type{tx}, ""},
	} {
		f := plan.SetFunc{Name: c.name, Cols: cols(c.out...)}
		for i, s := range strings.Split(c.args, "|")[:len(c.in)] {
			e := &expr.Const{}
			e.Value.T, e.Value.Null = c.in[i], true
			if s != "NULL" {
				d, err := values.ParseDatum(c.in[i], []byte(s), &values.TextOpts{})
				if err != nil {
					t.Fatal(err)
				}
				e.Value = d
			}
			f.Args = append(f.Args, e)
		}
		n := &plan.TableFunc{Props: plan.Props{Cols: f.Cols}, Fns: []plan.SetFunc{f}}
		var got []string
		for b, err := range Query(context.Background(), n, &QueryEnv{}) {
			if err != nil {
				e := pgerr.From(err)
				got = []string{e.Code, e.Message}
				break
			}
			for _, r := range rows(b) {
				got = append(got, strings.Join(splitCells(r, len(c.out)), ","))
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s(%s) = %s, want %s", c.name, c.args, s, c.want)
		}
	}
}

// splitCells takes the weight off a row's text and splits it into n cells.
func splitCells(row string, n int) []string {
	return slices.Clip(strings.SplitN(strings.TrimPrefix(row, "+1 "), " ", n))
}
