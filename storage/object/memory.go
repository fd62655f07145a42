package object

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Memory is a bucket that lives as long as the process, for tests and for backend = "memory". It is bounded by what
// its users put there.
type Memory struct {
	mu      sync.Mutex
	objects map[string]memObject
	last    int64
}

type memObject struct {
	data []byte // never changed
	info Info
}

// NewMemory returns an empty bucket.
func NewMemory() *Memory { return &Memory{objects: map[string]memObject{}} }

var _ Bucket = (*Memory)(nil)

func memErr(op, key string, class error) error {
	return &Error{Op: op, Provider: "memory", Key: key, Class: class}
}

// Put implements Bucket.
func (m *Memory) Put(ctx context.Context, key string, body Body, opts PutOptions) error {
	if err := checkPut(key, opts); err != nil {
		return err
	}
	var buf bytes.Buffer
	if err := errors.Join(ctx.Err(), copyBody(&buf, body)); err != nil {
		return &Error{Op: opPut, Provider: "memory", Key: key, Class: ErrUnavailable, Cause: err}
	}
	sum := sha256.Sum256(buf.Bytes())
	m.mu.Lock()
	defer m.mu.Unlock()
	old, there := m.objects[key]
	switch {
	case opts.IfAbsent && there:
		return memErr(opPut, key, ErrExists)
	case opts.IfVersion != "" && (!there || old.info.Version != opts.IfVersion):
		return memErr(opPut, key, ErrConflict)
	}
	m.last++
	m.objects[key] = memObject{data: buf.Bytes(), info: Info{
		Key: key, Size: int64(buf.Len()), Version: strconv.FormatInt(m.last, 10),
		Modified: time.Now().UTC(), SHA256: hex.EncodeToString(sum[:]),
	}}
	return nil
}

func (m *Memory) find(op, key string) (memObject, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, there := m.objects[key]
	if !there {
		return o, memErr(op, key, ErrNotFound)
	}
	return o, nil
}

// Get implements Bucket.
func (m *Memory) Get(ctx context.Context, key string) (*Reader, error) {
	return m.GetRange(ctx, key, 0, -1)
}

// GetRange implements Bucket.
func (m *Memory) GetRange(_ context.Context, key string, offset, length int64) (*Reader, error) {
	if err := checkRange(key, offset, length); err != nil {
		return nil, err
	}
	o, err := m.find(opGet, key)
	if err != nil {
		return nil, err
	}
	if offset > 0 && offset >= o.info.Size {
		return nil, memErr(opGet, key, ErrRange)
	}
	data := o.data[offset:]
	if length >= 0 {
		data = data[:min(length, int64(len(data)))]
	}
	return &Reader{ReadCloser: io.NopCloser(bytes.NewReader(data)), Info: o.info}, nil
}

// Head implements Bucket.
func (m *Memory) Head(_ context.Context, key string) (Info, error) {
	o, err := m.find(opHead, key)
	return o.info, err
}

// List implements Bucket.
func (m *Memory) List(_ context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		m.mu.Lock()
		objects := maps.Clone(m.objects)
		m.mu.Unlock()
		for _, key := range slices.Sorted(maps.Keys(objects)) {
			if i := objects[key].info; strings.HasPrefix(key, prefix) &&
				!yield(Info{Key: key, Size: i.Size, Modified: i.Modified}, nil) {
				return
			}
		}
	}
}

// Delete implements Bucket.
func (m *Memory) Delete(_ context.Context, keys ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range keys {
		delete(m.objects, key)
	}
	return nil
}

// Copy implements Bucket.
func (m *Memory) Copy(ctx context.Context, dst, src string) error {
	o, err := m.find(opCopy, src)
	if err != nil {
		return err
	}
	return m.Put(ctx, dst, Bytes(o.data), PutOptions{})
}

// Close implements Bucket; the objects stay.
func (m *Memory) Close() error { return nil }
