package object

import (
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"sync"
)

// Faults say how often a Faulty bucket does what networks and servers do, as parts of 1.
type Faults struct {
	Refuse  float64 // 503: nothing was done
	Lost    float64 // it was done, but the answer is lost; of a Delete: the answer is a success, but nothing was done
	Partial float64 // an upload breaks half way; a download breaks half way
	Hang    float64 // no answer until the time-out, then as Refuse or Lost
	// Limit ends the faults after so many of them; 0: never.
	Limit int
}

// NewFaulty returns a bucket for tests that fails by chance, the same way for the same seed and order of requests. It
// goes beneath Reliable, to see what that makes of it, or above it, to see what a caller does with final errors.
func NewFaulty(b Bucket, seed uint64, faults Faults) *Faulty {
	return &Faulty{Bucket: b, faults: faults, rnd: rand.New(rand.NewPCG(seed, 0))}
}

// Faulty is a Bucket with injected failures.
type Faulty struct {
	Bucket
	faults Faults

	mu    sync.Mutex
	rnd   *rand.Rand
	count int
}

// Count is how many faults there were.
func (f *Faulty) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

// Set changes what happens from now on.
func (f *Faulty) Set(faults Faults) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = faults
}

type faultKind int

const (
	noFault faultKind = iota
	refuse
	lost
	partial
)

var (
	errRefused = errors.New("injected: 503")
	errLost    = errors.New("injected: the answer is lost")
	errPartial = errors.New("injected: the connection broke half way")
)

func faultErr(op, key string, cause error) error {
	return &Error{Op: op, Provider: "faulty", Key: key, Class: ErrUnavailable, Cause: cause}
}

// next throws the dice; a hang has been waited for.
func (f *Faulty) next(ctx context.Context) faultKind {
	f.mu.Lock()
	kind, hang := noFault, false
	if f.faults.Limit == 0 || f.count < f.faults.Limit {
		x := f.rnd.Float64()
		for _, c := range []struct {
			part float64
			kind faultKind
			hang bool
		}{
			{f.faults.Refuse, refuse, false}, {f.faults.Lost, lost, false}, {f.faults.Partial, partial, false},
			{f.faults.Hang / 2, refuse, true}, {f.faults.Hang / 2, lost, true},
		} {
			if x < c.part {
				kind, hang = c.kind, c.hang
				f.count++
				break
			}
			x -= c.part
		}
	}
	f.mu.Unlock()
	if hang {
		<-ctx.Done()
	}
	return kind
}

// do runs a request that has no halves.
func (f *Faulty) do(ctx context.Context, op, key string, request func(context.Context) error) error {
	switch f.next(ctx) {
	case refuse, partial:
		return faultErr(op, key, errRefused)
	case lost:
		// The server goes on after the client has given up.
		if err := request(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		return faultErr(op, key, errLost)
	}
	return request(ctx)
}

// Put implements Bucket.
func (f *Faulty) Put(ctx context.Context, key string, body Body, opts PutOptions) error {
	switch f.next(ctx) {
	case refuse:
		return faultErr(opPut, key, errRefused)
	case partial:
		half := Stream{Length: body.Size(), Reopen: func() (io.ReadCloser, error) {
			r, err := body.Open()
			if err != nil {
				return nil, err
			}
			return readCloser{&breaking{r, body.Size() / 2}, r}, nil
		}}
		_ = f.Bucket.Put(ctx, key, half, opts) // its error is what was wanted
		return faultErr(opPut, key, errPartial)
	case lost:
		if err := f.Bucket.Put(context.WithoutCancel(ctx), key, body, opts); err != nil {
			return err
		}
		return faultErr(opPut, key, errLost)
	}
	return f.Bucket.Put(ctx, key, body, opts)
}

// breaking fails after a number of bytes, also if there are none.
type breaking struct {
	r    io.Reader
	left int64
}

func (b *breaking) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errPartial
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// Get implements Bucket.
func (f *Faulty) Get(ctx context.Context, key string) (*Reader, error) {
	return f.open(ctx, key, func() (*Reader, error) { return f.Bucket.Get(ctx, key) })
}

// GetRange implements Bucket.
func (f *Faulty) GetRange(ctx context.Context, key string, offset, length int64) (*Reader, error) {
	return f.open(ctx, key, func() (*Reader, error) { return f.Bucket.GetRange(ctx, key, offset, length) })
}

func (f *Faulty) open(ctx context.Context, key string, open func() (*Reader, error)) (*Reader, error) {
	kind := f.next(ctx)
	if kind == refuse || kind == lost {
		return nil, faultErr(opGet, key, errRefused)
	}
	r, err := open()
	if err == nil && kind == partial {
		r.ReadCloser = readCloser{&breaking{r.ReadCloser, r.Info.Size / 2}, r.ReadCloser}
	}
	return r, err
}

// Head implements Bucket.
func (f *Faulty) Head(ctx context.Context, key string) (info Info, err error) {
	err = f.do(ctx, opHead, key, func(ctx context.Context) (err error) {
		info, err = f.Bucket.Head(ctx, key)
		return err
	})
	return info, err
}

// List implements Bucket. A partial listing ends after some keys.
func (f *Faulty) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		kind := f.next(ctx)
		if kind == refuse || kind == lost {
			yield(Info{}, faultErr(opList, prefix, errRefused))
			return
		}
		n := 0
		for info, err := range f.Bucket.List(ctx, prefix) {
			if n++; kind == partial && n > 3 {
				yield(Info{}, faultErr(opList, prefix, errPartial))
				return
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

// Delete implements Bucket. A lost one says that it succeeded.
func (f *Faulty) Delete(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		switch f.next(ctx) {
		case refuse, partial:
			return faultErr(opDelete, key, errRefused)
		case lost:
			if err := ctx.Err(); err != nil { // after a hang nobody says anything
				return faultErr(opDelete, key, err)
			}
			continue
		}
		if err := f.Bucket.Delete(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// Copy implements Bucket.
func (f *Faulty) Copy(ctx context.Context, dst, src string) error {
	return f.do(ctx, opCopy, src, func(ctx context.Context) error { return f.Bucket.Copy(ctx, dst, src) })
}
