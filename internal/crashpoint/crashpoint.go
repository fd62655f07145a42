// Package crashpoint kills the process at a named place, on purpose.
//
// Code that writes something durable calls Hit between every two of its steps. In a normal process that is one
// comparison. When the environment variable HELIOSDB_CRASHPOINT is "name" or "name:n" at process start, the n-th Hit of
// that name (the first, without ":n") sends SIGKILL to the process itself: nothing deferred runs, no buffer is flushed.
// A crash campaign starts the program once for every one of Names and checks what recovery makes of it.
package crashpoint

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// EnvVar names the environment variable that arms one crash point, as "name" or "name:n" with n ≥ 1.
const EnvVar = "HELIOSDB_CRASHPOINT"

var (
	armed     string
	remaining atomic.Int64

	mu    sync.Mutex
	names []string
)

// The variable is read in an initializer, before any init function can register or hit a point.
var _ = arm(os.Getenv(EnvVar))

// arm sets the point to die at from the text of EnvVar; a count that is no positive number counts as 1, because a
// typing error must not turn a crash test into a test of nothing.
func arm(spec string) bool {
	name, count, found := strings.Cut(spec, ":")
	n := int64(1)
	if found {
		if v, err := strconv.ParseInt(count, 10, 64); err == nil && v > 0 {
			n = v
		}
	}
	armed = name
	remaining.Store(n)
	return name != ""
}

// Register makes name known to Names and returns it, so that a package declares its points as
//
//	var crashSynced = crashpoint.Register("wal.batch.synced")
func Register(name string) string {
	mu.Lock()
	defer mu.Unlock()
	if !slices.Contains(names, name) {
		names = append(names, name)
	}
	return name
}

// Names lists every registered point in alphabetical order.
func Names() []string {
	mu.Lock()
	defer mu.Unlock()
	out := slices.Clone(names)
	slices.Sort(out)
	return out
}

// Armed reports whether the process is set to die at name. It lets a test-only step, such as writing half of a
// buffer before Hit, cost nothing in a normal process.
func Armed(name string) bool { return armed == name && name != "" }

// Hit ends the process if it is armed for name and this is the n-th call.
func Hit(name string) {
	if armed != name || name == "" {
		return
	}
	if remaining.Add(-1) == 0 {
		die()
	}
}

// die sends SIGKILL and then waits for it: delivery to the calling thread is not immediate, and the next step must
// not run.
func die() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Kill()
	}
	select {}
}
