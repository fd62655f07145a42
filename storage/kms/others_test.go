package kms

import (
	"io/fs"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
)

// fileOf is a file of somebody's.
type fileOf struct {
	mode fs.FileMode
	uid  uint32
}

func (f fileOf) Name() string       { return "kms.key" }
func (f fileOf) Size() int64        { return localKeyBytes }
func (f fileOf) Mode() fs.FileMode  { return f.mode }
func (f fileOf) ModTime() time.Time { return time.Time{} }
func (f fileOf) IsDir() bool        { return false }
func (f fileOf) Sys() any           { return &syscall.Stat_t{Uid: f.uid} }

// A group may read a key file of root's, as orchestrators mount secrets, unless the process is root itself.
func TestOthersMayRead(t *testing.T) {
	t.Parallel()
	me := uint32(os.Getuid())
	for _, c := range []struct {
		f    fileOf
		want bool
	}{
		{fileOf{0o600, me}, false}, {fileOf{0o400, me}, false}, {fileOf{0o640, me}, true}, {fileOf{0o604, me}, true},
		{fileOf{0o440, 0}, me == 0}, {fileOf{0o640, 0}, me == 0}, {fileOf{0o644, 0}, true},
	} {
		if got := config.OthersMayRead(c.f); got != c.want {
			t.Errorf("%v of %d: %v", c.f.mode, c.f.uid, got)
		}
	}
}
