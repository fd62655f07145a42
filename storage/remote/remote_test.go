package remote

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/storage/object"
)

func TestFromTheBucketAlone(t *testing.T) {
	t.Parallel()
	c := setup{bucket: object.NewMemory(), dir: t.TempDir()}
	p, err := c.open(t, nil)
	must(t, err)
	for i := range 10 {
		must(t, p.write(fmt.Sprintf("k%d=%d", i%4, i)))
		if i == 3 || i == 7 {
			must(t, p.checkpoint())
		}
	}
	p.kill()
	c.dir = t.TempDir()
	q, err := c.open(t, p.history)
	must(t, err)
	q.check(p.acked)
	if e := q.s.Store().Manifest().Epoch; e != 2 {
		t.Fatalf("epoch %d", e)
	}
	must(t, q.write("more=1"))
	must(t, q.checkpoint())
	must(t, q.s.Close(t.Context()))
	// The same directory goes on without a download.
	r, err := c.open(t, q.history)
	must(t, err)
	r.check(q.acked)
	must(t, r.s.Close(t.Context()))
}

func keysOf(t *testing.T, b object.Bucket, prefix string) []string {
	t.Helper()
	var out []string
	for info, err := range b.List(t.Context(), prefix) {
		must(t, err)
		out = append(out, info.Key)
	}
	return out
}

// TestRetention: only what the retained checkpoints need is left.
func TestRetention(t *testing.T) {
	t.Parallel()
	for _, full := range []bool{false, true} {
		c := setup{bucket: object.NewMemory(), dir: t.TempDir(), opt: Options{Retained: 3, Full: full}}
		must(t, c.bucket.Put(t.Context(), "savepoint-1/runs/x", object.Bytes("keep me"), object.PutOptions{}))
		p, err := c.open(t, nil)
		must(t, err)
		for i := range 12 {
			must(t, p.write(fmt.Sprintf("k%d=%s", i, strings.Repeat("x", 100))))
			must(t, p.checkpoint())
		}
		refs := p.s.refs()
		if got := keysOf(t, c.bucket, manifests); len(got) != 3 || len(refs) != 3 || refs[0].Epoch != 12 {
			t.Fatalf("manifests %v, retained %v", got, refs)
		}
		needed := map[string]bool{}
		for _, h := range p.s.heads {
			for _, r := range h.Runs {
				needed[r.Key] = true
			}
		}
		if runs := keysOf(t, c.bucket, runFolder); len(runs) != len(needed) {
			t.Fatalf("runs %v, needed %v", runs, needed)
		}
		if log := keysOf(t, c.bucket, logFolder); log[0] != logKey(refs[2].LogSeq) {
			t.Fatalf("the log begins with %s, the oldest checkpoint needs %s", log[0], logKey(refs[2].LogSeq))
		}
		if got := keysOf(t, c.bucket, savepoints); len(got) != 1 {
			t.Fatalf("savepoints %v", got)
		}
		p.kill()
		// Processes that come and go leave nothing behind either.
		for range 4 {
			if p, err = c.open(t, p.history); err != nil {
				t.Fatal(err)
			}
			must(t, p.write("again=1"))
			must(t, p.checkpoint())
			p.kill()
			if got := keysOf(t, c.bucket, manifests); len(got) != 3 {
				t.Fatalf("manifests after a restart %v", got)
			}
		}
	}
}

// TestKeyringOfAnother: a process that does not know yet that it has lost the bucket leaves the keyring of its
// successor alone, which may have a key more.
func TestKeyringOfAnother(t *testing.T) {
	t.Parallel()
	c := setup{bucket: object.NewMemory(), dir: t.TempDir()}
	p, err := c.open(t, nil)
	must(t, err)
	defer p.kill()
	put := func(text string) error { return p.s.PutKeyring(t.Context(), []byte(text)) }
	must(t, put("one"))
	must(t, put("one"))
	must(t, put("two"))
	must(t, c.bucket.Put(t.Context(), KeyringKey, object.Bytes("of the successor"), object.PutOptions{}))
	if err := put("three"); !errors.Is(err, ErrFenced) {
		t.Errorf("%v", err)
	}
	if got, _, err := object.ReadAll(t.Context(), c.bucket, KeyringKey, maxSmall); err != nil || string(got) != "of the successor" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestDamagedCheckpoint: an older checkpoint and the log behind it lead to the same state.
func TestDamagedCheckpoint(t *testing.T) {
	t.Parallel()
	c := setup{bucket: object.NewMemory(), dir: t.TempDir()}
	p, err := c.open(t, nil)
	must(t, err)
	for i := range 6 {
		must(t, p.write(fmt.Sprintf("k%d=%d", i%4, i)))
		must(t, p.checkpoint())
	}
	must(t, p.write("end=1"))
	refs := p.s.refs()
	last := p.s.heads[refs[0].Key].Runs
	p.kill()
	must(t, c.bucket.Put(t.Context(), last[0].Key, object.Bytes("garbage"), object.PutOptions{}))
	c.dir = t.TempDir()
	q, err := c.open(t, p.history)
	must(t, err)
	q.check(p.acked)
	must(t, q.checkpoint())
	q.kill()
	c.dir = t.TempDir()
	r, err := c.open(t, q.history)
	must(t, err)
	r.check(q.acked)
	r.kill()
}

func TestForeign(t *testing.T) {
	t.Parallel()
	foreign := setup{bucket: object.NewMemory(), dir: t.TempDir()}
	must(t, foreign.bucket.Put(t.Context(), "photos/cat.jpg", object.Bytes("meow"), object.PutOptions{}))
	newer := setup{bucket: object.NewMemory(), dir: t.TempDir()}
	must(t, newer.bucket.Put(t.Context(), formatKey, object.Bytes(`{"format":"HeliosDB Streaming state","layout":99,"store":"x"}`), object.PutOptions{}))
	for _, c := range []setup{foreign, newer} {
		if _, err := c.open(t, nil); !errors.Is(err, ErrForeign) {
			t.Fatalf("opened: %v", err)
		}
	}
	// A directory of one store is not used with the bucket of another.
	one := setup{bucket: object.NewMemory(), dir: t.TempDir()}
	p, err := one.open(t, nil)
	must(t, err)
	must(t, p.write("a=1"))
	must(t, p.s.Close(t.Context()))
	other := setup{bucket: object.NewMemory(), dir: t.TempDir()}
	q, err := other.open(t, nil)
	must(t, err)
	must(t, q.s.Close(t.Context()))
	other.dir = one.dir
	if _, err := other.open(t, nil); !errors.Is(err, ErrForeign) {
		t.Fatalf("opened: %v", err)
	}
}

// gated holds back writes of log objects until it is opened.
type gated struct {
	object.Bucket
	gate chan struct{}
}

func (g *gated) Put(ctx context.Context, key string, body object.Body, opts object.PutOptions) error {
	if strings.HasPrefix(key, logFolder) {
		<-g.gate
	}
	return g.Bucket.Put(ctx, key, body, opts)
}

// TestGroupCommit: changes that come while an object is on its way share the next one.
func TestGroupCommit(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{}, 1)
	memory := object.NewMemory()
	gate <- struct{}{} // the fence
	c := setup{bucket: &gated{memory, gate}, dir: t.TempDir(), opt: Options{ShipInterval: time.Hour}}
	p, err := c.open(t, nil)
	must(t, err)
	before := len(keysOf(t, memory, logFolder))
	const changes = 20
	answers := make(chan error, changes)
	wait := func(pos uint64) { go func() { answers <- p.s.Wait(t.Context(), pos) }() }
	wait(p.log("first=1"))
	for { // the first one is on its way
		p.s.mu.Lock()
		sent := p.s.pending != nil
		p.s.mu.Unlock()
		if sent {
			break
		}
		time.Sleep(time.Millisecond)
	}
	for i := range changes - 1 {
		wait(p.log(fmt.Sprintf("k%d=1", i)))
	}
	select {
	case err := <-answers:
		t.Fatalf("answered without the bucket: %v", err)
	default:
	}
	close(gate)
	for range changes {
		must(t, <-answers)
	}
	if n := len(keysOf(t, memory, logFolder)) - before; n != 2 {
		t.Fatalf("%d changes took %d objects", changes, n)
	}
	p.kill()
}

// TestInDoubt: a change that the bucket did not confirm in time is in doubt, the next ones are refused, readers go on,
// and when the bucket answers the change is there.
func TestInDoubt(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{}, 1)
	gate <- struct{}{}
	c := setup{bucket: &gated{object.NewMemory(), gate}, dir: t.TempDir(), opt: Options{Timeout: 20 * time.Millisecond}}
	p, err := c.open(t, nil)
	must(t, err)
	if err := p.write("a=1"); !errors.Is(err, ErrInDoubt) {
		t.Fatalf("write: %v", err)
	}
	must(t, p.s.WaitVisible(t.Context(), p.s.Log().LastPos()))
	if err := p.s.Admit(); !errors.Is(err, ErrUnreachable) {
		t.Fatalf("the next change: %v", err)
	}
	close(gate)
	must(t, p.s.shipTo(t.Context(), p.s.Log().LastPos()))
	must(t, p.s.Admit())
	must(t, p.write("b=1"))
	p.kill()
	c.dir = t.TempDir()
	q, err := c.open(t, p.history)
	must(t, err)
	q.check(p.acked)
	if q.table["a"] != "1" {
		t.Fatal("the change in doubt was refused after all")
	}
	q.kill()
}
