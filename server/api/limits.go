package api

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"
)

// Bounds of requests.
const (
	// MaxBody is the most bytes of a request's body.
	MaxBody = 1 << 20
	// MaxPublicBody is the same where no token is needed.
	MaxPublicBody = 16 << 10
	// MaxHeader is the most bytes of a request's line and headers.
	MaxHeader = 64 << 10
	// MaxConnections is the most connections that are open at once. For one more
	// the one that has been idle for longest is closed, or, if none is, it.
	MaxConnections = 1024
	// maxAddressConnections is the same of one address: a proxy is one, too.
	maxAddressConnections = MaxConnections * 3 / 4
	// maxStreams bounds the requests on one HTTP/2 connection.
	maxStreams = 128
	// queueWait is how long a request waits for a place in its class.
	queueWait = 10 * time.Second
	// busyRetry is what Retry-After says when there was no place.
	busyRetry = 2 * time.Second
)

// class is a group of requests that share a bound of concurrency.
type class string

const (
	classDefault  class = "default"
	classPassword class = "password" // bcrypt takes a core for a while
	classCreate   class = "create"
	classLengthy  class = "lengthy"
	classSQL      class = "sql"
)

// places is how many requests of each class run at once, and how many wait.
var places = map[class]struct{ run, wait int64 }{
	classDefault:  {256, 512},
	classPassword: {4, 128},
	classCreate:   {4, 64},
	classLengthy:  {2, 8},
	classSQL:      {64, 128},
}

// gate bounds one class.
type gate struct {
	run   *semaphore.Weighted
	queue *semaphore.Weighted // those that run and those that wait
}

func newGates() map[class]*gate {
	m := map[class]*gate{}
	for c, n := range places {
		m[c] = &gate{run: semaphore.NewWeighted(n.run), queue: semaphore.NewWeighted(n.run + n.wait)}
	}
	return m
}

// enter waits for a place; leave gives it back. An error is 503.
func (g *gate) enter(ctx context.Context) (leave func(), err error) {
	busy := &Problem{Kind: Unavailable, Detail: "too many requests of this kind are running", RetryAfter: busyRetry}
	if !g.queue.TryAcquire(1) {
		return nil, busy
	}
	if !g.run.TryAcquire(1) {
		wait, cancel := context.WithTimeout(ctx, queueWait)
		defer cancel()
		if err := g.run.Acquire(wait, 1); err != nil {
			g.queue.Release(1)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, busy
		}
	}
	return func() { g.run.Release(1); g.queue.Release(1) }, nil
}
