package logging

import "runtime"

// maxStackBytes bounds a dump of all goroutines.
const maxStackBytes = 4 << 20

// Stacks returns the stacks of all goroutines, cut off at 4 MiB.
func Stacks() []byte {
	buf := make([]byte, 256<<10)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || len(buf) >= maxStackBytes {
			return buf[:n]
		}
		buf = make([]byte, 2*len(buf))
	}
}

// DumpStacks logs the stacks of all goroutines as one record, so that the log
// stays lines of JSON, whatever the levels are.
func (l *Log) DumpStacks() {
	l.Announce("stacks of all goroutines", "goroutines", runtime.NumGoroutine(), "stacks", string(Stacks()))
}
