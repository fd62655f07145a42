package values

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// TextOpts are the session settings that text forms depend on. Output of dates
// is always ISO, of bytea always hex, and of intervals always style postgres.
type TextOpts struct {
	TZ               *time.Location   // nil: UTC
	Now              int64            // transaction start for 'now' and the like, µs since 2000; 0: the clock
	DateOrder        pgtime.DateOrder // how 1/2/2003 reads
	ExtraFloatDigits int              // PostgreSQL's default is 1: shortest exact form
	Objects          Objects          // names of the reg* types; nil: OIDs are written and read as numbers
}

// Objects translates between OIDs and names of catalog objects for regclass and
// its kin.
type Objects interface {
	ObjectName(t types.Type, oid uint32) string
	ObjectOID(t types.Type, name string) (uint32, error)
}

// DefaultOpts are PostgreSQL's defaults in UTC; a nil *TextOpts means these.
var DefaultOpts = TextOpts{ExtraFloatDigits: 1}

func (o *TextOpts) env() *pgtime.Env {
	return &pgtime.Env{TZ: o.TZ, Now: o.Now, Order: o.DateOrder}
}

// scalar is one non-null value out of its vector or array: x holds a bool, an
// int64 or a float64's bits, s a Bytes value.
type scalar struct {
	x uint64
	s []byte
}

func (a scalar) float() float64 { return math.Float64frombits(a.x) }

func load(v *delta.Vec, i int) scalar {
	switch v.T.Phys() {
	case types.Bool:
		return scalar{x: boolBit(v.B[i])}
	case types.Int64:
		return scalar{x: uint64(v.I[i])}
	case types.Float64:
		return scalar{x: math.Float64bits(v.F[i])}
	}
	return scalar{s: v.Bytes(i)}
}

func boolBit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// elem reads an array element of type t; ok is false when its size is wrong.
func elem(t types.Type, b []byte) (a scalar, ok bool) {
	switch t.Phys() {
	case types.Bool:
		if len(b) != 1 {
			return a, false
		}
		return scalar{x: uint64(b[0] & 1)}, true
	case types.Int64, types.Float64:
		if len(b) != 8 {
			return a, false
		}
		return scalar{x: binary.LittleEndian.Uint64(b)}, true
	}
	return scalar{s: b}, true
}

// appendElem appends an element (length and bytes) in delta.AppendArray's form.
func appendElem(dst []byte, t types.Type, a scalar) []byte {
	le := binary.LittleEndian
	switch t.Phys() {
	case types.Bool:
		return append(le.AppendUint32(dst, 1), byte(a.x))
	case types.Int64, types.Float64:
		return le.AppendUint64(le.AppendUint32(dst, 8), a.x)
	}
	return append(le.AppendUint32(dst, uint32(len(a.s))), a.s...)
}

// store appends a to out, which has a fixed-size kind.
func store(out *delta.Vec, x uint64) {
	switch out.T.Phys() {
	case types.Bool:
		out.B = append(out.B, x != 0)
	case types.Int64:
		out.I = append(out.I, int64(x))
	case types.Float64:
		out.F = append(out.F, math.Float64frombits(x))
	}
}

// storeTail makes the bytes that were appended to out.Data from offset lo on
// the next value of out.
func storeTail(out *delta.Vec, lo int) {
	out.S = append(out.S, delta.Ref{Off: uint32(lo), Len: uint32(len(out.Data) - lo)})
}
