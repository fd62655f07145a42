package object

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"
)

// Get implements Bucket.
func (b *reliable) Get(ctx context.Context, key string) (*Reader, error) {
	if err := checkKey(opGet, key); err != nil {
		return nil, err
	}
	return b.open(ctx, key, 0, -1, true)
}

// GetRange implements Bucket.
func (b *reliable) GetRange(ctx context.Context, key string, offset, length int64) (*Reader, error) {
	if err := checkRange(key, offset, length); err != nil {
		return nil, err
	}
	return b.open(ctx, key, offset, length, false)
}

func (b *reliable) open(ctx context.Context, key string, offset, length int64, verify bool) (*Reader, error) {
	r := &reader{b: b, ctx: ctx, key: key, off: offset}
	got, err := r.request(length)
	if err != nil {
		return nil, err
	}
	r.info, r.end = got.Info, got.Info.Size
	if length >= 0 {
		r.end = min(r.end, offset+length)
	}
	if verify && got.Info.SHA256 != "" {
		r.hash = sha256.New()
	}
	return &Reader{ReadCloser: r, Info: got.Info}, nil
}

// reader gives the bytes of one version of an object, over as many connections as it takes.
type reader struct {
	b        *reliable
	ctx      context.Context
	key      string
	info     Info
	off, end int64     // what is still to come
	hash     hash.Hash // of what has come; nil if there is nothing to compare with

	body     io.ReadCloser
	cancel   context.CancelFunc
	late     *time.Timer // ends a connection that delivers nothing
	failures int         // since the last byte
	err      error       // final
}

// request opens a connection for the bytes from r.off on.
func (r *reader) request(length int64) (*Reader, error) {
	var got *Reader
	err := r.b.do(r.ctx, opGet, r.key, 0, func(context.Context) error {
		// The answer outlives the request, so that the time-out cannot be the context's. The slot is free with the first
		// byte: whoever reads one object while asking for another must not wait for itself.
		ctx, cancel := context.WithCancel(r.ctx)
		late := time.AfterFunc(r.b.opts.RequestTimeout, cancel)
		var err error
		if length < 0 && r.off == 0 {
			got, err = r.b.raw.Get(ctx, r.key)
		} else {
			got, err = r.b.raw.GetRange(ctx, r.key, r.off, length)
		}
		if err != nil {
			late.Stop()
			cancel()
			return err
		}
		r.cancel, r.late = cancel, late
		r.body = counted{got.ReadCloser, r.b.opts.Metrics.bytes.WithLabelValues("down")}
		return nil
	})
	return got, err
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	for r.err == nil {
		if r.off >= r.end {
			r.err = r.finish()
			break
		}
		if len(p) == 0 {
			return 0, nil
		}
		r.late.Reset(r.b.opts.RequestTimeout)
		n, err := r.body.Read(p[:min(int64(len(p)), r.end-r.off)])
		r.late.Stop()
		if n > 0 {
			r.off += int64(n)
			r.failures = 0
			if r.hash != nil {
				r.hash.Write(p[:n])
			}
			return n, nil
		}
		if err != nil {
			r.err = r.resume(err)
		}
	}
	return 0, r.err
}

// resume replaces a broken connection. The object must be the same as before.
func (r *reader) resume(cause error) error {
	r.drop()
	if errors.Is(cause, io.EOF) {
		cause = io.ErrUnexpectedEOF
	}
	r.failures++
	lost := &Error{Op: opGet, Key: r.key, Class: ErrUnavailable, Attempts: r.failures,
		Cause: fmt.Errorf("the connection broke after %d of %d bytes: %w", r.off, r.end, cause)}
	if r.ctx.Err() != nil || r.failures > r.b.opts.MaxRetries || !sleep(r.ctx, r.b.pause(r.failures)) {
		return lost
	}
	r.b.opts.Metrics.retries.WithLabelValues(opGet).Inc()
	got, err := r.request(r.end - r.off)
	if err != nil {
		return err
	}
	if got.Info.Version != r.info.Version || got.Info.Size != r.info.Size {
		r.drop()
		return &Error{Op: opGet, Key: r.key, Class: ErrConflict, Cause: errors.New("it was replaced while it was read")}
	}
	return nil
}

// finish judges the checksum.
func (r *reader) finish() error {
	r.drop()
	if r.hash == nil {
		return io.EOF
	}
	if sum := hex.EncodeToString(r.hash.Sum(nil)); sum != r.info.SHA256 {
		return &Error{Op: opGet, Key: r.key, Class: ErrCorrupt,
			Cause: fmt.Errorf("its SHA-256 is %s, it was stored with %s", sum, r.info.SHA256)}
	}
	return io.EOF
}

func (r *reader) drop() {
	if r.body != nil {
		r.late.Stop()
		_ = r.body.Close() // nothing was written
		r.cancel()
		r.body = nil
	}
}

// Close implements io.Closer.
func (r *reader) Close() error {
	r.drop()
	if r.err == nil {
		r.err = errors.New("the object's reader is closed")
	}
	return nil
}
