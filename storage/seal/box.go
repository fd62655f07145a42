package seal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

const (
	// Headroom is how many bytes of a box come before the ciphertext.
	Headroom = 8 + nonceBytes
	// Overhead is by how many bytes a box is longer than what it holds.
	Overhead = Headroom + tagBytes
)

var (
	// ErrUnknownKey is wrapped when a box was sealed under a data key that the keyring does not have.
	ErrUnknownKey = errors.New("sealed under a data key that the keyring does not have")
	// ErrNotAuthentic is wrapped when a box does not open: it is damaged, was altered, or belongs to another place.
	ErrNotAuthentic = errors.New("does not authenticate: damaged, altered or moved")
)

// KeyID names a data key; ids are random, so that keys of two keyrings are never mistaken for one another.
type KeyID uint64

// String returns the id as 16 hexadecimal digits, as in keyring.json.
func (id KeyID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// Key is a data key that was unwrapped. It may be used concurrently and never changes.
type Key struct {
	id      KeyID
	created time.Time
	plain   [keyBytes]byte
	cipher  *xaes
}

// NewKey makes a key of 32 bytes that belongs to no keyring, for masters that wrap data keys.
func NewKey(id KeyID, plain []byte) (*Key, error) { return newKey(id, time.Time{}, plain) }

// ID names the key.
func (k *Key) ID() KeyID { return k.id }

// Seal appends the box of plain to dst and returns the result. place is what the box is bound to: it must be given
// to Open again. plain may lie in dst's free memory, exactly Headroom bytes behind its end, and is then sealed in
// place; otherwise the two must not overlap.
func (k *Key) Seal(dst, plain, place []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(k.id))
	var nonce [nonceBytes]byte
	rand.Read(nonce[:])
	dst = append(dst, nonce[:]...)
	gcm, rest, err := k.cipher.aead(nonce[:])
	if err != nil {
		panic(err) // a key of another length than AES has, which aead never makes
	}
	return gcm.Seal(dst, rest, plain, place)
}

// Open appends what a box of this key holds to dst; see Keyring.Open.
func (k *Key) Open(dst, box, place []byte) ([]byte, error) {
	if id, ok := BoxKey(box); !ok || id != k.id {
		return nil, fmt.Errorf("%w: it is not of data key %s", ErrUnknownKey, k.id)
	}
	gcm, rest, err := k.cipher.aead(box[8:Headroom])
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(dst, rest, box[Headroom:], place)
	if err != nil {
		return nil, fmt.Errorf("what data key %s sealed %w", k.id, ErrNotAuthentic)
	}
	return plain, nil
}

// BoxKey returns the id of the key under which a box was sealed, and whether b is long enough to be a box at all.
func BoxKey(b []byte) (KeyID, bool) {
	if len(b) < Overhead {
		return 0, false
	}
	return KeyID(binary.BigEndian.Uint64(b)), true
}

// Open appends what a box holds to dst and returns the result; place must be what Seal was given. To open a box in
// place, pass box[Headroom:Headroom] as dst; otherwise the two must not overlap. The error wraps ErrUnknownKey or
// ErrNotAuthentic.
func (r *Keyring) Open(dst, box, place []byte) ([]byte, error) {
	id, ok := BoxKey(box)
	if !ok {
		return nil, fmt.Errorf("%d bytes are no box: it %w", len(box), ErrNotAuthentic)
	}
	key := r.state.Load().find(id)
	if key == nil {
		return nil, fmt.Errorf("%w: data key %s", ErrUnknownKey, id)
	}
	return key.Open(dst, box, place)
}
