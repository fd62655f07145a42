// Package memory is the process's budget: queries reserve before they use,
// state is counted as it grows.
package memory

import (
	"sync/atomic"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Budget bounds the bytes that queries and buffers may hold. Safe for
// concurrent use.
type Budget struct {
	limit int64
	used  atomic.Int64
	state func() int64
}

// NewBudget makes a budget of limit bytes (≤ 0: none) against which the bytes
// that state() reports count too; state may be nil.
func NewBudget(limit int64, state func() int64) *Budget {
	return &Budget{limit: limit, state: state}
}

// Limit is the budget in bytes; ≤ 0: none.
func (b *Budget) Limit() int64 { return b.limit }

// Used is what is reserved, without state.
func (b *Budget) Used() int64 { return b.used.Load() }

// Reserve opens an empty reservation. A nil budget gives an unbounded one.
func (b *Budget) Reserve() *Reservation { return &Reservation{b: b} }

// Reservation is one user's share. Not for concurrent use.
type Reservation struct {
	b     *Budget
	bytes int64
}

// freeBytes is what every user may take in any case, or a sixteenth of a small
// limit, so that small queries are answered when all memory is in use.
const freeBytes = 4 << 20

// Grow takes n more bytes, or fails with 53200 and takes nothing.
func (r *Reservation) Grow(n int64) error {
	if r == nil {
		return nil
	}
	if r.b != nil && r.b.limit > 0 {
		held := r.b.used.Add(n)
		if r.b.state != nil {
			held += r.b.state()
		}
		if held > r.b.limit && r.bytes+n > min(freeBytes, r.b.limit/16) {
			r.b.used.Add(-n)
			return pgerr.New(pgerr.OutOfMemory, "out of memory").
				WithDetail("The query needs %d more bytes; the engine's limit is %d MB.", n, r.b.limit>>20).
				WithHint("Narrow the query, or raise [state] memory_limit_mb.")
		}
	}
	r.bytes += n
	return nil
}

// Bytes is what the reservation holds.
func (r *Reservation) Bytes() int64 {
	if r == nil {
		return 0
	}
	return r.bytes
}

// Shrink gives n bytes back, of those that were taken.
func (r *Reservation) Shrink(n int64) {
	if r == nil {
		return
	}
	if r.b != nil && r.b.limit > 0 {
		r.b.used.Add(-n)
	}
	r.bytes -= n
}

// Release gives everything back.
func (r *Reservation) Release() {
	if r == nil {
		return
	}
	if r.b != nil && r.b.limit > 0 {
		r.b.used.Add(-r.bytes)
	}
	r.bytes = 0
}
