package expr

import (
	"math"
	"math/rand/v2"

	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

var (
	errSqrt     = pgerr.New(pgerr.InvalidArgumentForPower, "cannot take square root of a negative number")
	errLogZero  = pgerr.New(pgerr.InvalidArgumentForLog, "cannot take logarithm of zero")
	errLogNeg   = pgerr.New(pgerr.InvalidArgumentForLog, "cannot take logarithm of a negative number")
	errPowZero  = pgerr.New(pgerr.InvalidArgumentForPower, "zero raised to a negative power is undefined")
	errPowNeg   = pgerr.New(pgerr.InvalidArgumentForPower, "a negative number raised to a non-integer power yields a complex result")
	errInputOut = pgerr.New(pgerr.NumericValueOutOfRange, "input is out of range")
)

func init() {
	f8, i4, n := types.Float8, types.Int4, types.Numeric
	one := func(name, id string, f func(x float64) (float64, error)) *Func {
		return def(name, id, f8, retFloat(func(r *row) (float64, error) { return f(r.float(0)) }), f8)
	}
	total := func(f func(float64) float64) func(float64) (float64, error) {
		return func(x float64) (float64, error) { return f(x), nil }
	}
	alias(one("ceil", "dceil", total(math.Ceil)), "ceiling")
	one("floor", "dfloor", total(math.Floor))
	one("round", "dround", total(math.RoundToEven))
	one("trunc", "dtrunc", total(math.Trunc))
	one("sign", "dsign", total(floatSign))
	aliasOperator("|/", one("sqrt", "dsqrt", floatSqrt))
	aliasOperator("||/", one("cbrt", "dcbrt", total(math.Cbrt)))
	one("exp", "dexp", floatExp)
	one("ln", "dlog1", floatLog(math.Log))
	alias(one("log", "dlog10", floatLog(math.Log10)), "log10")
	one("degrees", "degrees", func(x float64) (float64, error) { r := x / (math.Pi / 180); return r, floatRange(r, isInf(x), x == 0) })
	one("radians", "radians", func(x float64) (float64, error) { r := x * (math.Pi / 180); return r, floatRange(r, isInf(x), x == 0) })
	registerTrigonometry(one, total)
	pow := def("power", "dpow", f8, retFloat(func(r *row) (float64, error) { return floatPow(r.float(0), r.float(1)) }), f8, f8)
	alias(pow, "pow")
	aliasOperator("^", pow)
	def("pi", "dpi", f8, retFloat(func(*row) (float64, error) { return math.Pi, nil }))
	def("random", "drandom", f8, retFloat(func(*row) (float64, error) { return rand.Float64(), nil })).volatile()

	alias(def("ceil", "numeric_ceil", n, numUnaryErr(num.Decimal.Ceil), n), "ceiling")
	def("floor", "numeric_floor", n, numUnaryErr(num.Decimal.Floor), n)
	def("sign", "numeric_sign", n, numUnary(numSign), n)
	round := func(f func(num.Decimal, int) (num.Decimal, error), two bool) kernel {
		return retNum(func(r *row) (num.Decimal, error) {
			k := int64(0)
			if two {
				k = min(max(r.int(1), -num.MaxIntDigits), num.MaxScale)
			}
			return f(r.num(0), int(k))
		})
	}
	def("round", "numeric_round", n, round(num.Decimal.Round, true), n, i4)
	def("round", "numeric_round_0", n, round(num.Decimal.Round, false), n)
	def("trunc", "numeric_trunc", n, round(num.Decimal.Trunc, true), n, i4)
	def("trunc", "numeric_trunc_0", n, round(num.Decimal.Trunc, false), n)
	def("scale", "numeric_scale", i4, retInt(func(r *row) (int64, error) { return finiteScale(r.num(0), num.Decimal.Scale) }), n)
	def("min_scale", "numeric_min_scale", i4, retInt(func(r *row) (int64, error) { return finiteScale(r.num(0), num.Decimal.MinScale) }), n)
	def("trim_scale", "numeric_trim_scale", n, numUnary(num.Decimal.TrimScale), n)
	registerGCD()
}

func floatSign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0 // NaN too
}

func numSign(d num.Decimal) num.Decimal {
	if d.IsNaN() {
		return d
	}
	return num.FromInt64(int64(d.Sign()))
}

func finiteScale(d num.Decimal, f func(num.Decimal) int) (int64, error) {
	if !d.IsFinite() {
		return 0, errNull
	}
	return int64(f(d)), nil
}

func floatSqrt(x float64) (float64, error) {
	if x < 0 {
		return 0, errSqrt
	}
	return math.Sqrt(x), nil
}

func floatExp(x float64) (float64, error) {
	r := math.Exp(x)
	return r, floatRange(r, isInf(x), isInf(x))
}

func floatLog(f func(float64) float64) func(float64) (float64, error) {
	return func(x float64) (float64, error) {
		switch {
		case x == 0:
			return 0, errLogZero
		case x < 0:
			return 0, errLogNeg
		}
		return f(x), nil
	}
}

func floatPow(x, y float64) (float64, error) {
	switch {
	case math.IsNaN(x) && y == 0, math.IsNaN(y) && x == 1:
		return 1, nil
	case math.IsNaN(x) || math.IsNaN(y):
		return math.NaN(), nil
	case x == 0 && y < 0:
		return 0, errPowZero
	case x < 0 && !isInf(x) && !isInf(y) && math.Floor(y) != y, x < 0 && isInf(x) && !isInf(y) && math.Floor(y) != y:
		return 0, errPowNeg
	}
	r := math.Pow(x, y)
	if isInf(x) || isInf(y) {
		return r, nil
	}
	return r, floatRange(r, false, x == 0)
}

func registerTrigonometry(one func(string, string, func(float64) (float64, error)) *Func, total func(func(float64) float64) func(float64) (float64, error)) {
	finite := func(f func(float64) float64) func(float64) (float64, error) {
		return func(x float64) (float64, error) {
			if isInf(x) {
				return 0, errInputOut
			}
			return f(x), nil
		}
	}
	unit := func(f func(float64) float64) func(float64) (float64, error) {
		return func(x float64) (float64, error) {
			if x < -1 || x > 1 {
				return 0, errInputOut
			}
			return f(x), nil
		}
	}
	one("sin", "dsin", finite(math.Sin))
	one("cos", "dcos", finite(math.Cos))
	one("tan", "dtan", finite(math.Tan))
	one("asin", "dasin", unit(math.Asin))
	one("acos", "dacos", unit(math.Acos))
	one("atan", "datan", total(math.Atan))
	one("sinh", "dsinh", total(math.Sinh))
	one("cosh", "dcosh", total(math.Cosh))
	one("tanh", "dtanh", total(math.Tanh))
	def("atan2", "datan2", types.Float8, retFloat(func(r *row) (float64, error) { return math.Atan2(r.float(0), r.float(1)), nil }), types.Float8, types.Float8)
}

func gcd(a, b int64) int64 {
	for b != 0 {
		if b == -1 { // the minimum modulo -1
			return 1
		}
		a, b = b, a%b
	}
	if a < 0 {
		return -a
	}
	return a
}

func registerGCD() {
	for _, k := range []intKind{intKind4, intKind8} {
		def("gcd", "int"+k.name+"gcd", k.t, retInt(func(r *row) (int64, error) {
			g := gcd(r.int(0), r.int(1))
			if g < 0 || g > k.hi {
				return 0, k.err
			}
			return g, nil
		}), k.t, k.t)
		def("lcm", "int"+k.name+"lcm", k.t, retInt(func(r *row) (int64, error) {
			a, b := r.int(0), r.int(1)
			if a == 0 || b == 0 {
				return 0, nil
			}
			m, ok := mul64(a/gcd(a, b), b)
			if !ok || m < -k.hi || m > k.hi {
				return 0, k.err
			}
			return max(m, -m), nil
		}), k.t, k.t)
	}
	n := types.Numeric
	def("gcd", "numeric_gcd", n, numBinary(func(a, b num.Decimal) (num.Decimal, error) {
		if !a.IsFinite() || !b.IsFinite() {
			return num.NaN, nil
		}
		var err error
		scale := max(a.Scale(), b.Scale())
		for !b.IsZero() && err == nil {
			var m num.Decimal
			m, err = a.Mod(b)
			a, b = b, m
		}
		if err != nil {
			return a, err
		}
		return a.Abs().Round(scale)
	}), n, n)
}
