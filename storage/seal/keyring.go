package seal

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// KMS wraps data keys under a master key that never leaves it.
type KMS interface {
	// ID names the provider and the master key, for people and for keyring.json. It holds no secret.
	ID() string
	Wrap(ctx context.Context, plain []byte) ([]byte, error)
	Unwrap(ctx context.Context, wrapped []byte) ([]byte, error)
}

// MaxKeys bounds the data keys of a keyring.
const MaxKeys = 128

// ErrTooManyKeys is wrapped when a keyring would have more than MaxKeys keys.
var ErrTooManyKeys = fmt.Errorf("a keyring holds at most %d data keys", MaxKeys)

// Keyring is a set of data keys, one of which is current. Its methods may be called concurrently.
type Keyring struct {
	// change is held by whoever changes the keyring.
	change sync.Mutex
	state  atomic.Pointer[ringState]
}

// ringState is one state of a keyring; it never changes.
type ringState struct {
	current *Key
	keys    []*Key    // oldest first
	stored  []fileKey // the same keys as keyring.json has them
}

func (s *ringState) find(id KeyID) *Key {
	for _, k := range s.keys {
		if k.id == id {
			return k
		}
	}
	return nil
}

// KeyInfo describes a data key.
type KeyInfo struct {
	ID      KeyID
	Created time.Time
	KMS     string // the master key that wrapped it
	Current bool
}

// New makes a keyring with one new data key, wrapped by kms.
func New(ctx context.Context, kms KMS) (*Keyring, error) {
	r := &Keyring{}
	r.state.Store(&ringState{})
	return r, r.Rotate(ctx, kms, func([]byte) error { return nil })
}

// Load reads what Encode wrote and has kms unwrap the data keys. The error wraps ErrKeyring when the bytes are no
// keyring, and what kms says otherwise.
func Load(ctx context.Context, encoded []byte, kms KMS) (*Keyring, error) {
	f, err := decodeFile(encoded)
	if err != nil {
		return nil, err
	}
	s := &ringState{stored: f.Keys}
	for _, fk := range f.Keys {
		k, err := unwrap(ctx, fk, kms)
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, k)
		if fk.ID == f.Current {
			s.current = k
		}
	}
	r := &Keyring{}
	r.state.Store(s)
	return r, nil
}

// unwrap gets a key back from the form that wrap gave it.
func unwrap(ctx context.Context, fk fileKey, kms KMS) (*Key, error) {
	id, created, err := fk.parse()
	if err != nil {
		return nil, err
	}
	plain, err := kms.Unwrap(ctx, fk.Wrapped)
	if err != nil {
		if fk.KMS != kms.ID() {
			return nil, fmt.Errorf("data key %s was wrapped by %s, the configured master key is %s: %w", id, fk.KMS, kms.ID(), err)
		}
		return nil, fmt.Errorf("unwrap data key %s: %w", id, err)
	}
	if len(plain) != 8+keyBytes || binary.BigEndian.Uint64(plain) != uint64(id) {
		return nil, fmt.Errorf("%w: what %s unwrapped is not data key %s", ErrKeyring, kms.ID(), id)
	}
	return newKey(id, created, plain[8:])
}

func newKey(id KeyID, created time.Time, plain []byte) (*Key, error) {
	if len(plain) != keyBytes {
		return nil, fmt.Errorf("a data key has %d bytes, not %d", keyBytes, len(plain))
	}
	c, err := newXAES(plain)
	if err != nil {
		return nil, err
	}
	return &Key{id: id, created: created, plain: [keyBytes]byte(plain), cipher: c}, nil
}

// wrap has kms wrap a key together with its id, so that a wrapped key cannot pass for another one.
func wrap(ctx context.Context, k *Key, kms KMS) (fileKey, error) {
	plain := append(binary.BigEndian.AppendUint64(nil, uint64(k.id)), k.plain[:]...)
	wrapped, err := kms.Wrap(ctx, plain)
	if err != nil {
		return fileKey{}, fmt.Errorf("wrap data key %s: %w", k.id, err)
	}
	if bytes.Contains(wrapped, k.plain[:]) {
		return fileKey{}, fmt.Errorf("%s returned the data key as it was given: nothing was written", kms.ID())
	}
	return fileKey{ID: k.id.String(), Created: k.created.Format(time.RFC3339), KMS: kms.ID(), Wrapped: wrapped}, nil
}

// Current returns the key to seal with.
func (r *Keyring) Current() *Key { return r.state.Load().current }

// Encode returns the keyring as keyring.json has it: data keys wrapped.
func (r *Keyring) Encode() []byte { return r.state.Load().encode() }

func (s *ringState) encode() []byte {
	return keyringFile{Version: fileVersion, Current: s.current.id.String(), Keys: s.stored}.encode()
}

// Keys describes the keys, oldest first.
func (r *Keyring) Keys() []KeyInfo {
	s := r.state.Load()
	out := make([]KeyInfo, len(s.keys))
	for i, k := range s.keys {
		out[i] = KeyInfo{ID: k.id, Created: k.created, KMS: s.stored[i].KMS, Current: k == s.current}
	}
	return out
}

// Has reports whether the keyring has a key.
func (r *Keyring) Has(id KeyID) bool { return r.state.Load().find(id) != nil }

// Rotate adds a new data key, makes it the current one and has kms wrap all keys anew. publish must make the encoded
// keyring durable everywhere it is kept; the new key seals nothing before publish has returned nil. When anything
// fails the keyring stays as it was, and publish may have stored a keyring with one key more: it does no harm.
func (r *Keyring) Rotate(ctx context.Context, kms KMS, publish func(encoded []byte) error) error {
	r.change.Lock()
	defer r.change.Unlock()
	s := r.state.Load()
	var raw [8 + keyBytes]byte
	rand.Read(raw[:])
	k, err := newKey(KeyID(binary.BigEndian.Uint64(raw[:])), time.Now().UTC().Truncate(time.Second), raw[8:])
	if err != nil {
		return err
	}
	return r.publish(ctx, kms, append(slices.Clone(s.keys), k), k, publish)
}

// Rewrap has kms wrap all keys anew, without a new key: for a move to another master key or provider.
func (r *Keyring) Rewrap(ctx context.Context, kms KMS, publish func(encoded []byte) error) error {
	r.change.Lock()
	defer r.change.Unlock()
	s := r.state.Load()
	return r.publish(ctx, kms, s.keys, s.current, publish)
}

// Merge adds the keys of another keyring, wrapped by kms, so that what they sealed opens here, too; the current key
// stays. It is how a savepoint's data gets under a directory's keyring.
func (r *Keyring) Merge(ctx context.Context, other *Keyring, kms KMS, publish func(encoded []byte) error) error {
	r.change.Lock()
	defer r.change.Unlock()
	s := r.state.Load()
	keys := slices.Clone(s.keys)
	for _, k := range other.state.Load().keys {
		if s.find(k.id) == nil {
			keys = append(keys, k)
		}
	}
	if len(keys) == len(s.keys) {
		return nil
	}
	slices.SortStableFunc(keys, func(a, b *Key) int { return a.created.Compare(b.created) })
	return r.publish(ctx, kms, keys, s.current, publish)
}

// Prune drops the keys that are neither current nor in use, and returns how many it dropped.
func (r *Keyring) Prune(inUse []KeyID, publish func(encoded []byte) error) (int, error) {
	r.change.Lock()
	defer r.change.Unlock()
	s := r.state.Load()
	next := &ringState{current: s.current}
	for i, k := range s.keys {
		if k == s.current || slices.Contains(inUse, k.id) {
			next.keys = append(next.keys, k)
			next.stored = append(next.stored, s.stored[i])
		}
	}
	dropped := len(s.keys) - len(next.keys)
	if dropped == 0 {
		return 0, nil
	}
	if err := publish(next.encode()); err != nil {
		return 0, err
	}
	r.state.Store(next)
	return dropped, nil
}

// publish makes keys the keyring's. The caller holds change.
func (r *Keyring) publish(ctx context.Context, kms KMS, keys []*Key, current *Key, publish func([]byte) error) error {
	if len(keys) > MaxKeys {
		return ErrTooManyKeys
	}
	next := &ringState{current: current, keys: keys}
	for _, k := range keys {
		fk, err := wrap(ctx, k, kms)
		if err != nil {
			return err
		}
		// Whoever cannot unwrap what it has wrapped (a missing permission, the wrong kind of key) must not be trusted
		// with the only copy.
		if _, err := unwrap(ctx, fk, kms); err != nil {
			return fmt.Errorf("the master key wraps, but does not unwrap; nothing was changed: %w", err)
		}
		next.stored = append(next.stored, fk)
	}
	encoded := next.encode()
	if _, err := decodeFile(encoded); err != nil {
		return errors.Join(errors.New("the keyring does not read back"), err)
	}
	if err := publish(encoded); err != nil {
		return err
	}
	r.state.Store(next)
	return nil
}
