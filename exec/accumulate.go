package exec

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
)

// accumulator is the state of one aggregate call. Its fixed part lies in the
// group's slot; what does not fit or must be kept in order (multisets of
// values) lies in the operator's side table. Weights may be negative; zero
// bytes are the state of no rows.
type accumulator interface {
	// size of the fixed part in bytes.
	size() int
	// add accounts for row i of b with weight w; the caller has applied FILTER.
	add(g *group, s []byte, b *delta.Batch, i int, w int64) error
	// result appends the value to out.
	result(g *group, s []byte, out *delta.Vec) error
}

// group names the group that an accumulator works on in the side table.
type group struct {
	side *sideTable
	key  []byte // the group's key there, complete
	rows int64  // sum of the weights of its rows
}

// newAccumulator chooses the state of an aggregate call. An input without
// retractions needs less of it. A call over all rows of the group whose argument
// is never NULL counts nothing by itself: group.rows says how many.
func newAccumulator(a *plan.Agg, at int, in *plan.Props) (accumulator, error) {
	arg := types.Type{}
	col := -1
	every := a.Filter < 0 && !a.Distinct && !a.Merge
	if len(a.Args) > 0 {
		col = a.Args[0]
		arg = in.Cols[col].Type
		every = every && in.Cols[col].NotNull
	}
	switch a.Fn.Name {
	case "count":
		if every {
			return rowsAcc{}, nil
		}
		return &countAcc{col: col, merge: a.Merge}, nil
	case "sum", "avg":
		if acc := newSum(a, at, col, arg, every); acc != nil {
			return acc, nil
		}
	case "min", "max":
		if in.AppendOnly && arg.Phys() != types.Bytes {
			return &extremeAcc{col: col, max: a.Fn.Name == "max"}, nil
		}
		return &orderedAcc{col: col, at: byte(at), max: a.Fn.Name == "max", t: arg}, nil
	case "bool_and", "every", "bool_or":
		return &boolAcc{col: col, or: a.Fn.Name == "bool_or"}, nil
	case "bit_and", "bit_or":
		return &bitAcc{col: col, or: a.Fn.Name == "bit_or"}, nil
	case "bit_xor":
		return &xorAcc{col: col}, nil
	case "stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop":
		return newVariance(a.Fn.Name, at, col, arg), nil
	case "string_agg", "array_agg", "jsonb_agg", "jsonb_object_agg":
		return newListAcc(a, at, in)
	}
	return nil, pgerr.Unsupported(0, "aggregate function %s", a.Fn.ID)
}

func getInt(s []byte) int64    { return int64(binary.LittleEndian.Uint64(s)) }
func putInt(s []byte, x int64) { binary.LittleEndian.PutUint64(s, uint64(x)) }
func addInt(s []byte, d int64) int64 {
	x := getInt(s) + d
	putInt(s, x)
	return x
}
func getFloat(s []byte) float64    { return math.Float64frombits(binary.LittleEndian.Uint64(s)) }
func putFloat(s []byte, x float64) { binary.LittleEndian.PutUint64(s, math.Float64bits(x)) }

// rowsAcc is count of all rows of the group: it has no state of its own.
type rowsAcc struct{}

func (rowsAcc) size() int { return 0 }

func (rowsAcc) add(*group, []byte, *delta.Batch, int, int64) error { return nil }

func (rowsAcc) result(g *group, _ []byte, out *delta.Vec) error {
	out.AppendInt(g.rows)
	return nil
}

// countAcc is count(*) (col −1) and count(x): one int64. merge: col holds
// counts, which are added up.
type countAcc struct {
	col   int
	merge bool
}

func (a *countAcc) size() int { return 8 }

func (a *countAcc) add(_ *group, s []byte, b *delta.Batch, i int, w int64) error {
	switch {
	case a.merge:
		addInt(s, w*b.Cols[a.col].I[i])
	case a.col < 0 || !b.Cols[a.col].IsNull(i):
		addInt(s, w)
	}
	return nil
}

func (a *countAcc) result(_ *group, s []byte, out *delta.Vec) error {
	out.AppendInt(getInt(s))
	return nil
}

// boolAcc is bool_and and bool_or: how many true, how many false.
type boolAcc struct {
	col int
	or  bool
}

func (a *boolAcc) size() int { return 16 }

func (a *boolAcc) add(_ *group, s []byte, b *delta.Batch, i int, w int64) error {
	v := b.Cols[a.col]
	switch {
	case v.IsNull(i):
	case v.B[i]:
		addInt(s, w)
	default:
		addInt(s[8:], w)
	}
	return nil
}

func (a *boolAcc) result(_ *group, s []byte, out *delta.Vec) error {
	yes, no := getInt(s), getInt(s[8:])
	switch {
	case yes == 0 && no == 0:
		out.AppendNull()
	case a.or:
		out.AppendBool(yes > 0)
	default:
		out.AppendBool(no == 0)
	}
	return nil
}

// extremeAcc is min and max of fixed-size values that only arrive: the value
// and whether there is one.
type extremeAcc struct {
	col int
	max bool
}

func (a *extremeAcc) size() int { return 9 }

func (a *extremeAcc) add(_ *group, s []byte, b *delta.Batch, i int, _ int64) error {
	v := b.Cols[a.col]
	if v.IsNull(i) {
		return nil
	}
	var x int64
	var better bool
	switch v.T.Phys() {
	case types.Bool:
		if v.B[i] {
			x = 1
		}
		better = x > getInt(s) == a.max
	case types.Int64:
		x = v.I[i]
		better = x > getInt(s) == a.max
	default:
		x = int64(math.Float64bits(v.F[i]))
		better = floatAbove(v.F[i], getFloat(s)) == a.max
	}
	if s[8] == 0 || better {
		putInt(s, x)
		s[8] = 1
	}
	return nil
}

// floatAbove is a > b in PostgreSQL's order: NaN above everything.
func floatAbove(a, b float64) bool {
	if math.IsNaN(a) {
		return !math.IsNaN(b)
	}
	return a > b
}

func (a *extremeAcc) result(_ *group, s []byte, out *delta.Vec) error {
	if s[8] == 0 {
		out.AppendNull()
		return nil
	}
	switch out.T.Phys() {
	case types.Bool:
		out.AppendBool(getInt(s) != 0)
	case types.Int64:
		out.AppendInt(getInt(s))
	default:
		out.AppendFloat(getFloat(s))
	}
	return nil
}

// bitAcc is bit_and and bit_or: how many of the values have each bit set.
type bitAcc struct {
	col int
	or  bool
}

func (a *bitAcc) size() int { return 8 + 64*4 }

func (a *bitAcc) add(_ *group, s []byte, b *delta.Batch, i int, w int64) error {
	v := b.Cols[a.col]
	if v.IsNull(i) {
		return nil
	}
	addInt(s, w)
	for x := uint64(v.I[i]); x != 0; x &= x - 1 {
		addInt32(s[8+4*bits.TrailingZeros64(x):], w)
	}
	return nil
}

func (a *bitAcc) result(_ *group, s []byte, out *delta.Vec) error {
	n := getInt(s)
	if n == 0 {
		out.AppendNull()
		return nil
	}
	x := uint64(0)
	for bit := range 64 {
		set := int64(int32(binary.LittleEndian.Uint32(s[8+4*bit:])))
		if set == n || a.or && set > 0 {
			x |= 1 << bit
		}
	}
	out.AppendInt(int64(x))
	return nil
}

// xorAcc is bit_xor, which takes a value back by adding it again.
type xorAcc struct{ col int }

func (a *xorAcc) size() int { return 16 }

func (a *xorAcc) add(_ *group, s []byte, b *delta.Batch, i int, w int64) error {
	v := b.Cols[a.col]
	if v.IsNull(i) {
		return nil
	}
	addInt(s[8:], w)
	if w&1 != 0 {
		putInt(s, getInt(s)^v.I[i])
	}
	return nil
}

func (a *xorAcc) result(_ *group, s []byte, out *delta.Vec) error {
	if getInt(s[8:]) == 0 {
		out.AppendNull()
	} else {
		out.AppendInt(getInt(s))
	}
	return nil
}
