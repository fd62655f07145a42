// Package source is the contract between a connector, which turns an outside
// log into deltas, and the dataflow graph that reads it step by step.
package source

import (
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
)

// Offsets is a place in a source: for each partition the offset of the next
// record to read. Partitions are numbered from 0; a missing entry means that
// the partition has not been started.
type Offsets map[int32]int64

// Clone copies o.
func (o Offsets) Clone() Offsets {
	c := make(Offsets, len(o))
	for p, n := range o {
		c[p] = n
	}
	return c
}

// Chunk is a run of consecutive records of one partition, fetched and not yet
// decoded. Payload is the connector's own. A chunk belongs to whoever took it
// until it was decoded.
type Chunk struct {
	Partition int32
	First     int64 // offset of the first record
	Next      int64 // offset after the last record: where to resume
	Rows      int   // records (0 for a chunk that only moves the offset past gaps)
	Bytes     int
	Fetched   time.Time // when its fetch returned
	Appended  time.Time // the timestamp of its first record; zero: none
	Payload   any
}

// Budget bounds one Take.
type Budget struct{ Rows, Bytes int }

// Reader fetches one source for one graph, ahead of the steps, into a bounded
// buffer. Its methods are for the graph's coordinator alone, except Status.
type Reader interface {
	// Take hands over buffered chunks within the budget without waiting. until
	// (nil: no bound) gives offsets that must not be passed (a chunk is cut
	// there) and nothing is taken of a partition that is missing in it.
	// Each call begins with another partition, so that none starves. An error is
	// final: the source has failed (data lost, topic gone, on_error='fail').
	Take(b Budget, until Offsets) ([]Chunk, error)
	// Buffered is the number of records that wait to be taken.
	Buffered() int
	// Status may be called by anyone at any time.
	Status() Status
	Close()
}

// Status is what a reader knows of its source.
type Status struct {
	// Waiting says why nothing can be fetched ("broker 127.0.0.1:9092: connection
	// refused; next try in 4 s"); empty when all is well.
	Waiting string
	// End is, per known partition, the offset after the last record at the
	// broker; -1: not known yet.
	End Offsets
	// Unreachable marks partitions that cannot be read now: never idle.
	Unreachable map[int32]bool
	// Notices are words for people, such as "starts at offset 17, the earliest
	// there is", kept for SHOW JOBS.
	Notices []string
}

// Decoder turns the chunks of one source into deltas. One per worker; not for
// concurrent use.
type Decoder interface {
	// Decode decodes c into batches of the columns the decoder was made for, in
	// record order. The batch is the decoder's and reused after emit returns.
	// Records that cannot be decoded go to dead.
	Decode(c *Chunk, emit func(*delta.Batch) error, dead func(DeadRow)) error
}

// DeadRow is one record that could not be decoded.
type DeadRow struct {
	Partition int32
	Offset    int64
	Time      int64  // the record's timestamp, µs since 2000-01-01; 0: none
	Error     string // what was wrong, with column and reason
	Payload   []byte // as received, cut at MaxDeadPayload
}

// MaxDeadPayload bounds the payload kept of a bad record, in bytes.
const MaxDeadPayload = 8 << 10

// Spec makes readers and decoders of one source relation.
type Spec interface {
	// Resolve finds the offsets at which a job that begins now starts (the
	// source's startup mode), once; it may wait for the broker.
	Resolve(stop <-chan struct{}) (Offsets, error)
	// Open starts a reader at the offsets. Partitions that appear later start at
	// 0; those missing in from (a nil map: none known yet) start per the startup
	// mode. ready is called, from any goroutine and without blocking, when there
	// may be something to take or the status changed.
	Open(from Offsets, ready func()) (Reader, error)
	// NewDecoder decodes the given columns (indexes of the relation's columns);
	// all declared columns are validated.
	NewDecoder(cols []int) (Decoder, error)
	// End gives the end offsets now, for FLUSH and ad-hoc reads.
	End(stop <-chan struct{}) (Offsets, error)
	// Commit tells the outside world (a consumer group) how far a complete epoch
	// has come; best effort.
	Commit(o Offsets)
	Close()
}
