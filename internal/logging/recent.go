package logging

import (
	"bytes"
	"sync"
)

// recentBytes bounds the lines kept in memory.
const recentBytes = 1 << 20

// recent keeps the last lines written to it.
type recent struct {
	mu  sync.Mutex
	buf []byte
}

// Write implements io.Writer; p is one line.
func (r *recent) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// At twice the bound the older half goes: cheap, and never less than the bound.
	if len(r.buf)+len(p) > 2*recentBytes {
		keep := r.buf[max(0, len(r.buf)-recentBytes):]
		if i := bytes.IndexByte(keep, '\n'); i >= 0 {
			keep = keep[i+1:]
		}
		r.buf = append(r.buf[:0], keep...)
	}
	if len(p) <= recentBytes {
		r.buf = append(r.buf, p...)
	}
	return len(p), nil
}

// bytes returns whole lines, at most recentBytes.
func (r *recent) bytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.buf
	if len(b) > recentBytes {
		b = b[len(b)-recentBytes:]
		b = b[bytes.IndexByte(b, '\n')+1:]
	}
	return bytes.Clone(b)
}
