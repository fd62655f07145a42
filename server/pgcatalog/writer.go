package pgcatalog

import (
	"encoding/binary"
	"time"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// cells is a row by column name. A column that is left out is NULL, or the zero
// value where it must not be NULL. Values are string, []string, []byte, bool,
// int, int16, int32, int64, uint32, []uint32, []int, float64, time.Time (zero:
// NULL), time.Duration (for interval) and nil.
type cells map[string]any

// writer collects the rows of one relation.
type writer struct {
	rel  *catalog.Relation
	b    *delta.Batch
	sink func(*delta.Batch) error // nil: keep everything in b
	err  error
	// key is what the first column of the relation's key must equal, a hint; nil:
	// unknown.
	key *int64
}

// batchRows is how many rows of a system relation are handed on at a time.
const batchRows = 1024

func newWriter(rel *catalog.Relation, sink func(*delta.Batch) error) *writer {
	return &writer{rel: rel, b: delta.NewBatch(rel.Types(), 0), sink: sink}
}

// row appends a row.
func (w *writer) row(c cells) {
	if w.err != nil {
		return
	}
	used := 0
	for i := range w.rel.Columns {
		col := &w.rel.Columns[i]
		v, ok := c[col.Name]
		if ok {
			used++
		}
		if !appendCell(w.b.Cols[i], v, col.NotNull) {
			w.err = pgerr.Internal("column %s.%s: a value of Go type %T", w.rel.Name, col.Name, v)
			return
		}
	}
	if used != len(c) {
		for name := range c {
			if w.rel.ColumnIndex(name) < 0 {
				w.err = pgerr.Internal("relation %s has no column %s", w.rel.Name, name)
			}
		}
	}
	w.b.AppendWeight(1)
	if w.sink != nil && w.b.N >= batchRows {
		w.flush()
	}
}

func (w *writer) flush() {
	if w.err == nil && w.b.N > 0 {
		w.err = w.sink(w.b)
		w.b.Reset()
	}
}

// appendCell appends a value to a column; false: it does not fit.
func appendCell(v *delta.Vec, x any, notNull bool) bool {
	if x == nil {
		if notNull {
			appendZero(v)
		} else {
			v.AppendNull()
		}
		return true
	}
	switch v.T.Phys() {
	case types.Bool:
		x, ok := x.(bool)
		v.AppendBool(x)
		return ok
	case types.Int64:
		return appendInteger(v, x)
	case types.Float64:
		x, ok := x.(float64)
		v.AppendFloat(x)
		return ok
	}
	return appendBytesCell(v, x)
}

func appendZero(v *delta.Vec) {
	switch v.T.Phys() {
	case types.Bool:
		v.AppendBool(false)
	case types.Int64:
		v.AppendInt(0)
	case types.Float64:
		v.AppendFloat(0)
	default:
		if v.T.IsArray() {
			v.AppendBytes(binary.LittleEndian.AppendUint32(nil, 0))
			return
		}
		if v.T.OID == types.OIDChar {
			v.AppendBytes([]byte{0})
			return
		}
		v.AppendBytes(nil)
	}
}

func appendInteger(v *delta.Vec, x any) bool {
	switch x := x.(type) {
	case int:
		v.AppendInt(int64(x))
	case int16:
		v.AppendInt(int64(x))
	case int32:
		v.AppendInt(int64(x))
	case int64:
		v.AppendInt(x)
	case uint32:
		v.AppendInt(int64(x))
	case time.Time:
		if x.IsZero() {
			v.AppendNull()
		} else {
			v.AppendInt(exec.Micros(x))
		}
	default:
		return false
	}
	return true
}

func appendBytesCell(v *delta.Vec, x any) bool {
	switch x := x.(type) {
	case string:
		if v.T.OID == types.OIDChar {
			return appendChar(v, x)
		}
		v.AppendBytes([]byte(x))
	case []byte:
		v.AppendBytes(x)
	case time.Duration:
		var b [16]byte
		binary.LittleEndian.PutUint64(b[:], uint64(x.Microseconds()))
		v.AppendBytes(b[:])
	default:
		return appendArray(v, x)
	}
	return true
}

// appendChar appends a value of type "char": always one byte, 0 for none.
func appendChar(v *delta.Vec, s string) bool {
	if s == "" {
		s = "\x00"
	}
	v.AppendBytes([]byte(s))
	return len(s) == 1
}

func appendArray(v *delta.Vec, x any) bool {
	et, ok := v.T.Elem()
	if !ok {
		return false
	}
	elems := delta.NewVec(et, 0)
	switch x := x.(type) {
	case []string:
		for _, s := range x {
			elems.AppendBytes([]byte(s))
		}
	case []uint32:
		for _, n := range x {
			elems.AppendInt(int64(n))
		}
	case []int:
		for _, n := range x {
			elems.AppendInt(int64(n))
		}
	default:
		return false
	}
	v.AppendBytes(delta.AppendArray(nil, elems, 0, elems.Len()))
	return true
}

// orNull turns "" into NULL.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
