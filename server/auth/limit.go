package auth

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// RateLimit is how many requests a user, and an address, may make.
type RateLimit struct {
	Enabled bool
	// PerMinute is the steady rate, and how many may come at once.
	PerMinute int
}

// limiter counts requests per user and per address.
type limiter struct {
	now func() time.Time
	mu  sync.Mutex
	cfg RateLimit
	t   *lru[throttleKey, *bucket]
}

type bucket struct {
	l       *rate.Limiter
	audited time.Time
	unseen  int
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, t: newLRU[throttleKey, *bucket](maxTracked)}
}

func (l *limiter) set(cfg RateLimit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if cfg != l.cfg {
		l.cfg, l.t = cfg, newLRU[throttleKey, *bucket](maxTracked)
	}
}

// allow takes one request from both buckets, or from neither and says how long
// to wait; log as in throttle.check.
func (l *limiter) allow(user, addr string) (wait time.Duration, log int) {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.cfg.Enabled || l.cfg.PerMinute <= 0 {
		return 0, 0
	}
	var keys []throttleKey
	if addr != "" {
		keys = append(keys, throttleKey{"", addr})
	}
	if user != "" {
		keys = append(keys, throttleKey{user, ""})
	}
	var taken []*rate.Reservation
	for _, k := range keys {
		b, ok := l.t.get(k)
		if !ok {
			b = &bucket{l: rate.NewLimiter(rate.Limit(float64(l.cfg.PerMinute)/60), l.cfg.PerMinute)}
			l.t.put(k, b)
		}
		r := b.l.ReserveN(now, 1)
		taken = append(taken, r)
		if wait = r.DelayFrom(now); wait > 0 {
			for _, t := range taken {
				t.CancelAt(now)
			}
			b.unseen++
			if now.Sub(b.audited) >= auditEvery {
				log, b.unseen, b.audited = b.unseen, 0, now
			}
			return wait, log
		}
	}
	return 0, 0
}

// SetRateLimit changes the limit; everybody begins anew.
func (a *Auth) SetRateLimit(l RateLimit) { a.limits.set(l) }

// Allow counts a request of a user (empty: not known yet) from an address
// (empty: counted before).
// Beyond the limit it is a *TooMany.
func (a *Auth) Allow(user, addr string) error {
	wait, log := a.limits.allow(user, addressKey(addr))
	if wait == 0 {
		return nil
	}
	if log > 0 {
		a.record(Identity{Name: user, Address: addr}, EventRateLimited, OutcomeRefused, fmt.Sprintf("%d requests refused", log))
	}
	return tooMany(wait, "too many requests")
}
