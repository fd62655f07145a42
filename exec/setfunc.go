package exec

import (
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
)

// newSetIter begins one call of a set-returning function; nil: no rows. A NULL
// argument gives none: all of them but string_to_table are strict.
func newSetIter(c *Ctx, f *plan.SetFunc, args []delta.Datum) (setIter, error) {
	for i, a := range args {
		if a.Null && (f.Name != "string_to_table" || i == 0) {
			return nil, nil
		}
	}
	switch f.Name {
	case "generate_series":
		switch args[0].T.OID {
		case types.OIDNumeric:
			return numericSeries(args)
		case types.OIDTimestamp, types.OIDTimestamptz:
			return timeSeries(c, args)
		}
		return intSeries(args)
	case "unnest":
		return unnest(args[0]), nil
	case "_pg_expandarray":
		return numbered(unnest(args[0])), nil
	case "generate_subscripts":
		return subscripts(args), nil
	case "regexp_matches":
		return regexpMatches(args)
	case "regexp_split_to_table":
		return splitTable(c, args)
	case "string_to_table":
		return viaArray(c, args, "text_to_array", "text_to_array_null")
	case "jsonb_array_elements", "jsonb_array_elements_text":
		return jsonElements(args[0].S, f.Name == "jsonb_array_elements_text")
	case "jsonb_object_keys":
		return jsonKeys(args[0].S)
	case "jsonb_each", "jsonb_each_text":
		return jsonEach(args[0].S, f.Name)
	case "pg_options_to_table":
		return optionsToTable(args[0]), nil
	case "pg_partition_ancestors", "pg_get_publication_tables", "pg_get_keywords":
		return nil, nil // there are no partitions, no publications, no keyword list
	}
	return nil, pgerr.Unsupported(0, "function %s(%s)", f.Name, f.Cols[0].Type)
}

var errZeroStep = pgerr.New(pgerr.InvalidParameterValue, "step size cannot equal zero")

func intSeries(args []delta.Datum) (setIter, error) {
	at, end, step := args[0].I, args[1].I, int64(1)
	if len(args) > 2 {
		step = args[2].I
	}
	if step == 0 {
		return nil, errZeroStep
	}
	done := false
	return func(cols []*delta.Vec) (bool, error) {
		if done || step > 0 && at > end || step < 0 && at < end {
			return false, nil
		}
		cols[0].AppendInt(at)
		done = step > 0 && at > math.MaxInt64-step || step < 0 && at < math.MinInt64-step
		at += step
		return true, nil
	}, nil
}

// numericSeries ends with the last value that is not past the end; the scale of
// a value is the greater of those of its predecessor and the step.
func numericSeries(args []delta.Datum) (setIter, error) {
	at, end, step := num.Decode(args[0].S), num.Decode(args[1].S), num.FromInt64(1)
	if len(args) > 2 {
		step = num.Decode(args[2].S)
	}
	for i, d := range []num.Decimal{at, end, step} {
		what := []string{"start value", "stop value", "step size"}[i]
		switch {
		case d.IsNaN():
			return nil, pgerr.New(pgerr.InvalidParameterValue, "%s cannot be NaN", what)
		case d.IsInf():
			return nil, pgerr.New(pgerr.InvalidParameterValue, "%s cannot be infinity", what)
		}
	}
	if step.IsZero() {
		return nil, errZeroStep
	}
	var buf []byte
	return func(cols []*delta.Vec) (bool, error) {
		if at.Cmp(end)*step.Sign() > 0 {
			return false, nil
		}
		buf = num.Append(buf[:0], at)
		cols[0].AppendBytes(buf)
		var err error
		at, err = at.Add(step)
		return true, err
	}, nil
}

// timeSeries adds an interval again and again; of a timestamptz in the session's
// time zone.
func timeSeries(c *Ctx, args []delta.Datum) (setIter, error) {
	at, end, step := args[0].I, args[1].I, pgtime.DecodeInterval(args[2].S)
	sign := step.Cmp(pgtime.Interval{})
	if sign == 0 {
		return nil, errZeroStep
	}
	next := func() (int64, error) { return pgtime.Add(at, step) }
	if args[0].T.OID == types.OIDTimestamptz {
		zone := "UTC"
		if c.Eval.Session != nil {
			zone = c.Eval.Session.TimeZone()
		}
		loc, err := pgtime.LoadZone(zone)
		if err != nil {
			return nil, err
		}
		next = func() (int64, error) { return pgtime.AddTZ(at, step, loc) }
	}
	return func(cols []*delta.Vec) (bool, error) {
		if sign > 0 && at > end || sign < 0 && at < end {
			return false, nil
		}
		cols[0].AppendInt(at)
		var err error
		at, err = next()
		return true, err
	}, nil
}

// numbered appends a count from 1 to the rows of another function.
func numbered(it setIter) setIter {
	n := int64(0)
	return func(cols []*delta.Vec) (bool, error) {
		ok, err := it(cols[:1])
		if ok {
			n++
			cols[1].AppendInt(n)
		}
		return ok, err
	}
}

func unnest(array delta.Datum) setIter {
	et, _ := array.T.Elem()
	elems := delta.NewVec(et, 0)
	delta.AppendArrayElems(array.S, elems)
	i := 0
	return func(cols []*delta.Vec) (bool, error) {
		if i >= elems.Len() {
			return false, nil
		}
		cols[0].AppendFrom(elems, i)
		i++
		return true, nil
	}
}

func subscripts(args []delta.Datum) setIter {
	n := int64(delta.ArrayLen(args[0].S))
	if args[1].I != 1 {
		n = 0
	}
	at, step := int64(1), int64(1)
	if len(args) > 2 && args[2].B {
		at, step = n, -1
	}
	return func(cols []*delta.Vec) (bool, error) {
		if at < 1 || at > n {
			return false, nil
		}
		cols[0].AppendInt(at)
		at += step
		return true, nil
	}
}
