package remote

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/storage/epoch"
	"github.com/heliosdb/heliosdb-streaming/storage/object"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
	"github.com/heliosdb/heliosdb-streaming/storage/wal"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var quiet = slog.New(slog.DiscardHandler)

// unreliable is one process's way to a bucket: requests fail, before or after they had their effect, and from one of
// them on nothing comes through any more, as when the process had died there.
type unreliable struct {
	object.Bucket
	faults
	mu       sync.Mutex
	rng      *rand.Rand
	requests int
	dead     bool
}

// faults of a process's way to the bucket.
type faults struct {
	share    float64 // of the requests, which fail
	dieAfter int     // requests; 0: never
	lastWins bool    // the request at which it dies has its effect
}

func unavailable(op, key string) error {
	return &object.Error{Op: op, Provider: "memory", Key: key, Class: object.ErrUnavailable, Cause: errors.New("injected")}
}

// request decides about one: whether it has its effect and whether it is answered.
func (u *unreliable) request() (effect, answer bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.dead {
		return false, false
	}
	u.requests++
	if u.dieAfter > 0 && u.requests > u.dieAfter {
		u.dead = true
		return u.lastWins, false
	}
	if u.rng.Float64() < u.share {
		return u.rng.IntN(2) == 0, false
	}
	return true, true
}

func (u *unreliable) cut() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.dead = true
}

func (u *unreliable) isDead() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.dead
}

func (u *unreliable) do(op, key string, fn func() error) error {
	effect, answer := u.request()
	var err error
	if effect {
		err = fn()
	}
	if !answer {
		return unavailable(op, key)
	}
	return err
}

func (u *unreliable) Put(ctx context.Context, key string, body object.Body, opts object.PutOptions) error {
	return u.do("put", key, func() error { return u.Bucket.Put(ctx, key, body, opts) })
}

func (u *unreliable) Get(ctx context.Context, key string) (r *object.Reader, err error) {
	err = u.do("get", key, func() error { r, err = u.Bucket.Get(ctx, key); return err })
	return r, err
}

func (u *unreliable) GetRange(ctx context.Context, key string, offset, length int64) (r *object.Reader, err error) {
	err = u.do("get", key, func() error { r, err = u.Bucket.GetRange(ctx, key, offset, length); return err })
	return r, err
}

func (u *unreliable) Head(ctx context.Context, key string) (i object.Info, err error) {
	err = u.do("head", key, func() error { i, err = u.Bucket.Head(ctx, key); return err })
	return i, err
}

func (u *unreliable) Delete(ctx context.Context, keys ...string) error {
	return u.do("delete", keys[0], func() error { return u.Bucket.Delete(ctx, keys...) })
}

func (u *unreliable) List(ctx context.Context, prefix string) iter.Seq2[object.Info, error] {
	if effect, answer := u.request(); !effect || !answer {
		return func(yield func(object.Info, error) bool) { yield(object.Info{}, unavailable("list", prefix)) }
	}
	return u.Bucket.List(ctx, prefix)
}

func (u *unreliable) Close() error { return nil }

// process is one process over the bucket, with an application of its own: a table of keys and values, whose changes are
// records "key=value" and whose contents are table 1 of the epochs.
type process struct {
	t     testing.TB
	s     *State
	net   *unreliable
	table map[string]string
	dirty map[string]bool
	// history has all records, by position; acked is the last one that was acknowledged.
	history map[uint64]string
	acked   uint64
}

type setup struct {
	bucket object.Bucket
	dir    string
	faults faults
	opt    Options
	ring   *seal.Keyring
}

func (c setup) options(net *unreliable) Options {
	o := c.opt
	o.Bucket = object.Reliable(net, object.Options{RequestTimeout: 5 * time.Second, MaxRetries: 6, Backoff: 50 * time.Microsecond})
	o.Name, o.Dir, o.Logger = "memory", c.dir, quiet
	if o.Lease == 0 {
		o.Lease = 30 * time.Millisecond
	}
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
	o.Prepare = func() (epoch.Options, wal.Options, error) {
		return epoch.Options{Logger: quiet, MemtableMB: 8, MergeRuns: 2, Keyring: c.ring},
			wal.Options{Logger: quiet, SegmentBytes: 2000, Keyring: c.ring}, nil
	}
	return o
}

// open starts a process and recovers its table. history is what the bucket may hold.
func (c setup) open(t testing.TB, history map[uint64]string) (*process, error) {
	t.Helper()
	net := &unreliable{Bucket: c.bucket, rng: rand.New(rand.NewPCG(rand.Uint64(), 1)), faults: c.faults}
	s, err := Open(t.Context(), c.options(net))
	if err != nil {
		return nil, err
	}
	p := &process{t: t, s: s, net: net, table: map[string]string{}, dirty: map[string]bool{}, history: map[uint64]string{}}
	for pos, r := range history {
		if pos <= s.Log().LastPos() {
			p.history[pos] = r
		}
	}
	pos := uint64(0)
	if m := s.Store().Manifest(); m != nil {
		pos = m.LogPos
		must(t, s.Store().Load(1, func(k, v []byte) error { p.table[string(k)] = string(v); return nil }))
		if want := fold(history, pos); history != nil && !maps.Equal(p.table, want) {
			t.Fatalf("epoch %d at %d holds %v, want %v", m.Epoch, pos, p.table, want)
		}
	}
	must(t, s.Log().Read(pos+1, func(pos uint64, _ byte, payload []byte) error {
		if history != nil && history[pos] != string(payload) {
			t.Fatalf("record %d is %s, want %s", pos, payload, history[pos])
		}
		p.apply(string(payload))
		return nil
	}))
	p.acked = s.Log().LastPos()
	return p, nil
}

// fold is the table after the records up to pos.
func fold(history map[uint64]string, pos uint64) map[string]string {
	out := map[string]string{}
	for _, at := range slices.Sorted(maps.Keys(history)) {
		if at <= pos {
			k, v, _ := strings.Cut(history[at], "=")
			out[k] = v
		}
	}
	return out
}

func (p *process) apply(record string) {
	k, v, _ := strings.Cut(record, "=")
	p.table[k], p.dirty[k] = v, true
}

// log appends a record, applies it, and returns its position.
func (p *process) log(record string) uint64 {
	p.t.Helper()
	pos, err := p.s.Log().Append(2, []byte(record))
	must(p.t, err)
	must(p.t, p.s.Log().Sync(pos))
	p.history[pos] = record
	p.apply(record)
	return pos
}

// write is an acknowledged change.
func (p *process) write(record string) error {
	p.t.Helper()
	if err := p.s.Admit(); err != nil {
		return err
	}
	pos := p.log(record)
	ctx, cancel := context.WithCancel(p.t.Context())
	defer cancel()
	go func() { // a dead process waits for nobody
		for ctx.Err() == nil && !p.net.isDead() {
			time.Sleep(100 * time.Microsecond)
		}
		cancel()
	}()
	if err := p.s.Wait(ctx, pos); err != nil {
		return err
	}
	p.acked = pos
	return nil
}

// epoch commits a local epoch.
func (p *process) epoch() {
	p.t.Helper()
	w, err := p.s.Store().Begin()
	must(p.t, err)
	r := w.Run(1)
	for _, k := range slices.Sorted(maps.Keys(p.dirty)) {
		must(p.t, r.Put([]byte(k), []byte(p.table[k])))
	}
	must(p.t, w.Commit(p.s.Log().LastPos(), fmt.Appendf(nil, "meta %d", w.Epoch())))
	clear(p.dirty)
}

func (p *process) checkpoint() error {
	p.t.Helper()
	p.epoch()
	up, err := p.s.Checkpoint(p.t.Context())
	if err != nil {
		return err
	}
	return p.s.Log().TruncateBefore(up.LogPos + 1)
}

// kill ends the process without a word to the bucket.
func (p *process) kill() {
	p.t.Helper()
	p.net.cut()
	must(p.t, p.s.stop())
}

// check compares the table with the history.
func (p *process) check(least uint64) {
	p.t.Helper()
	if last := p.s.Log().LastPos(); last < least {
		p.t.Fatalf("the log ends with %d, %d was acknowledged", last, least)
	}
	if want := fold(p.history, p.s.Log().LastPos()); !maps.Equal(want, p.table) {
		p.t.Fatalf("recovered %v, want %v", p.table, want)
	}
}
