package wal

import (
	"errors"
	"fmt"
)

var (
	// ErrCorrupt is wrapped by every error that says the files are not what was written. Nothing was changed: the
	// files are left for a person to look at.
	ErrCorrupt = errors.New("log of changes is corrupt")
	// ErrFormat is wrapped when a newer program has written the log. Nothing was changed.
	ErrFormat = errors.New("the log of changes has a format that this program does not read; start the version that wrote it")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("log of changes is closed")
	// ErrGone is returned by Read for positions that TruncateBefore has removed.
	ErrGone = errors.New("log position has been truncated")
	// ErrTooLarge is returned by Append for a payload above Options.MaxRecordBytes; the log is unharmed.
	ErrTooLarge = errors.New("log record is too large")
	// ErrFailed is wrapped by every call after a write or a sync failed: what the disk holds is unknown from then on,
	// and asking again could report data as safe that is lost. Only a restart, which reads the files anew, helps.
	ErrFailed = errors.New("log of changes failed earlier and takes nothing more until a restart")
)

// CorruptError says where the log is damaged.
type CorruptError struct {
	Segment string // file name
	Offset  int64  // byte offset in the file
	Pos     uint64 // position of the first record concerned
	Reason  string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%v: segment %s, byte %d, position %d: %s", ErrCorrupt, e.Segment, e.Offset, e.Pos, e.Reason)
}

// Is makes errors.Is(err, ErrCorrupt) true.
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }
