package exec

import (
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
)

// newSetIter begins one call of a set-returning function. A NULL argument gives
// no rows: all of them are strict.
func newSetIter(_ *Ctx, f *plan.SetFunc, args []delta.Datum) (setIter, error) {
	for _, a := range args {
		if a.Null {
			return nil, nil
		}
	}
	switch f.Name {
	case "generate_series":
		if f.Cols[0].Type.Phys() == types.Int64 && len(args) > 0 && args[0].T.OID != types.OIDTimestamp && args[0].T.OID != types.OIDTimestamptz {
			return intSeries(args)
		}
	case "unnest":
		return unnest(args[0]), nil
	case "generate_subscripts":
		return subscripts(args), nil
	case "_pg_expandarray":
		return expandArray(args[0]), nil
	case "pg_options_to_table":
		return optionsToTable(args[0]), nil
	case "pg_partition_ancestors":
		return once(args[0]), nil
	}
	return nil, pgerr.Unsupported(0, "function %s(%s)", f.Name, f.Cols[0].Type)
}

func intSeries(args []delta.Datum) (setIter, error) {
	at, end, step := args[0].I, args[1].I, int64(1)
	if len(args) > 2 {
		step = args[2].I
	}
	if step == 0 {
		return nil, pgerr.New(pgerr.InvalidParameterValue, "step size cannot equal zero")
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
