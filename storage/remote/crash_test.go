package remote

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/heliosdb/heliosdb-streaming/storage/object"
)

// script is a life of a process: changes, checkpoints that retire others, and a clean end.
func script(p *process) error {
	for i := range 7 {
		if err := p.write(fmt.Sprintf("k%d=%d", i%3, i)); err != nil {
			return err
		}
		p.log(fmt.Sprintf("cut=%d", i)) // nobody waits for it
		if i%2 == 1 {
			if err := p.checkpoint(); err != nil {
				return err
			}
		}
	}
	return p.s.Close(p.t.Context())
}

// TestKilledAtEveryRequest lets a process die at each of its requests to the bucket, with and without the request's
// effect, and goes on from the bucket alone and from the local directory.
func TestKilledAtEveryRequest(t *testing.T) {
	t.Parallel()
	opt := Options{Retained: 2, TakeOver: true, orphansEvery: 1, orphanAge: 1}
	for _, c := range []struct{ effect, diskLost bool }{{true, true}, {false, true}, {true, false}} {
		t.Run(fmt.Sprintf("effect=%v,diskLost=%v", c.effect, c.diskLost), func(t *testing.T) {
			t.Parallel()
			step := 1
			if testing.Short() {
				step = 5
			}
			for n, finished := 1, false; !finished; n += step {
				finished = killedAt(t, opt, n, c.effect, c.diskLost)
			}
		})
	}
}

func killedAt(t *testing.T, opt Options, n int, effect, diskLost bool) (finished bool) {
	t.Helper()
	c := setup{bucket: object.NewMemory(), dir: t.TempDir(), opt: opt, faults: faults{dieAfter: n, lastWins: effect}}
	history, acked := map[uint64]string{}, uint64(0)
	p, err := c.open(t, nil)
	if err == nil {
		err = script(p)
		history, acked = p.history, p.acked
		if finished = err == nil; !finished && !errors.Is(err, ErrClosed) {
			if p.s.Err() == nil {
				p.kill()
			}
		}
	}
	c.faults = faults{}
	if diskLost {
		c.dir = t.TempDir()
	}
	q, err := c.open(t, history)
	if err != nil {
		t.Fatalf("after death at request %d: %v", n, err)
	}
	q.check(acked)
	must(t, q.write("again=1"))
	must(t, q.checkpoint())
	must(t, q.s.Close(t.Context()))
	c.dir = t.TempDir()
	r, err := c.open(t, q.history)
	if err != nil {
		t.Fatalf("after death at request %d and another life: %v", n, err)
	}
	r.check(q.acked)
	checkBucket(t, r)
	r.kill()
	return finished
}

// checkBucket: what retained checkpoints name is there, and after a checkpoint nothing else is.
func checkBucket(t *testing.T, p *process) {
	t.Helper()
	must(t, p.write("last=1"))
	must(t, p.checkpoint())
	needed := map[string]bool{}
	for _, ref := range p.s.refs() {
		head, _, err := readManifest(t.Context(), p.s.bucket, ref.Key)
		must(t, err)
		for _, r := range head.Runs {
			needed[r.Key] = true
			if _, err := p.s.bucket.Head(t.Context(), r.Key); err != nil {
				t.Fatalf("epoch %d: %v", ref.Epoch, err)
			}
		}
		needed[ref.Key] = true
	}
	for _, key := range append(keysOf(t, p.net.Bucket, runFolder), keysOf(t, p.net.Bucket, manifests)...) {
		if !needed[key] {
			t.Fatalf("%s is left, and nobody needs it", key)
		}
	}
}

// TestModel is any sequence of changes, checkpoints, deaths with and without the disk, and take-overs, over a bucket
// whose requests fail, before and after they had their effect.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := setup{bucket: object.NewMemory(), dir: t.TempDir(), opt: Options{Retained: rapid.IntRange(1, 3).Draw(rt, "retained"),
			TakeOver: true, orphansEvery: 1, orphanAge: 1, Full: rapid.Bool().Draw(rt, "full")}}
		c.faults.share = float64(rapid.IntRange(0, 3).Draw(rt, "faults")) / 10
		p := openAgain(t, c, nil)
		var zombies []*process
		acked := uint64(0)
		for i := range rapid.IntRange(4, 16).Draw(rt, "steps") {
			record := fmt.Sprintf("k%d=%d", i%5, i)
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0, 1, 2:
				if err := p.write(record); err != nil {
					rt.Fatalf("write: %v", err)
				}
				acked = p.acked
			case 3:
				p.log(record)
			case 4:
				p.epoch()
			case 5, 6:
				if err := p.checkpoint(); err != nil && p.s.Err() != nil {
					rt.Fatalf("checkpoint: %v", err)
				}
			case 7: // death, with the disk or without
				p.kill()
				if rapid.Bool().Draw(rt, "disk lost") {
					c.dir = t.TempDir()
				}
				p = openAgain(t, c, p.history)
			case 8: // somebody else takes over while this one lives
				zombies = append(zombies, p)
				c.dir = t.TempDir()
				p = openAgain(t, c, p.history)
			case 9:
				if len(zombies) > 0 {
					z := zombies[len(zombies)-1]
					if err := z.write("zombie=" + record); err == nil {
						rt.Fatal("a process that was taken over acknowledges")
					}
					if z.checkpoint() == nil && z.s.Err() == nil {
						rt.Fatal("a process that was taken over checkpoints")
					}
				}
			}
			p.check(acked)
		}
		for _, z := range zombies {
			z.kill()
		}
		p.kill()
		c.dir, c.faults = t.TempDir(), faults{}
		q := openAgain(t, c, p.history)
		q.check(acked)
		checkBucket(t, q)
		q.kill()
	})
}

// openAgain tries until a process comes up: its requests may fail.
func openAgain(t *testing.T, c setup, history map[uint64]string) *process {
	t.Helper()
	for range 20 {
		p, err := c.open(t, history)
		if err == nil {
			return p
		}
		if !errors.Is(err, object.ErrUnavailable) {
			t.Fatalf("open: %v", err)
		}
	}
	t.Fatal("the process never came up")
	return nil
}

// TestTakenOverWhileWriting: of what a process acknowledges while another one takes over, nothing is lost.
func TestTakenOverWhileWriting(t *testing.T) {
	t.Parallel()
	for range 10 {
		c := setup{bucket: object.NewMemory(), dir: t.TempDir(), opt: Options{TakeOver: true, Retained: 1}}
		p, err := c.open(t, nil)
		must(t, err)
		done := make(chan error, 1)
		go func() {
			for i := 0; ; i++ {
				if err := p.write(fmt.Sprintf("k%d=%d", i%7, i)); err != nil {
					done <- err
					return
				}
				if i%5 == 4 {
					if err := p.checkpoint(); err != nil {
						done <- err
						return
					}
				}
			}
		}()
		for p.s.Shipped() < 10 {
			select {
			case err := <-done:
				t.Fatalf("the first process ended before it had written anything: %v", err)
			case <-time.After(time.Millisecond):
			}
		}
		c.dir = t.TempDir()
		q, err := c.open(t, nil)
		must(t, err)
		if err := <-done; !errors.Is(err, ErrFenced) {
			t.Fatalf("the first process ended with %v", err)
		}
		<-p.s.Lost()
		q.history = maps.Clone(p.history)
		maps.DeleteFunc(q.history, func(pos uint64, _ string) bool { return pos > q.s.Log().LastPos() })
		q.check(p.acked)
		p.kill()
		q.kill()
	}
}
