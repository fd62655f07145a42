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

// newSum chooses the state of sum and avg; nil: there is none for the type.
func newSum(a *plan.Agg, at, col int, arg types.Type, every bool) accumulator {
	avg := a.Fn.Name == "avg"
	switch {
	case a.Merge || !avg && (arg.OID == types.OIDInt2 || arg.OID == types.OIDInt4):
		return &intSumAcc{col: col, every: every}
	case arg.Phys() == types.Int64:
		return &wideSumAcc{col: col, avg: avg, every: every}
	case arg.Phys() == types.Float64:
		return &floatAcc{col: col, avg: avg, single: !avg && arg.OID == types.OIDFloat4}
	case arg.OID == types.OIDNumeric:
		return &numericAcc{col: col, at: byte(at), avg: avg}
	case arg.OID == types.OIDInterval:
		return &intervalAcc{col: col, avg: avg}
	}
	return nil
}

// intSumAcc is sum of smallint and integer, a bigint: the sum and, where rows
// may not count, the count of the values. 2^31 rows of the extreme value would
// have to come to overflow it.
type intSumAcc struct {
	col   int
	every bool
}

func (a *intSumAcc) size() int {
	if a.every {
		return 8
	}
	return 16
}

func (a *intSumAcc) add(_ *group, s []byte, b *delta.Batch, i int, w int64) error {
	v := b.Cols[a.col]
	switch {
	case a.every:
		addInt(s, w*v.I[i])
	case !v.IsNull(i):
		addInt(s, w*v.I[i])
		addInt(s[8:], w)
	}
	return nil
}

func (a *intSumAcc) result(g *group, s []byte, out *delta.Vec) error {
	if a.every && g.rows == 0 || !a.every && getInt(s[8:]) == 0 {
		out.AppendNull()
	} else {
		out.AppendInt(getInt(s))
	}
	return nil
}

// wideSumAcc is sum of bigint, a numeric, and avg of any integer: a 128-bit sum
// and, where rows may not count, the count of the values.
type wideSumAcc struct {
	col   int
	avg   bool
	every bool
	buf   []byte
}

func (a *wideSumAcc) size() int {
	if a.every {
		return 16
	}
	return 24
}

func (a *wideSumAcc) add(_ *group, s []byte, b *delta.Batch, i int, w int64) error {
	v := b.Cols[a.col]
	if v.IsNull(i) {
		return nil
	}
	sum := num.IntSum{Lo: uint64(getInt(s)), Hi: uint64(getInt(s[8:]))}
	sum.Add(v.I[i], w)
	putInt(s, int64(sum.Lo))
	putInt(s[8:], int64(sum.Hi))
	if !a.every {
		addInt(s[16:], w)
	}
	return nil
}

func (a *wideSumAcc) result(g *group, s []byte, out *delta.Vec) error {
	n := g.rows
	if !a.every {
		n = getInt(s[16:])
	}
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
	sum := getFloat(s) + x*float64(w)
	if a.single {
		sum = float64(float32(sum))
	}
	putFloat(s, sum)
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
	case math.IsInf(sum, 0) || math.IsNaN(sum) || a.single && math.IsInf(float64(float32(sum)), 0):
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
	col  int
	at   byte
	also bool // the second sum of one aggregate call: its side entry stands apart
	avg  bool
	buf  []byte
	key  []byte
}

func (a *numericAcc) size() int { return num.DecSumFixed }

// bigForm is DecSum.Append's mark, at this place, of the form that is longer.
const bigFormAt = 26

// entry is the key of the big form.
func (a *numericAcc) entry(g *group) []byte {
	a.key = append(append(a.key[:0], g.key...), a.at)
	if a.also {
		a.key = append(a.key, 1)
	}
	return a.key
}

func (a *numericAcc) load(g *group, s []byte) (num.DecSum, error) {
	enc := s
	if s[bigFormAt] != 0 {
		var ok bool
		if enc, ok = g.side.tree.Get(a.entry(g)); !ok {
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
	sum.AddEncoded(v.Bytes(i), w)
	return a.store(g, s, &sum)
}

func (a *numericAcc) addDecimal(g *group, s []byte, x num.Decimal, w int64) error {
	sum, err := a.load(g, s)
	if err != nil {
		return err
	}
	sum.Add(x, w)
	return a.store(g, s, &sum)
}

// store puts the sum where its form belongs.
func (a *numericAcc) store(g *group, s []byte, sum *num.DecSum) error {
	wasBig := s[bigFormAt] != 0
	a.buf = sum.Append(a.buf[:0])
	copy(s, a.buf[:num.DecSumFixed])
	switch {
	case s[bigFormAt] != 0:
		return g.side.tree.Put(a.entry(g), a.buf)
	case wasBig:
		g.side.tree.Delete(a.entry(g))
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
