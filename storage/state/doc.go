// Package state holds operator state and view contents in memory, in structures
// that the garbage collector never walks: pages and tables live in mmap'ed slabs.
//
//   - Pool: the slab allocator everything else takes its blocks from.
//   - Tree: an ordered map of bytes to bytes, a copy-on-write B+tree of 4 KiB pages
//     with O(1) snapshots (view contents, join sides, top-N).
//   - Hash: an unordered map of bytes to fixed-size values (groups).
//   - WindowedHash: one Hash a window, dropped window by window.
//
// All tables share the checkpoint seam below: the single writer freezes what changed
// between two steps in well under a millisecond, a background goroutine emits it in
// key order while steps go on.
//
// Concurrency: one writer a table. Snapshots of a Tree may be read and released by any
// goroutine. A Frozen is used by one goroutine at a time, concurrently with the writer.
package state

import (
	"errors"
	"fmt"
)

// Limits of keys and values. A Put beyond them returns a *SizeError.
const (
	// MaxKeyBytes is the longest key of a Tree or a Hash.
	MaxKeyBytes = 64 << 10
	// MaxValueBytes is the longest value of a Tree.
	MaxValueBytes = 64 << 20
	// MaxHashValueBytes is the largest ValueSize of a Hash.
	MaxHashValueBytes = 4 << 10
)

// Table is what a checkpoint sees of a state structure.
type Table interface {
	// Freeze hands over what changed since the last Freeze. It is called by the writer
	// between steps and costs well under a millisecond. It fails with ErrFreezePending
	// while the last Frozen it returned has not been discarded.
	Freeze() (Frozen, error)
	// FreezeFull hands over all content, for savepoints and base runs. It neither takes
	// changes away from the next Freeze nor waits for an outstanding one.
	FreezeFull() (Frozen, error)
	// Load puts one entry back at recovery, without recording it as a change. The order
	// of keys is free; a later Load of a key wins.
	Load(key, val []byte) error
	// Bytes is the memory in use, change records included.
	Bytes() int64
	// Len is the number of entries.
	Len() int
	// Close gives all memory back. Snapshots and Frozens taken before stay readable
	// until they are released or discarded.
	Close()
}

// Frozen is what changed in one table between two checkpoints, or all of it.
type Frozen interface {
	// Emit hands over the range deletes first, then puts and deletes in ascending order
	// of keys, each key once. Range deletes precede the puts in effect. A nil hi means
	// "to the end". Slices are valid during the call only. Emit stops at the first error
	// and returns it; it may be called again and then emits the same.
	Emit(put func(key, val []byte) error, del func(key []byte) error, delRange func(lo, hi []byte) error) error
	// Discard ends the use of the Frozen and frees its memory. With putBack the epoch
	// failed and the changes become part of the next Freeze, below newer changes.
	// Calls after the first do nothing.
	Discard(putBack bool)
}

// ErrFreezePending says that the last Frozen of this table was not discarded yet.
var ErrFreezePending = errors.New("state: the last freeze of this table has not been discarded")

// ErrClosed says that the table was closed.
var ErrClosed = errors.New("state: table is closed")

// SizeError says that a key or value has a length the table cannot hold.
type SizeError struct {
	What string // "key" or "value"
	Got  int    // bytes
	Max  int    // bytes; for fixed sizes the one length allowed
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("state: %s of %d bytes, limit %d", e.What, e.Got, e.Max)
}

// MemoryError is the value of the panic when the operating system refuses memory. It
// leaves the table that was being written unusable; a job that recovers from it must be
// restarted from its last checkpoint.
type MemoryError struct {
	Bytes int64
	Err   error
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("state: the system refused %d bytes: %v", e.Bytes, e.Err)
}

// Unwrap returns the system's error.
func (e *MemoryError) Unwrap() error { return e.Err }
