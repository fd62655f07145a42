package state

import "fmt"

// assertf panics when ok is false. Call it under `if invariants`, so that the arguments
// cost nothing in a normal build.
func assertf(ok bool, format string, args ...any) {
	if !ok {
		panic("state: invariant broken: " + fmt.Sprintf(format, args...))
	}
}
