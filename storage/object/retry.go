package object

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Bounds of the work with one bucket.
const (
	// MaxConcurrent requests run at a time; more wait.
	MaxConcurrent = 32
	// partSize is what one request carries of a large object. Each part in flight is held in memory.
	partSize = 8 << 20
	// partConcurrency is how many parts of one object travel at a time: at most 32 MiB a Put.
	partConcurrency = 4

	// lookFirst is the size from which on it is cheaper to look for the object before it is sent again.
	lookFirst = 1 << 20

	maxBackoff        = 10 * time.Second
	deleteConcurrency = 16
	// copyTimeouts: a copy inside the store may take this many request time-outs.
	copyTimeouts = 10
)

// Options of a bucket; zero values are the defaults.
type Options struct {
	// Endpoint is the address of an S3-compatible server, or of an emulator; "" is the provider's own.
	Endpoint string
	// Region of S3; "" asks the SDK's own configuration, then us-east-1.
	Region string
	// PathStyle puts the bucket's name into the path instead of the host name, as many S3-compatible servers want it.
	PathStyle bool
	// RequestTimeout bounds one attempt (of a large object: each part of 8 MiB), and waiting for the next bytes of an
	// answer. Default 30 s.
	RequestTimeout time.Duration
	// MaxRetries is how often a failed request is repeated. Default 8; negative: never.
	MaxRetries int
	// Backoff is the pause before the first repetition; it doubles up to 10 s, with jitter. Default 100 ms.
	Backoff time.Duration
	// Metrics count what happens; nil counts for nobody.
	Metrics *Metrics
}

func (o Options) withDefaults() Options {
	if o.RequestTimeout <= 0 {
		o.RequestTimeout = 30 * time.Second
	}
	if o.MaxRetries == 0 {
		o.MaxRetries = 8
	}
	o.MaxRetries = max(o.MaxRetries, 0)
	if o.Backoff <= 0 {
		o.Backoff = 100 * time.Millisecond
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	return o
}

// Reliable returns a bucket that does what the package promises, over one whose requests may fail: it repeats,
// recognizes its own objects after lost answers, verifies checksums, goes on reading where a connection broke, and
// counts. Open has done this already.
func Reliable(b Bucket, opts Options) Bucket {
	return &reliable{raw: b, opts: opts.withDefaults(), slots: make(chan struct{}, MaxConcurrent)}
}

type reliable struct {
	raw    Bucket
	opts   Options
	slots  chan struct{}
	closed atomic.Bool
}

// do runs a request until it succeeds, is refused, or no attempts are left.
func (b *reliable) do(ctx context.Context, op, key string, timeout time.Duration, request func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		err := b.attempt(ctx, op, key, timeout, request)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || attempt > b.opts.MaxRetries || !errors.Is(err, ErrUnavailable) || b.closed.Load() {
			return failed(ctx, err, op, key, attempt)
		}
		if !sleep(ctx, b.pause(attempt)) {
			return failed(ctx, err, op, key, attempt)
		}
		b.opts.Metrics.retries.WithLabelValues(op).Inc()
	}
}

func (b *reliable) attempt(ctx context.Context, op, key string, timeout time.Duration, request func(context.Context) error) error {
	select {
	case b.slots <- struct{}{}:
	case <-ctx.Done():
		return &Error{Op: op, Key: key, Class: ErrUnavailable, Cause: ctx.Err()}
	}
	defer func() { <-b.slots }()
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %v", timeout))
		defer cancel()
	}
	end := b.opts.Metrics.begin(op)
	err := request(ctx)
	end(err)
	return err
}

// pause before attempt n+1: half of it is chance, so that clients that failed together do not come back together.
func (b *reliable) pause(n int) time.Duration {
	d := min(b.opts.Backoff<<min(n-1, 20), maxBackoff)
	return d/2 + rand.N(d/2+1)
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// failed names the number of attempts in an error, and that the caller gave up, if it did.
func failed(ctx context.Context, err error, op, key string, attempts int) error {
	told := Error{Op: op, Key: key, Class: ErrUnavailable, Cause: err}
	var e *Error
	if errors.As(err, &e) {
		told = *e
	}
	told.Attempts = attempts
	if ctx.Err() != nil {
		told.Cause = errors.Join(context.Cause(ctx), told.Cause)
	}
	return &told
}

// Put implements Bucket.
func (b *reliable) Put(ctx context.Context, key string, body Body, opts PutOptions) error {
	if err := checkPut(key, opts); err != nil {
		return err
	}
	sum, err := digest(body)
	if err != nil {
		return &Error{Op: opPut, Key: key, Class: ErrInvalid, Cause: fmt.Errorf("read what is to be stored: %w", err)}
	}
	opts.sha256 = sum
	timeout := b.opts.RequestTimeout * time.Duration(1+body.Size()/partSize)
	attempts := 0
	err = b.do(ctx, opPut, key, timeout, func(ctx context.Context) error {
		if attempts++; attempts > 1 && body.Size() > lookFirst {
			if done, err := b.settled(ctx, key, body.Size(), opts); done {
				return err
			}
		}
		return b.raw.Put(ctx, key, countedBody{body, b.opts.Metrics}, opts)
	})
	if !errors.Is(err, ErrExists) && !errors.Is(err, ErrConflict) {
		return err
	}
	// An attempt whose answer was lost may have stored the object.
	same, headErr := b.holds(ctx, key, body.Size(), sum)
	switch {
	case same:
		return nil
	case headErr != nil && !errors.Is(headErr, ErrNotFound):
		return headErr
	}
	return err
}

// settled looks whether another attempt has anything to do: not if the object is in place already, and not if the
// condition is violated. A server may refuse a large object before it has read it, and then close the connection so that
// the client never sees the answer.
func (b *reliable) settled(ctx context.Context, key string, size int64, opts PutOptions) (bool, error) {
	info, err := b.raw.Head(ctx, key)
	conflict := &Error{Op: opPut, Key: key, Class: ErrConflict}
	switch {
	case errors.Is(err, ErrNotFound):
		return opts.IfVersion != "", conflict
	case err != nil, info.SHA256 == "":
		return false, err // the attempt will tell
	case info.Size == size && info.SHA256 == opts.sha256:
		return true, nil
	case opts.IfAbsent:
		return true, &Error{Op: opPut, Key: key, Class: ErrExists}
	case opts.IfVersion != "":
		return info.Version != opts.IfVersion, conflict
	}
	return false, nil
}

// holds reports whether the object under key has these contents.
func (b *reliable) holds(ctx context.Context, key string, size int64, sum string) (bool, error) {
	info, err := b.Head(ctx, key)
	if err != nil || info.Size != size {
		return false, err
	}
	if info.SHA256 != "" {
		return info.SHA256 == sum, nil
	}
	there, err := digest(Stream{Length: size, Reopen: func() (io.ReadCloser, error) { return b.Get(ctx, key) }})
	return there == sum, err
}

// Head implements Bucket.
func (b *reliable) Head(ctx context.Context, key string) (info Info, err error) {
	if err := checkKey(opHead, key); err != nil {
		return Info{}, err
	}
	err = b.do(ctx, opHead, key, b.opts.RequestTimeout, func(ctx context.Context) (err error) {
		info, err = b.raw.Head(ctx, key)
		return err
	})
	return info, err
}

// Delete implements Bucket.
func (b *reliable) Delete(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if err := checkKey(opDelete, key); err != nil {
			return err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(deleteConcurrency)
	for _, key := range keys {
		g.Go(func() error {
			return b.do(ctx, opDelete, key, b.opts.RequestTimeout, func(ctx context.Context) error {
				return b.raw.Delete(ctx, key)
			})
		})
	}
	return g.Wait()
}

// Copy implements Bucket.
func (b *reliable) Copy(ctx context.Context, dst, src string) error {
	if err := errors.Join(checkKey(opCopy, dst), checkKey(opCopy, src)); err != nil {
		return err
	}
	return b.do(ctx, opCopy, src, copyTimeouts*b.opts.RequestTimeout, func(ctx context.Context) error {
		return b.raw.Copy(ctx, dst, src)
	})
}

// List implements Bucket. After a failure it lists again and passes over what it has yielded.
func (b *reliable) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		last, stopped, failures := "", false, 0
		for !stopped {
			err := b.attempt(ctx, opList, prefix, 0, func(ctx context.Context) error {
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				late := time.AfterFunc(b.opts.RequestTimeout, cancel)
				defer late.Stop()
				for info, err := range b.raw.List(ctx, prefix) {
					if err != nil {
						return err
					}
					if info.Key <= last {
						continue
					}
					late.Stop() // the consumer's time is its own
					last, failures = info.Key, 0
					if stopped = !yield(info, nil); stopped {
						return nil
					}
					late.Reset(b.opts.RequestTimeout)
				}
				return nil
			})
			if err == nil {
				return
			}
			failures++
			if ctx.Err() != nil || failures > b.opts.MaxRetries || !errors.Is(err, ErrUnavailable) || !sleep(ctx, b.pause(failures)) {
				yield(Info{}, failed(ctx, err, opList, prefix, failures))
				return
			}
			b.opts.Metrics.retries.WithLabelValues(opList).Inc()
		}
	}
}

// Close implements Bucket.
func (b *reliable) Close() error {
	b.closed.Store(true)
	return b.raw.Close()
}
