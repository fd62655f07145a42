package epoch

import (
	"errors"
	"syscall"
)

var (
	// ErrCorrupt is wrapped by every error that says that stored bytes are not what was written.
	ErrCorrupt = errors.New("checkpoint store is corrupt")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("checkpoint store is closed")
	// ErrBusy is returned by Begin while another epoch is being written.
	ErrBusy = errors.New("another epoch is being written")
	// ErrDone is returned by a Writer or RunWriter after Commit, Abort or Close.
	ErrDone = errors.New("epoch writer is finished")
	// ErrOrder is returned by a RunWriter whose keys are not strictly ascending.
	ErrOrder = errors.New("keys of a run are not in ascending order")
	// ErrTooLarge is returned for an entry or a meta value above the limits.
	ErrTooLarge = errors.New("value is too large for a checkpoint")
	// ErrBackwards is returned by Commit for a log position before that of the last epoch.
	ErrBackwards = errors.New("log position of an epoch is before that of the last one")
	// ErrNoSpace is wrapped when an epoch or a merge would fill the disk; the store goes on when there is room again.
	ErrNoSpace error = noSpace{}
	// ErrFailed is wrapped by Begin and Commit after a sync failed: which manifest the disk holds is unknown from
	// then on, and only a restart, which reads it anew, can tell. Reading goes on.
	ErrFailed = errors.New("checkpoint store failed earlier and takes nothing more until a restart")
)

// noSpace is, for those who ask by errors.Is, what a full disk answers.
type noSpace struct{}

func (noSpace) Error() string { return "too little disk space for a checkpoint" }

func (noSpace) Is(target error) bool { return target == syscall.ENOSPC }
