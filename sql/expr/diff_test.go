package expr

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/testpg"
	"github.com/heliosdb/heliosdb-streaming/internal/testseed"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// caseOf is one overload as SQL calls it.
type caseOf struct {
	label string
	fn    *Func
	args  []types.Type
	ret   types.Type
	sql   string
}

// notInPostgres are functions that stand for grammar, not for pg_proc entries,
// and json_build_object, whose result is jsonb here.
var notInPostgres = map[string]bool{"json_build_object": true, "array_subscript": true, "array_slice": true, "greatest": false, "least": false}

// sessionBound read the session or the catalog: they have tests of their own.
func sessionBound(f *Func) bool {
	if f.Volatility == Volatile {
		return true
	}
	for _, p := range []string{"to_reg", "current_", "pg_", "pgsql_", "PG_", "has_", "show_config", "obj_", "col_", "shobj_", "row_security",
		"now", "age_now", "clock", "statement_", "format_type"} {
		if strings.HasPrefix(f.ID, p) && !strings.HasPrefix(f.ID, "pg_convert") && f.ID != "pg_size_pretty" {
			return true
		}
	}
	return false
}

// actual gives polymorphic declarations concrete types.
func actual(f *Func, elem types.Type) ([]types.Type, bool) {
	poly := false
	arr, _ := elem.ArrayOf()
	args := make([]types.Type, 0, len(f.Args)+1)
	for _, t := range f.Args {
		switch t.OID {
		case types.OIDAnyElement, types.OIDAnyNonArray, types.OIDAny:
			t, poly = elem, true
		case types.OIDAnyArray:
			t, poly = arr, true
		}
		args = append(args, t)
	}
	if f.Variadic {
		args = append(args, args[len(args)-1])
	}
	return args, poly
}

func retOf(f *Func, args []types.Type, elem types.Type) types.Type {
	if f.RetFor != nil {
		return f.RetFor(args)
	}
	switch f.Ret.OID {
	case types.OIDAnyElement:
		return elem
	case types.OIDAnyArray:
		t, _ := elem.ArrayOf()
		return t
	}
	return f.Ret
}

// nullMark as a parameter stands for NULL.
const nullMark = "~null~"

func param(n int, t types.Type) string {
	return fmt.Sprintf("NULLIF($%d::text, '%s')::%s", n, nullMark, t)
}

var polyElems = []types.Type{types.Int4, types.Text, types.Numeric, types.Timestamp}

func allCases() []caseOf {
	var cs []caseOf
	add := func(label string, f *Func, format func(args []string) string) {
		for _, elem := range polyElems {
			args, poly := actual(f, elem)
			ps := make([]string, len(args))
			for i, t := range args {
				ps[i] = param(i+1, t)
			}
			cs = append(cs, caseOf{label + " " + f.ID + " " + elem.String(), f, args, retOf(f, args, elem), "SELECT " + format(ps)})
			if !poly {
				break
			}
		}
	}
	EachOperator(func(name string, f *Func) {
		add(name, f, func(a []string) string {
			if len(a) == 1 {
				return name + " " + a[0]
			}
			return a[0] + " " + name + " " + a[1]
		})
	})
	EachFunction(func(name string, f *Func) {
		if !notInPostgres[name] {
			add(name, f, func(a []string) string {
				if name == "greatest" || name == "least" {
					return name + "(" + strings.Join(a, ", ") + ")"
				}
				return "pg_catalog." + name + "(" + strings.Join(a, ", ") + ")"
			})
		}
	})
	EachCast(func(from, to uint32, c CastInfo) {
		ft, tt := types.Type{OID: from, Mod: -1}, types.Type{OID: to, Mod: -1}
		if c.Fn == nil || from == to || isReg(ft) || isReg(tt) || ft.IsArray() {
			return
		}
		cs = append(cs, caseOf{"cast " + c.Fn.ID, c.Fn, []types.Type{ft}, tt, fmt.Sprintf("SELECT %s::%s", param(1, ft), tt)})
	})
	sort.Slice(cs, func(i, j int) bool { return cs[i].label < cs[j].label })
	return cs
}

// inexact functions may differ in the last digits: they go through another
// mathematical library.
var inexact = map[string]bool{"dexp": true, "dlog1": true, "dlog10": true, "dpow": true, "dsin": true, "dcos": true, "dtan": true,
	"dasin": true, "dacos": true, "datan": true, "datan2": true, "dsinh": true, "dcosh": true, "dtanh": true, "dcbrt": true,
	"degrees": true, "radians": true}

func sameText(f *Func, a, b string) bool {
	if a == b {
		return true
	}
	if !inexact[f.ID] {
		return false
	}
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return err1 == nil && err2 == nil && math.Abs(x-y) <= 1e-13*math.Max(math.Abs(x), 1)
}

// fieldFirst are the functions whose first argument names a field of time.
var fieldFirst = map[string]bool{"extract_timestamp": true, "timestamp_part": true, "extract_timestamptz": true, "timestamptz_part": true,
	"extract_date": true, "date_part_date": true, "extract_interval": true, "interval_part": true, "timestamp_trunc": true,
	"timestamptz_trunc": true, "timestamptz_trunc_zone": true, "interval_trunc": true}

var numberFormats = map[string]bool{"int4_to_char": true, "float4_to_char": true, "int8_to_char": true, "numeric_to_char": true, "float8_to_char": true}

var numFormats = []string{"999", "FM999", "999999999", "FM999999999.99", "9G999G999D99", "9,999,999.00", "0000000", "FM0000000000.000", "S999999", "999999S", "MI999999",
	"999999MI", "PL9999999", "SG9999999", "9999999PR", "FM9999999PR", "99999TH", "FM99999th", "RN", "FMRN", "rn", "9.99EEEE", "999V99", "L999999", "0.99", "9.9", "FM9.9",
	"\"Good number:\"999999", "FM90.99", "990.99", "", "9990999.9", "9.9.9", "B9999", "SPR9", "x9y9z9", "S0000", "FMS999.999", ".99", "D99", "99,99,99"}

var dateFormats = []string{"YYYY-MM-DD HH24:MI:SS", "HH12:MI AM", "YYYY", "Mon DD", "HH24:MI:SS.US", "Q", "DDD", ""}

var dateTexts = []string{"2024-02-29 12:34:56", "2023-12-31", "2001", "Feb 03", "11:22 PM", "12:34:56.789", "3", "060", "garbage", "2024-13-01 00:00:00"}

// lengthSecond are the functions whose second argument is the result's length.
var lengthSecond = map[string]bool{"repeat": true, "lpad": true, "lpad2": true, "rpad": true, "rpad2": true}

var timeFields = strings.Fields(`year month day hour minute second microseconds milliseconds epoch dow doy isodow isoyear week quarter
	century decade millennium timezone timezone_hour YEAR years mon us`)

var timeZones = []string{"UTC", "Europe/Berlin", "America/New_York", "EST", "asia/kolkata", "nowhere", ""}

// documentedGap is an error that says what is not supported, where PostgreSQL
// has an answer: regular expressions that RE2 cannot run, for one.
func documentedGap(err error) bool {
	return pgerr.Is(err, pgerr.FeatureNotSupported)
}

const rowsPerCase = 25

// TestAgainstPostgres evaluates every overload of the registry on random
// arguments here and in PostgreSQL: values, SQLSTATEs and messages must agree.
func TestAgainstPostgres(t *testing.T) {
	t.Parallel()
	pg := testpg.NewOracle(t)
	seed := uint64(testseed.Of(t))
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	checked := 0
	for _, c := range allCases() {
		if sessionBound(c.fn) || c.fn.Eval == nil {
			continue
		}
		checked++
		params := make([][]string, rowsPerCase)
		for i := range params {
			for k, a := range c.args {
				if rnd.IntN(15) == 0 {
					params[i] = append(params[i], nullMark)
					continue
				}
				if k == 0 && fieldFirst[c.fn.ID] && rnd.IntN(8) > 0 {
					params[i] = append(params[i], timeFields[rnd.IntN(len(timeFields))])
					continue
				}
				if k == 0 && (strings.HasSuffix(c.fn.ID, "_zone") && c.fn.ID != "timestamptz_trunc_zone") {
					params[i] = append(params[i], timeZones[rnd.IntN(len(timeZones))])
					continue
				}
				if k == 1 && strings.HasSuffix(c.fn.ID, "_to_char") && !numberFormats[c.fn.ID] {
					n := len(dateFormats)
					if c.args[0] == types.Interval {
						n -= 2 // the day of the year of an interval overflows in C
					}
					params[i] = append(params[i], dateFormats[rnd.IntN(n)])
					continue
				}
				if k == 1 && (c.fn.ID == "to_timestamp" || c.fn.ID == "to_date") {
					params[i] = append(params[i][:0], dateTexts[rnd.IntN(len(dateTexts))], dateFormats[rnd.IntN(len(dateFormats)-2)])
					continue
				}
				if k == 1 && lengthSecond[c.fn.ID] { // not a gigabyte each
					params[i] = append(params[i], strconv.Itoa(rnd.IntN(40)-5))
					continue
				}
				if k == 1 && numberFormats[c.fn.ID] {
					params[i] = append(params[i], numFormats[rnd.IntN(len(numFormats))])
					continue
				}
				if k == 2 && c.fn.ID == "timestamptz_trunc_zone" {
					params[i] = append(params[i], timeZones[rnd.IntN(len(timeZones))])
					continue
				}
				params[i] = append(params[i], randomText(rnd, a))
			}
		}
		want := pg.Ask(c.sql, params...)
		compareCase(t, c, params, want)
	}
	t.Logf("%d overloads", checked)
}

// compareCase evaluates one case here; rows whose arguments cannot be read by
// either side are left out.
func compareCase(t *testing.T, c caseOf, params [][]string, want []testpg.Answer) {
	t.Helper()
	in := delta.NewBatch(c.args, len(params))
	if len(c.args) == 0 {
		return
	}
	var rows []int
	for i, p := range params {
		ok := true
		row := delta.NewBatch(c.args, 1)
		for k, a := range c.args {
			if p[k] == nullMark {
				row.Cols[k].AppendNull()
			} else if values.ParseText(a, []byte(p[k]), nil, row.Cols[k]) != nil {
				ok = false
			}
		}
		if ok {
			row.N = 1
			in.AppendRow(row, 0, 1)
			rows = append(rows, i)
		}
	}
	e := &Call{Fn: c.fn, T: c.ret}
	for k, a := range c.args {
		e.Args = append(e.Args, &Column{Index: k, T: a})
	}
	ctx := &Ctx{}
	v := MustCompile(e).Eval(ctx, in)
	errs := map[int]error{}
	for _, e := range ctx.TakeErrors() {
		errs[e.Row] = e.Err
	}
	bad := 0
	for j, i := range rows {
		w := want[i]
		got := ""
		if err := errs[j]; err != nil {
			pe := pgerr.From(err)
			got = "error " + pe.Code + " " + pe.Message
		} else if v.IsNull(j) {
			got = "NULL"
		} else {
			got = string(values.AppendText(nil, v, j, nil))
		}
		exp := w.Text
		if w.Code != "" {
			exp = "error " + w.Code + " " + w.Message
		} else if w.Null {
			exp = "NULL"
		}
		if documentedGap(errs[j]) || c.fn.ID == "date_part_date" && params[i][0] == nullMark {
			continue // the latter: PostgreSQL converts the date before it looks at the field
		}
		if !sameText(c.fn, got, exp) {
			if bad++; bad <= 3 {
				t.Errorf("%s: %s %q\n   got %.300s\n  want %.300s", c.label, c.sql, params[i], got, exp)
			}
		}
	}
	if bad > 3 {
		t.Errorf("%s: %d of %d rows differ", c.label, bad, len(rows))
	}
}
