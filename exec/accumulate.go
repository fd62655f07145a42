package exec

import (
	"encoding/binary"
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/num"
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

// newAccumulator chooses the state of an aggregate call. appendOnly: no weight
// is ever negative.
func newAccumulator(a *plan.Agg, at int, in *plan.Props) (accumulator, error) {
	arg := types.Type{}
	col := -1
	if len(a.Args) > 0 {
		col = a.Args[0]
		arg = in.Cols[col].Type
	}
	appendOnly := in.AppendOnly && !a.Distinct
	switch a.Fn.Name {
	case "count":
		return &countAcc{col: col, merge: a.Merge}, nil
	case "sum":
		switch {
		case a.Merge:
			return &intSumAcc{col: col}, nil
		case arg.OID == types.OIDInt2 || arg.OID == types.OIDInt4:
			return &intSumAcc{col: col}, nil
		case arg.OID == types.OIDInt8:
			return &wideSumAcc{col: col}, nil
		case arg.Phys() == types.Float64:
			return &floatAcc{col: col, single: arg.OID == types.OIDFloat4}, nil
		case arg.OID == types.OIDNumeric:
			return &numericAcc{col: col, at: byte(at)}, nil
		case arg.OID == types.OIDInterval:
			return &intervalAcc{col: col}, nil
		}
	case "avg":
		switch {
		case arg.Phys() == types.Int64:
			return &wideSumAcc{col: col, avg: true}, nil
		case arg.Phys() == types.Float64:
			return &floatAcc{col: col, avg: true}, nil
		case arg.OID == types.OIDNumeric:
			return &numericAcc{col: col, at: byte(at), avg: true}, nil
		case arg.OID == types.OIDInterval:
			return &intervalAcc{col: col, avg: true}, nil
		}
	case "min", "max":
		if appendOnly && arg.Phys() != types.Bytes {
			return &extremeAcc{col: col, max: a.Fn.Name == "max"}, nil
		}
		return &orderedAcc{col: col, at: byte(at), max: a.Fn.Name == "max", t: arg}, nil
	case "bool_and", "every", "bool_or":
		return &boolAcc{col: col, or: a.Fn.Name == "bool_or"}, nil
	case "string_agg", "array_agg", "jsonb_agg", "json_agg":
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

// intSumAcc is sum of smallint and integer, a bigint: sum and count of the
// values. 2^31 rows of the extreme value would have to come to overflow it.
type intSumAcc struct{ col int }

func (a *intSumAcc) size() int { return 16 }

func (a *intSumAcc) add(_ *group, s []byte, b *delta.Batch, i int, w int64) error {
	v := b.Cols[a.col]
	if !v.IsNull(i) {
		addInt(s, w*v.I[i])
		addInt(s[8:], w)
	}
	return nil
}

func (a *intSumAcc) result(_ *group, s []byte, out *delta.Vec) error {
	if getInt(s[8:]) == 0 {
		out.AppendNull()
	} else {
		out.AppendInt(getInt(s))
	}
	return nil
}

// wideSumAcc is sum of bigint, a numeric, and avg of any integer: a 128-bit sum
// and the count of the values.
type wideSumAcc struct {
	col int
	avg bool
	buf []byte
}

func (a *wideSumAcc) size() int { return 24 }

func (a *wideSumAcc) add(_ *group, s []byte, b *delta.Batch, i int, w int64) error {
	v := b.Cols[a.col]
	if v.IsNull(i) {
		return nil
	}
	sum := num.IntSum{Lo: uint64(getInt(s)), Hi: uint64(getInt(s[8:]))}
	sum.Add(v.I[i], w)
	putInt(s, int64(sum.Lo))
	putInt(s[8:], int64(sum.Hi))
	addInt(s[16:], w)
	return nil
}

func (a *wideSumAcc) result(_ *group, s []byte, out *delta.Vec) error {
	n := getInt(s[16:])
	if n == 0 {
		out.AppendNull()
		return nil
	}
	d := num.IntSum{Lo: uint64(getInt(s)), Hi: uint64(getInt(s[8:]))}.Decimal()
	if a.avg {
		var err error
		if d, err = d.Div(num.FromInt64(n)); err != nil {
			return err
		}
	}
	a.buf = num.Append(a.buf[:0], d)
	out.AppendBytes(a.buf)
	return nil
}

// floatAcc is sum and avg of floating point. While rows only arrive it is
// PostgreSQL's plain sum in the order of arrival; a retraction cannot be
// subtracted from that without error, so a double-double sum is kept beside it
// and answers from then on. NaN and infinities are counted.
//
//	0 plain sum; 8, 16 double-double; 24 count; 32 NaN; 36 +Inf; 40 −Inf (int32);
//	44 retracted (1)
type floatAcc struct {
	col    int
	avg    bool
	single bool
}

func (a *floatAcc) size() int { return 48 }

func (a *floatAcc) add(_ *group, s []byte, b *delta.Batch, i int, w int64) error {
	v := b.Cols[a.col]
	if v.IsNull(i) {
		return nil
	}
	x := v.F[i]
	addInt(s[24:], w)
	switch {
	case math.IsNaN(x):
		addInt32(s[32:], w)
		return nil
	case math.IsInf(x, 1):
		addInt32(s[36:], w)
		return nil
	case math.IsInf(x, -1):
		addInt32(s[40:], w)
		return nil
	}
	if w == 1 {
		putFloat(s, getFloat(s)+x)
	} else {
		putFloat(s, getFloat(s)+x*float64(w))
	}
	if w < 0 {
		s[44] = 1
	}
	addTwo(s[8:], x*float64(w))
	return nil
}

func addInt32(s []byte, w int64) {
	binary.LittleEndian.PutUint32(s, uint32(int32(binary.LittleEndian.Uint32(s))+int32(w)))
}

// addTwo adds x to the double-double in s (Knuth's two-sum).
func addTwo(s []byte, x float64) {
	hi, lo := getFloat(s), getFloat(s[8:])
	t := hi + x
	z := t - hi
	lo += (hi - (t - z)) + (x - z)
	putFloat(s, t+lo)
	putFloat(s[8:], lo-((t+lo)-t))
}

func (a *floatAcc) result(_ *group, s []byte, out *delta.Vec) error {
	n := getInt(s[24:])
	if n == 0 {
		out.AppendNull()
		return nil
	}
	sum := getFloat(s)
	if s[44] != 0 {
		sum = getFloat(s[8:]) + getFloat(s[16:])
	}
	nan, pos, neg := binary.LittleEndian.Uint32(s[32:]), binary.LittleEndian.Uint32(s[36:]), binary.LittleEndian.Uint32(s[40:])
	switch {
	case nan != 0 || pos != 0 && neg != 0:
		sum = math.NaN()
	case pos != 0:
		sum = math.Inf(1)
	case neg != 0:
		sum = math.Inf(-1)
	case math.IsInf(sum, 0):
		return pgerr.New(pgerr.NumericValueOutOfRange, "value out of range: overflow")
	}
	if a.avg {
		sum /= float64(n)
	}
	if a.single {
		sum = float64(float32(sum))
	}
	out.AppendFloat(sum)
	return nil
}

// numericAcc is sum and avg of numeric: num.DecSum, whose fixed form lies in
// the slot and whose big form in the side table.
type numericAcc struct {
	col int
	at  byte
	avg bool
	buf []byte
}

func (a *numericAcc) size() int { return num.DecSumFixed }

// bigForm is DecSum.Append's mark, at this place, of the form that is longer.
const bigFormAt = 26

func (a *numericAcc) load(g *group, s []byte) (num.DecSum, error) {
	enc := s
	if s[bigFormAt] != 0 {
		var ok bool
		if enc, ok = g.side.get(g.key, a.at); !ok {
			return num.DecSum{}, pgerr.New(pgerr.DataCorrupted, "numeric sum without its side entry")
		}
	}
	sum, _, err := num.DecodeDecSum(enc)
	return sum, err
}

func (a *numericAcc) add(g *group, s []byte, b *delta.Batch, i int, w int64) error {
	v := b.Cols[a.col]
	if v.IsNull(i) {
		return nil
	}
	sum, err := a.load(g, s)
	if err != nil {
		return err
	}
	wasBig := s[bigFormAt] != 0
	sum.AddEncoded(v.Bytes(i), w)
	a.buf = sum.Append(a.buf[:0])
	copy(s, a.buf[:num.DecSumFixed])
	switch {
	case s[bigFormAt] != 0:
		return g.side.put(g.key, a.at, a.buf)
	case wasBig:
		g.side.drop(g.key, a.at)
	}
	return nil
}

func (a *numericAcc) result(g *group, s []byte, out *delta.Vec) error {
	sum, err := a.load(g, s)
	if err != nil {
		return err
	}
	if sum.Count() == 0 {
		out.AppendNull()
		return nil
	}
	d, err := sum.Result()
	if err == nil && a.avg {
		d, err = d.Div(num.FromInt64(sum.Count()))
	}
	if err != nil {
		return err
	}
	a.buf = num.Append(a.buf[:0], d)
	out.AppendBytes(a.buf)
	return nil
}

// intervalAcc is sum and avg of interval: months, days, micros and the count.
type intervalAcc struct {
	col int
	avg bool
}

func (a *intervalAcc) size() int { return 32 }

func (a *intervalAcc) add(_ *group, s []byte, b *delta.Batch, i int, w int64) error {
	v := b.Cols[a.col]
	if v.IsNull(i) {
		return nil
	}
	iv := v.Bytes(i)
	addInt(s, w*getInt(iv))
	addInt(s[8:], w*int64(int32(binary.LittleEndian.Uint32(iv[8:]))))
	addInt(s[16:], w*int64(int32(binary.LittleEndian.Uint32(iv[12:]))))
	addInt(s[24:], w)
	return nil
}

func (a *intervalAcc) result(_ *group, s []byte, out *delta.Vec) error {
	n := getInt(s[24:])
	if n == 0 {
		out.AppendNull()
		return nil
	}
	return appendInterval(out, getInt(s), getInt(s[8:]), getInt(s[16:]), n, a.avg)
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
