package pgerr

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
)

func TestFrom(t *testing.T) {
	t.Parallel()
	write := func(errno syscall.Errno) error {
		return &fs.PathError{Op: "write", Path: "/data/log/1.wal", Err: errno}
	}
	for want, err := range map[string]error{
		UndefinedTable: fmt.Errorf("wrapped: %w", New(UndefinedTable, "no such")),
		DiskFull:       fmt.Errorf("log of changes failed: %w", write(syscall.ENOSPC)),
		IOError:        fmt.Errorf("log of changes failed: %w", write(syscall.EACCES)),
		InternalError:  errors.New("a broken promise"),
	} {
		if got := From(err); got.Code != want {
			t.Errorf("%v is %s, want %s", err, got.Code, want)
		}
	}
	if got := Storage(write(syscall.ENOSPC), "checkpoint: %v", "full"); got.Code != DiskFull || got.Message != "checkpoint: full" {
		t.Errorf("a checkpoint on a full disk is %+v", got)
	}
	if got := Storage(errors.New("503"), "checkpoint"); got.Code != IOError {
		t.Errorf("a checkpoint without a bucket is %s", got.Code)
	}
	if got := From(syscall.EIO); got.Code != IOError {
		t.Errorf("EIO is %s", got.Code)
	}
}
