package epoch

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
)

// TestErrNoSpace: who asks by errors.Is whether a disk is full hears of it, also
// where the store stopped before it was.
func TestErrNoSpace(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("%w: 99 MiB are free", ErrNoSpace)
	if !errors.Is(err, ErrNoSpace) || !errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EIO) {
		t.Errorf("%v is not what a full disk answers", err)
	}
}
