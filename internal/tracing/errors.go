package tracing

import (
	"sync"
	"time"

	"go.opentelemetry.io/otel"
)

// errorEvery is how often exports that fail are told of, at most: a collector may
// be away for days.
const errorEvery = 5 * time.Minute

// teller tells of failed exports, the first at once and then now and then.
type teller struct {
	tell func(err error, failures int)
	now  func() time.Time

	mu       sync.Mutex
	last     time.Time
	failures int // since last
}

// Handle implements otel.ErrorHandler.
func (t *teller) Handle(err error) {
	if err == nil {
		return
	}
	t.mu.Lock()
	t.failures++
	now, n := t.now(), t.failures
	due := t.last.IsZero() || now.Sub(t.last) >= errorEvery
	if due {
		t.last, t.failures = now, 0
	}
	t.mu.Unlock()
	if due {
		t.tell(err, n)
	}
}

// tellErrors has the library's errors go to tell. Without it they would go to
// standard error, past the log, every time.
func tellErrors(tell func(err error, failures int)) {
	if tell == nil {
		tell = func(error, int) {}
	}
	otel.SetErrorHandler(&teller{tell: tell, now: time.Now})
}
