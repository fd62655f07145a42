package api

import (
	"container/list"
	"context"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"
)

// Bounds of requests.
const (
	// MaxBody is the most bytes of a request's body.
	MaxBody = 1 << 20
	// MaxPublicBody is the same where no token is needed.
	MaxPublicBody = 16 << 10
	// MaxHeader is the most bytes of a request's line and headers.
	MaxHeader = 64 << 10
	// MaxConnections is the most connections that are open at once; one more
	// waits to be accepted.
	MaxConnections = 1024
	// maxClients bounds the tables of rate limits; the one that was quiet for
	// longest is forgotten first.
	maxClients = 16 << 10
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

// Limits are the rate limits, which a reload changes.
type Limits struct {
	Enabled           bool
	RequestsPerMinute int
}

// limiter counts requests by user and by address: each client may make
// RequestsPerMinute at once and is given as many again over a minute.
type limiter struct {
	mu      sync.Mutex
	limits  Limits
	clients map[string]*list.Element
	order   *list.List // of *client, the most recent first
	now     func() time.Time
}

type client struct {
	key string
	lim *rate.Limiter
}

func newLimiter(l Limits, now func() time.Time) *limiter {
	return &limiter{limits: l, clients: map[string]*list.Element{}, order: list.New(), now: now}
}

// set changes the limits; what clients have used up is forgotten.
func (l *limiter) set(next Limits) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if next == l.limits {
		return
	}
	l.limits = next
	clear(l.clients)
	l.order.Init()
}

// allow takes one request of a client; after says when the next one may come.
func (l *limiter) allow(key string) (ok bool, after time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.limits.Enabled || l.limits.RequestsPerMinute <= 0 {
		return true, 0
	}
	now := l.now()
	el := l.clients[key]
	if el == nil {
		per := rate.Limit(float64(l.limits.RequestsPerMinute) / 60)
		el = l.order.PushFront(&client{key: key, lim: rate.NewLimiter(per, l.limits.RequestsPerMinute)})
		l.clients[key] = el
		if len(l.clients) > maxClients {
			last := l.order.Back()
			delete(l.clients, last.Value.(*client).key)
			l.order.Remove(last)
		}
	}
	l.order.MoveToFront(el)
	r := el.Value.(*client).lim.ReserveN(now, 1)
	if d := r.DelayFrom(now); d > 0 {
		r.CancelAt(now)
		return false, d
	}
	return true, 0
}

// addressKey is the client of a remote address: an IPv4 address, or the /64 of
// an IPv6 one, of which a single machine may use all.
func addressKey(remote string) string {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return "addr:" + remote
	}
	ip := ap.Addr().Unmap().WithZone("")
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return "addr:" + p.String()
		}
	}
	return "addr:" + ip.String()
}
