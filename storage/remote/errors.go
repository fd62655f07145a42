package remote

import "errors"

var (
	// ErrOwned is wrapped when another process owns the bucket and lives.
	ErrOwned = errors.New("the bucket is in use by another process")
	// ErrFenced is wrapped once another process has taken the bucket over. It is final.
	ErrFenced = errors.New("another process has taken over the bucket; this one must stop")
	// ErrInDoubt is wrapped when the bucket did not confirm a change in time.
	ErrInDoubt = errors.New("the bucket has not confirmed the change")
	// ErrUnreachable is wrapped when a change is refused because the bucket does not answer. Nothing was done.
	ErrUnreachable = errors.New("the bucket does not answer")
	// ErrCorrupt is wrapped when what the bucket holds is not what was written there.
	ErrCorrupt = errors.New("the state in the bucket is damaged")
	// ErrForeign is wrapped when bucket and directory do not belong together or to this program.
	ErrForeign = errors.New("the bucket holds something else")
	// ErrFormat is wrapped when a newer program has written what the bucket holds. Nothing was changed.
	ErrFormat = errors.New("the state in the bucket has a format that this program does not read; start the version that wrote it")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("the bucket is closed")
)
