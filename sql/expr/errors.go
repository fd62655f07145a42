package expr

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

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
// of a row is kept. Inside a kernel row is a row of the kernel's arguments.
func (c *Ctx) Fail(row int, err error) {
	row, err, ok := c.fault(row, err)
	if !ok {
		return
	}
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

// The errors that PostgreSQL words alike for many functions. They are shared.
var (
	errDivZero       = pgerr.New(pgerr.DivisionByZero, "division by zero")
	errSmallint      = pgerr.New(pgerr.NumericValueOutOfRange, "smallint out of range")
	errInteger       = pgerr.New(pgerr.NumericValueOutOfRange, "integer out of range")
	errBigint        = pgerr.New(pgerr.NumericValueOutOfRange, "bigint out of range")
	errOverflow      = pgerr.New(pgerr.NumericValueOutOfRange, "value out of range: overflow")
	errUnderflow     = pgerr.New(pgerr.NumericValueOutOfRange, "value out of range: underflow")
	errInterval      = pgerr.New(pgerr.DatetimeFieldOverflow, "interval out of range")
	errBatchTooLarge = pgerr.New(pgerr.ProgramLimitExceeded, "a batch's values exceed %d bytes", delta.MaxBatchBytes)
	errTooLong       = pgerr.New(pgerr.ProgramLimitExceeded, "requested length too large")
)
