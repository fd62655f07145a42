package exec

import (
	"errors"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
)

// maxKey is the longest key, in bytes, that a row may have as a group, join
// side, partition or primary key: what a table's key holds, less a row's
// identity.
const maxKey = 30 << 10

// errLongKey is the error of a row whose key no table holds.
func errLongKey(n int) error {
	return pgerr.New(pgerr.ProgramLimitExceeded, "key of %d bytes exceeds the limit of %d", n, maxKey)
}

// rowFailed puts row i of b into the error output; in an ad-hoc query it is the
// query's error.
func (c *Ctx) rowFailed(b *delta.Batch, i int, err error) error {
	if c == nil || c.errs == nil {
		return err
	}
	c.errs.RowFailed(c.opID(), b, i, b.Weight(i), err)
	return nil
}

// sizeError gives the state's complaint about a long key or value an SQLSTATE.
func sizeError(err error) error {
	if err == nil {
		return nil // without the variable below, which would be allocated
	}
	return asSizeError(err)
}

func asSizeError(err error) error {
	var size *state.SizeError
	if errors.As(err, &size) {
		return pgerr.New(pgerr.ProgramLimitExceeded, "%s of %d bytes in the state of an operator exceeds the limit of %d", size.What, size.Got, size.Max)
	}
	return err
}

// reuse empties a batch of the caller's own and keeps the memory of its weights,
// which Reset would give up.
func reuse(b *delta.Batch) {
	w := b.W
	b.Reset()
	if w != nil {
		b.W = w[:0]
	}
}
