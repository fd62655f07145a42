package auth

import (
	"fmt"
	"sync"
	"time"
)

// Failed logins that are free, and what those after them cost: 1 s, then twice
// as long each time up to maxLoginDelay, in which the next attempt is refused
// unread. An address has more free ones over all users, because many may share
// it. loginMemory without a failure forgets all.
const (
	freeFailures        = 5
	freeAddressFailures = 50
	firstLoginDelay     = time.Second
	maxLoginDelay       = 5 * time.Minute
	loginMemory         = 15 * time.Minute
	// auditEvery bounds the lines about one user and address being refused.
	auditEvery = 10 * time.Second
)

// throttle slows down those who guess passwords.
type throttle struct {
	now func() time.Time
	mu  sync.Mutex
	t   *lru[throttleKey, *attempts]
}

// throttleKey is a user from an address, or with an empty user, an address.
type throttleKey struct{ user, addr string }

type attempts struct {
	failures int
	last     time.Time
	until    time.Time // refused before
	audited  time.Time
	unseen   int // refusals since
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, t: newLRU[throttleKey, *attempts](maxTracked)}
}

// check is how long this user must wait at this address; log says how many
// refusals to note, 0: none now.
func (t *throttle) check(user, addr string) (wait time.Duration, log int) {
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range []throttleKey{{user, addr}, {"", addr}} {
		e, ok := t.t.get(k)
		if !ok {
			continue
		}
		if now.Sub(e.last) >= loginMemory {
			t.t.remove(k)
			continue
		}
		if d := e.until.Sub(now); d > 0 {
			e.unseen++
			if now.Sub(e.audited) >= auditEvery {
				log, e.unseen, e.audited = e.unseen, 0, now
			}
			return d, log
		}
	}
	return 0, 0
}

func (t *throttle) failed(user, addr string) {
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count(throttleKey{user, addr}, freeFailures, now)
	t.count(throttleKey{"", addr}, freeAddressFailures, now)
}

func (t *throttle) count(k throttleKey, free int, now time.Time) {
	e, ok := t.t.get(k)
	if !ok || now.Sub(e.last) >= loginMemory {
		e = &attempts{}
		t.t.put(k, e)
	}
	e.failures++
	e.last = now
	if over := e.failures - free; over > 0 {
		delay := maxLoginDelay
		if over < 16 {
			delay = min(firstLoginDelay<<(over-1), maxLoginDelay)
		}
		e.until = now.Add(delay)
	}
}

// succeeded forgets the user's failures at this address; the address keeps its
// own, or one known password would pay for guessing others.
func (t *throttle) succeeded(user, addr string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.t.remove(throttleKey{user, addr})
}

// throttled refuses an attempt that comes too early.
func (a *Auth) throttled(user, addr, method string) error {
	wait, log := a.logins.check(clip(user), addressKey(addr))
	if wait == 0 {
		return nil
	}
	a.loginsThrottled.Add(1)
	if log > 0 {
		a.record(Identity{Name: clip(user), Address: addr}, EventThrottled, OutcomeRefused, fmt.Sprintf("%s, %d attempts refused", method, log))
	}
	return tooMany(wait, "too many failed logins")
}
