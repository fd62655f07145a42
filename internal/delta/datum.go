package delta

import (
	"bytes"

	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// Datum is one value by itself: a constant, a parameter, a catalog cell. The
// field in use follows from T.Phys(), as in Vec. Never used per row on the way
// of the data.
type Datum struct {
	T    types.Type `json:"t"`
	Null bool       `json:"null,omitempty"`
	B    bool       `json:"b,omitempty"`
	I    int64      `json:"i,omitempty"`
	F    float64    `json:"f,omitempty"`
	S    []byte     `json:"s,omitempty"`
}

// NullOf and the like make common datums.
func NullOf(t types.Type) Datum            { return Datum{T: t, Null: true} }
func BoolOf(x bool) Datum                  { return Datum{T: types.Boolean, B: x} }
func IntOf(t types.Type, x int64) Datum    { return Datum{T: t, I: x} }
func FloatOf(x float64) Datum              { return Datum{T: types.Float8, F: x} }
func TextOf(s string) Datum                { return Datum{T: types.Text, S: []byte(s)} }
func BytesOf(t types.Type, b []byte) Datum { return Datum{T: t, S: b} }

// At is row i of v; bytes are copied.
func (v *Vec) At(i int) Datum {
	if v.IsNull(i) {
		return Datum{T: v.T, Null: true}
	}
	d := Datum{T: v.T}
	switch v.T.Phys() {
	case types.Bool:
		d.B = v.B[i]
	case types.Int64:
		d.I = v.I[i]
	case types.Float64:
		d.F = v.F[i]
	default:
		d.S = bytes.Clone(v.Bytes(i))
	}
	return d
}

// AppendDatum appends d, whose type has the same physical kind.
func (v *Vec) AppendDatum(d Datum) {
	if d.Null {
		v.AppendNull()
		return
	}
	switch v.T.Phys() {
	case types.Bool:
		v.B = append(v.B, d.B)
	case types.Int64:
		v.I = append(v.I, d.I)
	case types.Float64:
		v.F = append(v.F, d.F)
	default:
		v.AppendBytes(d.S)
	}
}

// Const makes a vector of n copies of d.
func Const(d Datum, n int) *Vec {
	v := NewVec(d.T, n)
	for range n {
		if d.T.Phys() == types.Bytes && v.Len() > 0 && !d.Null {
			v.S = append(v.S, v.S[0])
			continue
		}
		v.AppendDatum(d)
	}
	return v
}
