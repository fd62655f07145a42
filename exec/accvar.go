package exec

import (
	"encoding/binary"
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// newVariance chooses the state of the variances and standard deviations.
func newVariance(name string, at, col int, arg types.Type) accumulator {
	sample := name != "stddev_pop" && name != "var_pop"
	root := name == "stddev" || name == "stddev_samp" || name == "stddev_pop"
	if arg.Phys() == types.Float64 {
		return &floatVarAcc{col: col, sample: sample, root: root}
	}
	return &numericVarAcc{
		sum:     numericAcc{col: col, at: byte(at)},
		squares: numericAcc{col: col, at: byte(at), also: true},
		numeric: arg.OID == types.OIDNumeric, sample: sample, root: root,
	}
}

// floatVarAcc is the variance of floating point: while rows only arrive,
// PostgreSQL's Youngs-Cramer sums; those cannot take a value back, so exact-ish
// sums (double-double) of x and x² stand beside them and answer from the first
// retraction on.
//
//	0 count; 8 Sx; 16 Sxx; 24, 32 Σx; 40, 48 Σx²; 56 not finite (int32); 60 retracted (1)
type floatVarAcc struct {
	col    int
	sample bool
	root   bool
}

func (a *floatVarAcc) size() int { return 64 }

func (a *floatVarAcc) add(_ *group, s []byte, b *delta.Batch, i int, w int64) error {
	v := b.Cols[a.col]
	if v.IsNull(i) {
		return nil
	}
	x := v.F[i]
	if math.IsNaN(x) || math.IsInf(x, 0) {
		addInt(s, w)
		addInt32(s[56:], w)
		return nil
	}
	if w < 0 {
		s[60] = 1
	}
	for range max(w, 0) {
		n, sx := float64(addInt(s, 1)), getFloat(s[8:])+x
		putFloat(s[8:], sx)
		if n > 1 {
			t := x*n - sx
			putFloat(s[16:], getFloat(s[16:])+t*t/(n*(n-1)))
		}
	}
	addInt(s, min(w, 0))
	addTwo(s[24:], x*float64(w))
	p := x * x
	addTwo(s[40:], p*float64(w))
	addTwo(s[40:], math.FMA(x, x, -p)*float64(w))
	return nil
}

func (a *floatVarAcc) result(_ *group, s []byte, out *delta.Vec) error {
	n := getInt(s)
	if n == 0 || a.sample && n == 1 {
		out.AppendNull()
		return nil
	}
	sxx := getFloat(s[16:])
	if s[60] != 0 {
		sx := getFloat(s[24:]) + getFloat(s[32:])
		p := sx * sx / float64(n)
		sxx = max(0, getFloat(s[40:])-p+getFloat(s[48:]))
	}
	if binary.LittleEndian.Uint32(s[56:]) != 0 {
		sxx = math.NaN()
	}
	d := float64(n)
	if a.sample {
		d--
	}
	r := sxx / d
	if a.root {
		r = math.Sqrt(r)
	}
	out.AppendFloat(r)
	return nil
}

// numericVarAcc is the variance of integers and numerics: exact sums of x and
// x², and PostgreSQL's choice of the result's scale.
type numericVarAcc struct {
	sum, squares numericAcc
	numeric      bool
	sample       bool
	root         bool
}

func (a *numericVarAcc) size() int { return 2 * num.DecSumFixed }

func (a *numericVarAcc) add(g *group, s []byte, b *delta.Batch, i int, w int64) error {
	v := b.Cols[a.sum.col]
	if v.IsNull(i) {
		return nil
	}
	x := num.Decimal{}
	if a.numeric {
		x = num.Decode(v.Bytes(i))
	} else {
		x = num.FromInt64(v.I[i])
	}
	sq, err := x.Mul(x)
	if err != nil {
		return err
	}
	if err := a.sum.addDecimal(g, s, x, w); err != nil {
		return err
	}
	return a.squares.addDecimal(g, s[num.DecSumFixed:], sq, w)
}

func (a *numericVarAcc) result(g *group, s []byte, out *delta.Vec) error {
	sum, err := a.sum.load(g, s)
	if err != nil {
		return err
	}
	squares, err := a.squares.load(g, s[num.DecSumFixed:])
	if err != nil {
		return err
	}
	n := sum.Count()
	if n == 0 || a.sample && n == 1 {
		out.AppendNull()
		return nil
	}
	d, err := variance(&sum, &squares, n, a.sample, a.root)
	if err != nil {
		return err
	}
	a.sum.buf = num.Append(a.sum.buf[:0], d)
	out.AppendBytes(a.sum.buf)
	return nil
}

// variance is (N·Σx² − (Σx)²) / (N·N or N·(N−1)), and its root at the same scale.
func variance(sum, squares *num.DecSum, n int64, sample, root bool) (num.Decimal, error) {
	x, err := sum.Result()
	if err != nil {
		return x, err
	}
	x2, err := squares.Result()
	if err != nil {
		return x, err
	}
	if !x.IsFinite() || !x2.IsFinite() {
		return num.Parse([]byte("NaN"))
	}
	count := num.FromInt64(n)
	if x, err = x.Mul(x); err != nil {
		return x, err
	}
	if x2, err = x2.Mul(count); err != nil {
		return x, err
	}
	if x2, err = x2.Sub(x); err != nil {
		return x, err
	}
	if x2.Sign() <= 0 {
		return num.FromInt64(0), nil
	}
	other := count
	if sample {
		other = num.FromInt64(n - 1)
	}
	if count, err = count.Mul(other); err != nil {
		return x, err
	}
	if x2, err = x2.Div(count); err != nil || !root {
		return x2, err
	}
	return x2.SqrtAt(x2.Scale())
}
