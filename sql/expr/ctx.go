package expr

import "github.com/heliosdb/heliosdb-streaming/internal/delta"

// frame is what a kernel's surroundings are while it runs.
type frame struct {
	out    *delta.Vec
	skip   delta.Bitmap
	consts uint32 // bit k: argument k is one constant in all rows
	memo   *memo
}

// memo keeps what a call site prepared from its arguments (a compiled regular
// expression, a time zone) for as long as the key stays the same.
type memo struct {
	key []byte
	val any
	set bool
}

// remember gives the value prepared from key, preparing it when key is not the
// one of the last row. Errors are not kept.
func remember[T any](c *Ctx, key []byte, prepare func() (T, error)) (T, error) {
	m := c.cur.memo
	if m != nil && m.set && string(m.key) == string(key) {
		if v, ok := m.val.(T); ok {
			return v, nil
		}
	}
	v, err := prepare()
	if err == nil && m != nil {
		m.key = append(m.key[:0], key...)
		m.val, m.set = v, true
	}
	return v, err
}

// isConst reports whether argument k of the running kernel is one constant.
func (c *Ctx) isConst(k int) bool { return c.cur.consts>>uint(k)&1 != 0 }

// fault records err for row of the batch that the running kernel sees: rows
// NULL by strictness cannot fail, the result becomes NULL (so that functions
// above do not run on garbage), and the row is mapped to the batch that Eval
// was given. As in PostgreSQL, an error at run time has no position.
func (c *Ctx) fault(row int, err error) (int, error, bool) {
	if out := c.cur.out; out != nil {
		if c.cur.skip.Get(row) {
			return 0, nil, false
		}
		out.SetNull(row)
	}
	for i := len(c.sels) - 1; i >= 0; i-- {
		row = int(c.sels[i][row])
	}
	return row, err, true
}

// within runs f with the rows of sel as the batch: row i of it is row sel[i].
func (c *Ctx) within(sel []int32, f func() *delta.Vec) *delta.Vec {
	c.sels = append(c.sels, sel)
	v := f()
	c.sels = c.sels[:len(c.sels)-1]
	return v
}
