package pgwire

import (
	"sync/atomic"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// budget bounds the bytes that all clients together make the server keep:
// messages being read, texts of prepared statements, parameters of portals. A
// nil budget is unbounded.
type budget struct {
	max  int64
	used atomic.Int64
}

// take reserves n bytes, or fails with 53200.
func (b *budget) take(n int) error {
	if b == nil {
		return nil
	}
	if b.used.Add(int64(n)) > b.max {
		b.used.Add(-int64(n))
		return pgerr.New(pgerr.OutOfMemory, "out of memory").
			WithDetail("Clients' messages, prepared statements and portals may take %d bytes in all.", b.max)
	}
	return nil
}

// give returns n bytes.
func (b *budget) give(n int) {
	if b != nil {
		b.used.Add(-int64(n))
	}
}
