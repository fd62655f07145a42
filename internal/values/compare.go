package values

import (
	"bytes"
	"cmp"
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/jsonb"
	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// Compare orders row i of a and row j of b, both of one type (text family and
// integer family may mix) as PostgreSQL's btree does: text by bytes, -0 = 0,
// NaN greatest and equal to itself, NULL after everything and equal to NULL.
func Compare(a *delta.Vec, i int, b *delta.Vec, j int) int {
	an, bn := a.IsNull(i), b.IsNull(j)
	if an || bn {
		return int(boolBit(an)) - int(boolBit(bn))
	}
	switch a.T.Phys() {
	case types.Int64:
		return cmp.Compare(a.I[i], b.I[j])
	case types.Float64:
		return compareFloat(a.F[i], b.F[j])
	}
	return compareScalar(a.T, load(a, i), load(b, j))
}

// Equal reports Compare == 0: "is not distinct from".
func Equal(a *delta.Vec, i int, b *delta.Vec, j int) bool { return Compare(a, i, b, j) == 0 }

// CompareDatum is Compare of two datums of one type.
func CompareDatum(a, b delta.Datum) int {
	if a.Null || b.Null {
		return int(boolBit(a.Null)) - int(boolBit(b.Null))
	}
	return compareScalar(a.T, datumScalar(a), datumScalar(b))
}

func datumScalar(d delta.Datum) scalar {
	switch d.T.Phys() {
	case types.Bool:
		return scalar{x: boolBit(d.B)}
	case types.Int64:
		return scalar{x: uint64(d.I)}
	case types.Float64:
		return scalar{x: math.Float64bits(d.F)}
	}
	return scalar{s: d.S}
}

func compareFloat(a, b float64) int {
	switch {
	case a == b:
		return 0
	case a < b:
		return -1
	case a > b:
		return 1
	case a != a:
		return 1 - int(boolBit(b != b))
	}
	return -1
}

func compareScalar(t types.Type, a, b scalar) int {
	switch t.Phys() {
	case types.Bool:
		return cmp.Compare(a.x, b.x)
	case types.Int64:
		return cmp.Compare(int64(a.x), int64(b.x))
	case types.Float64:
		return compareFloat(a.float(), b.float())
	}
	switch t.OID {
	case types.OIDNumeric:
		return num.Decode(a.s).Cmp(num.Decode(b.s))
	case types.OIDInterval:
		return pgtime.DecodeInterval(a.s).Cmp(pgtime.DecodeInterval(b.s))
	case types.OIDJSONB:
		return jsonb.Compare(a.s, b.s)
	}
	if et, ok := t.Elem(); ok {
		return compareArray(et, a.s, b.s)
	}
	return bytes.Compare(a.s, b.s)
}

// compareArray orders element by element, NULL last, then by length.
func compareArray(et types.Type, a, b []byte) int {
	x, y := delta.IterArray(a), delta.IterArray(b)
	for {
		xo, yo := x.Next(), y.Next()
		if !xo || !yo {
			return int(boolBit(xo)) - int(boolBit(yo))
		}
		if x.Null || y.Null {
			if x.Null != y.Null {
				return int(boolBit(x.Null)) - int(boolBit(y.Null))
			}
			continue
		}
		p, _ := elem(et, x.Elem)
		q, _ := elem(et, y.Elem)
		if c := compareScalar(et, p, q); c != 0 {
			return c
		}
	}
}
