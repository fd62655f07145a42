package expr

import "github.com/heliosdb/heliosdb-streaming/internal/types"

var (
	aggregatesByName = map[string][]*Aggregate{}
	aggregatesByID   = map[string]*Aggregate{}
)

// Aggregates returns the overloads of an aggregate's name (lower case). count
// without arguments is count(*).
func Aggregates(name string) []*Aggregate { return aggregatesByName[name] }

// AggregateByID finds an aggregate by its permanent name; nil: none.
func AggregateByID(id string) *Aggregate { return aggregatesByID[id] }

// EachAggregate calls fn for every aggregate, in no set order.
func EachAggregate(fn func(*Aggregate)) {
	for _, a := range aggregatesByID {
		fn(a)
	}
}

func aggregate(name string, ret types.Type, args ...types.Type) *Aggregate {
	id := name
	if len(args) > 0 {
		id += "("
		for i, t := range args {
			if i > 0 {
				id += ","
			}
			id += t.Info().Name
		}
		id += ")"
	}
	a := &Aggregate{ID: id, Name: name, Args: args, Ret: ret}
	aggregatesByID[id] = a
	aggregatesByName[name] = append(aggregatesByName[name], a)
	return a
}

func init() {
	aggregate("count", types.Int8)
	aggregate("count", types.Int8, types.Any)
	num, f8 := types.Numeric, types.Float8
	for _, s := range []struct{ arg, sum, avg types.Type }{
		{types.Int2, types.Int8, num}, {types.Int4, types.Int8, num}, {types.Int8, num, num}, {num, num, num},
		{types.Float4, types.Float4, f8}, {f8, f8, f8}, {types.Interval, types.Interval, types.Interval},
	} {
		aggregate("sum", s.sum, s.arg)
		aggregate("avg", s.avg, s.arg)
	}
	for _, t := range []types.Type{types.Int2, types.Int4, types.Int8, types.Oid, types.Float4, f8, num, types.Text,
		types.Date, types.Timestamp, types.Timestamptz, types.Interval} {
		aggregate("min", t, t)
		aggregate("max", t, t)
	}
	aggregate("min", types.AnyArray, types.AnyArray)
	aggregate("max", types.AnyArray, types.AnyArray)
	for _, name := range []string{"bool_and", "bool_or", "every"} {
		aggregate(name, types.Boolean, types.Boolean)
	}
	for _, t := range []types.Type{types.Int2, types.Int4, types.Int8} {
		for _, name := range []string{"bit_and", "bit_or", "bit_xor"} {
			aggregate(name, t, t)
		}
	}
	for _, name := range []string{"stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop"} {
		for _, t := range []types.Type{types.Int2, types.Int4, types.Int8, num} {
			aggregate(name, num, t)
		}
		aggregate(name, f8, types.Float4)
		aggregate(name, f8, f8)
	}
	aggregate("string_agg", types.Text, types.Text, types.Text)
	aggregate("string_agg", types.Bytea, types.Bytea, types.Bytea)
	arr := aggregate("array_agg", types.AnyArray, types.AnyNonArray)
	arr.RetFor = func(args []types.Type) types.Type { t, _ := args[0].ArrayOf(); return t }
	aggregate("jsonb_agg", types.JSONB, types.AnyElement)
	aggregate("jsonb_object_agg", types.JSONB, types.Any, types.Any)
}
