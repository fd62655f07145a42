package object

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"time"

	"gocloud.dev/blob"
)

const (
	metaSHA256  = "sha256" // metadata of every object that a cloud keeps
	contentType = "application/octet-stream"
	listPage    = 1000
)

// cloud is a bucket of gocloud.dev/blob, and what only the provider's own SDK can do. Nothing is repeated here but the
// parts of large objects.
type cloud struct {
	provider string
	bucket   *blob.Bucket
	sdk      sdk
	close    func()
}

// sdk is a provider beneath gocloud.dev/blob.
type sdk interface {
	// putSmall stores up to one part in one request; false leaves it to gocloud.dev/blob.
	putSmall(ctx context.Context, key string, body Body, opts PutOptions) (bool, error)
	// beforeWrite sets what blob.WriterOptions have no field for.
	beforeWrite(as func(any) bool, opts PutOptions) error
	// delete removes an object; false leaves it to gocloud.dev/blob.
	delete(ctx context.Context, key string) (bool, error)
	// read tells version and checksum of an opened object.
	read(r *blob.Reader) (version, sha256 string)
	// version of what Head returned.
	version(a *blob.Attributes) string
	// status is the HTTP status and the provider's code of an error, or 0.
	status(err error) (int, string)
}

var _ Bucket = (*cloud)(nil)

// Put implements Bucket.
func (c *cloud) Put(ctx context.Context, key string, body Body, opts PutOptions) error {
	if body.Size() <= partSize {
		if done, err := c.sdk.putSmall(ctx, key, body, opts); done {
			return c.putErr(key, opts, err)
		}
	}
	// Canceling is how a write is given up; what was sent of it is dropped by the store.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	src, err := body.Open()
	if err != nil {
		return c.putErr(key, opts, err)
	}
	defer src.Close()
	source := &source{r: src, left: body.Size(), broken: cancel}
	err = c.bucket.Upload(ctx, key, source, &blob.WriterOptions{
		ContentType: contentType, BufferSize: bufferSize(body.Size()), MaxConcurrency: partConcurrency,
		Metadata: map[string]string{metaSHA256: opts.sha256}, IfNotExist: opts.IfAbsent,
		BeforeWrite: func(as func(any) bool) error { return c.sdk.beforeWrite(as, opts) },
	})
	if source.err != nil {
		err = source.err
	}
	return c.putErr(key, opts, err)
}

// source reads a body for an upload. If it breaks, or has not as many bytes as it said, the upload is broken before it
// hears of it: an uploader that takes the end of the reader for the end of the object would store half of it.
type source struct {
	r      io.Reader
	left   int64
	broken func()
	err    error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.left -= int64(n)
	if s.left < 0 || errors.Is(err, io.EOF) && s.left > 0 {
		err = fmt.Errorf("the source of the object has another length than it said (%d bytes off)", s.left)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
		s.broken()
	}
	return n, err
}

// bufferSize is the size of parts: no more than the object needs, and no more than 9000 parts (S3 takes 10000).
func bufferSize(size int64) int {
	return int(max(min(size+1, partSize), size/9000))
}

// putErr gives a failed condition its class.
func (c *cloud) putErr(key string, opts PutOptions, err error) error {
	if err == nil {
		return nil
	}
	status, code := c.sdk.status(err)
	var e *Error
	if !errors.As(c.err(opPut, key, err), &e) {
		return err
	}
	switch {
	case status == http.StatusPreconditionFailed, code == "BlobAlreadyExists":
		e.Class = ErrConflict
		if opts.IfAbsent {
			e.Class = ErrExists
		}
	case status == http.StatusNotFound && opts.IfVersion != "" && code != "NoSuchBucket" && code != "ContainerNotFound":
		e.Class = ErrConflict // the object is gone
	}
	return e
}

// err classifies an error of the SDK; nil stays nil.
func (c *cloud) err(op, key string, err error) error {
	if err == nil {
		return nil
	}
	var done *Error
	if errors.As(err, &done) {
		return err
	}
	e := &Error{Op: op, Provider: c.provider, Key: key, Class: ErrUnavailable, Cause: err}
	status, code := c.sdk.status(err)
	switch {
	case code == "InvalidBlockList", code == "NoSuchUpload", code == "RequestTimeout":
		// Another writer's commit threw away the parts of this one, or the server's patience ended: begin again.
	case code == "NoSuchBucket", code == "ContainerNotFound", status == http.StatusNotFound && (op == opPut || op == opList):
		e.Class = ErrNoBucket
	case code == "XAdminUserNotFound": // 404 of some S3 servers
		e.Class = ErrDenied
	case status == http.StatusNotFound:
		e.Class = ErrNotFound
	case status == http.StatusUnauthorized, status == http.StatusForbidden, code == "ExpiredToken", code == codeNoCredentials:
		e.Class = ErrDenied
	case status == http.StatusRequestedRangeNotSatisfiable:
		e.Class = ErrRange
	case status == http.StatusRequestTimeout, status == http.StatusConflict, status == http.StatusTooManyRequests:
	case status >= 300 && status < 500:
		e.Class = ErrInvalid
	}
	return e
}

// codeNoCredentials is the code of errors before any request: the provider's chain found no credentials.
const codeNoCredentials = "no credentials"

// Get implements Bucket.
func (c *cloud) Get(ctx context.Context, key string) (*Reader, error) {
	return c.open(ctx, key, 0, -1)
}

// GetRange implements Bucket.
func (c *cloud) GetRange(ctx context.Context, key string, offset, length int64) (*Reader, error) {
	r, err := c.open(ctx, key, offset, length)
	if errors.Is(err, ErrRange) && offset == 0 { // nothing can be asked of an empty object but all of it
		return c.open(ctx, key, 0, -1)
	}
	return r, err
}

func (c *cloud) open(ctx context.Context, key string, offset, length int64) (*Reader, error) {
	r, err := c.bucket.NewRangeReader(ctx, key, offset, length, nil)
	if err != nil {
		return nil, c.err(opGet, key, err)
	}
	if offset > 0 && offset >= r.Size() { // an emulator that does not refuse it
		return nil, errors.Join(&Error{Op: opGet, Provider: c.provider, Key: key, Class: ErrRange}, r.Close())
	}
	version, sum := c.sdk.read(r)
	return &Reader{ReadCloser: cloudReader{c, r, key}, Info: Info{
		Key: key, Size: r.Size(), Version: version, Modified: r.ModTime().UTC(), SHA256: sum,
	}}, nil
}

// cloudReader classifies what happens on the way.
type cloudReader struct {
	c   *cloud
	r   *blob.Reader
	key string
}

func (r cloudReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.c.err(opGet, r.key, err)
	}
	return n, err
}

func (r cloudReader) Close() error { return r.r.Close() }

// Head implements Bucket.
func (c *cloud) Head(ctx context.Context, key string) (Info, error) {
	a, err := c.bucket.Attributes(ctx, key)
	if err != nil {
		return Info{}, c.err(opHead, key, err)
	}
	return Info{Key: key, Size: a.Size, Version: c.sdk.version(a), Modified: a.ModTime.UTC(), SHA256: a.Metadata[metaSHA256]}, nil
}

// List implements Bucket.
func (c *cloud) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		for token := blob.FirstPageToken; token != nil; {
			page, next, err := c.bucket.ListPage(ctx, token, listPage, &blob.ListOptions{Prefix: prefix})
			if err != nil {
				yield(Info{}, c.err(opList, prefix, err))
				return
			}
			for _, o := range page {
				if !yield(Info{Key: o.Key, Size: o.Size, Modified: o.ModTime.UTC()}, nil) {
					return
				}
			}
			if token = next; len(token) == 0 {
				return
			}
		}
	}
}

// Delete implements Bucket.
func (c *cloud) Delete(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		done, err := c.sdk.delete(ctx, key)
		if !done {
			err = c.bucket.Delete(ctx, key)
		}
		if err = c.err(opDelete, key, err); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// Copy implements Bucket.
func (c *cloud) Copy(ctx context.Context, dst, src string) error {
	return c.err(opCopy, src, c.bucket.Copy(ctx, dst, src, nil))
}

// Close implements Bucket.
func (c *cloud) Close() error {
	err := c.bucket.Close()
	c.close()
	return err
}

// Bounds of connections.
const (
	dialTimeout   = 10 * time.Second
	idleTimeout   = 90 * time.Second
	maxIdle       = 2 * MaxConcurrent
	maxHeaderSize = 1 << 20
)

// newTransport is the HTTP transport of one bucket.
func newTransport(opts Options) *http.Transport {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	tuneTransport(t, opts)
	return t
}

// tuneTransport sets bounds: a server that took a request and says nothing is given up after the request time-out.
func tuneTransport(t *http.Transport, opts Options) {
	t.DialContext = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	t.TLSHandshakeTimeout = dialTimeout
	t.ResponseHeaderTimeout = opts.RequestTimeout
	t.ExpectContinueTimeout = time.Second
	t.IdleConnTimeout = idleTimeout
	t.MaxIdleConns = maxIdle
	t.MaxIdleConnsPerHost = maxIdle
	t.MaxResponseHeaderBytes = maxHeaderSize
}

// openErr is a bucket that cannot even be tried.
func openErr(l Location, class, cause error) error {
	return &Error{Op: opOpen, Provider: l.Provider, Key: l.String(), Class: class, Cause: cause}
}

// readSmall takes a body of at most one part into memory.
func readSmall(body Body) ([]byte, error) {
	if b, ok := body.(Bytes); ok {
		return b, nil
	}
	r, err := body.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, body.Size())
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("read what is to be stored: %w", err)
	}
	return data, nil
}
