package expr

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// kernel is Func.Eval.
type kernel = func(ctx *Ctx, args []*delta.Vec, n int, skip delta.Bitmap, out *delta.Vec)

// row is one row of a call's arguments, for functions whose work per row is
// far more than a call through a pointer.
type row struct {
	c    *Ctx
	args []*delta.Vec
	i    int
	word string // of firstText, when that argument is constant
	buf  []byte // scratch of the running kernel
}

// firstText is text argument 0, converted once when it is constant.
func (r *row) firstText() string {
	if !r.c.isConst(0) {
		return string(r.bytes(0))
	}
	if r.word == "" {
		r.word = string(r.bytes(0))
	}
	return r.word
}

func (r *row) null(k int) bool       { return r.args[k].IsNull(r.i) }
func (r *row) boolean(k int) bool    { return r.args[k].B[r.i] }
func (r *row) int(k int) int64       { return r.args[k].I[r.i] }
func (r *row) float(k int) float64   { return r.args[k].F[r.i] }
func (r *row) bytes(k int) []byte    { return r.args[k].Bytes(r.i) }
func (r *row) text(k int) string     { return string(r.args[k].Bytes(r.i)) }
func (r *row) num(k int) num.Decimal { return num.Decode(r.args[k].Bytes(r.i)) }
func (r *row) n() int                { return len(r.args) }

// errNull is returned by a row function whose result is NULL.
type errNullType struct{}

func (errNullType) Error() string { return "null" }

var errNull error = errNullType{}

// perRow makes a kernel of a row function; set stores its value.
func perRow[T any](f func(r *row) (T, error), set func(out *delta.Vec, i int, v T)) kernel {
	return func(c *Ctx, args []*delta.Vec, n int, skip delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		r := row{c: c, args: args}
		for i := range n {
			if skip.Get(i) {
				continue
			}
			r.i = i
			v, err := f(&r)
			switch {
			case err == nil:
				set(out, i, v)
			case errors.Is(err, errNull):
				out.SetNull(i)
			default:
				c.Fail(i, err)
			}
		}
	}
}

func retInt(f func(r *row) (int64, error)) kernel {
	return perRow(f, func(o *delta.Vec, i int, v int64) { o.I[i] = v })
}

func retFloat(f func(r *row) (float64, error)) kernel {
	return perRow(f, func(o *delta.Vec, i int, v float64) { o.F[i] = v })
}

func retBool(f func(r *row) (bool, error)) kernel {
	return perRow(f, func(o *delta.Vec, i int, v bool) { o.B[i] = v })
}

// retNum stores a numeric result.
func retNum(f func(r *row) (num.Decimal, error)) kernel {
	return perRow(f, func(o *delta.Vec, i int, v num.Decimal) {
		at := len(o.Data)
		o.Data = num.Append(o.Data, v)
		o.S[i] = delta.Ref{Off: uint32(at), Len: uint32(len(o.Data) - at)}
	})
}

// retBytes makes a kernel of a function that appends its result to dst; what
// it appended before failing is dropped.
func retBytes(f func(r *row, dst []byte) ([]byte, error)) kernel {
	return func(c *Ctx, args []*delta.Vec, n int, skip delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		r := row{c: c, args: args}
		for i := range n {
			if skip.Get(i) {
				continue
			}
			r.i = i
			at := len(out.Data)
			d, err := f(&r, out.Data)
			switch {
			case err == nil && len(d) > delta.MaxBatchBytes:
				c.Fail(i, errBatchTooLarge)
			case err == nil:
				out.Data = d
				out.S[i] = delta.Ref{Off: uint32(at), Len: uint32(len(d) - at)}
			case errors.Is(err, errNull):
				out.SetNull(i)
			default:
				c.Fail(i, err)
			}
		}
	}
}

// retString is retBytes of a function that has a string.
func retString(f func(r *row) (string, error)) kernel {
	return retBytes(func(r *row, dst []byte) ([]byte, error) {
		s, err := f(r)
		return append(dst, s...), err
	})
}

// Declarations. fn is strict and immutable; the methods below change that.
func fn(id string, ret types.Type, k kernel, args ...types.Type) *Func {
	return &Func{ID: id, Args: args, Ret: ret, Volatility: Immutable, Strict: true, Eval: k}
}

func (f *Func) stable() *Func   { f.Volatility = Stable; return f }
func (f *Func) volatile() *Func { f.Volatility = Volatile; return f }
func (f *Func) lax() *Func      { f.Strict = false; return f }
func (f *Func) variadic() *Func { f.Variadic = true; return f }
func (f *Func) infallible() *Func {
	f.cheap = true
	return f
}

// op registers an operator and returns it.
func op(name, id string, ret types.Type, k kernel, args ...types.Type) *Func {
	f := fn(id, ret, k, args...)
	registerOperator(name, f)
	return f
}

// def registers a function and returns it.
func def(name, id string, ret types.Type, k kernel, args ...types.Type) *Func {
	f := fn(id, ret, k, args...)
	registerFunction(name, f)
	return f
}

// alias adds further SQL names to a registered function.
func alias(f *Func, names ...string) {
	for _, n := range names {
		funcsByName[n] = append(funcsByName[n], f)
	}
}

// aliasOperator adds a registered function under an operator name.
func aliasOperator(op string, f *Func) { operators[op] = append(operators[op], f) }

func floatFromBits(b []byte) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}
