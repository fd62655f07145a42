package expr

// RowError is one row that could not be computed.
type RowError struct {
	Row int
	Err error // *pgerr.Error
}

// rowErrors collects the rows that failed, at most one error a row.
type rowErrors struct {
	list []RowError
	rows map[int]struct{}
}

// Fail records that a row of the batch being evaluated failed; the first error
// of a row is kept.
func (c *Ctx) Fail(row int, err error) {
	if c.errs.rows == nil {
		c.errs.rows = map[int]struct{}{}
	}
	if _, ok := c.errs.rows[row]; ok {
		return
	}
	c.errs.rows[row] = struct{}{}
	c.errs.list = append(c.errs.list, RowError{row, err})
}

// Failed reports whether any row failed since the last TakeErrors.
func (c *Ctx) Failed() bool { return len(c.errs.list) > 0 }

// TakeErrors returns the failed rows and forgets them.
func (c *Ctx) TakeErrors() []RowError {
	l := c.errs.list
	c.errs = rowErrors{}
	return l
}
