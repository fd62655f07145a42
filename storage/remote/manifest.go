package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/heliosdb/heliosdb-streaming/storage/object"
)

// A manifest (integers are little endian):
//
//	magic "HSRM" | version u32 | length u32 | head (JSON) | portable manifest (package epoch) | SHA-256 of the bytes before
const (
	manifestMagic   = "HSRM"
	manifestVersion = 1
	maxManifest     = object.MaxReadAll
)

// manifestHead says what an epoch consists of, without anything of its contents.
type manifestHead struct {
	Epoch       uint64    `json:"epoch"`
	Incarnation uint64    `json:"incarnation"`
	LogPos      uint64    `json:"log_pos"`
	LogSeq      uint64    `json:"log_seq"`
	Created     time.Time `json:"created"`
	Runs        []runRef  `json:"runs"`
	// Keys are the data keys without which the checkpoint, or the log between it and the one before, cannot be read.
	// A sealed one without them is of a version that did not list them.
	Keys []string `json:"keys,omitempty"`
}

// runRef is where a run is.
type runRef struct {
	Run   uint64 `json:"run"`
	Key   string `json:"key"`
	Bytes int64  `json:"bytes"` // of the object
}

func (h *manifestHead) bytes() int64 {
	n := int64(0)
	for _, r := range h.Runs {
		n += r.Bytes
	}
	return n
}

func encodeManifest(h *manifestHead, portable []byte) ([]byte, error) {
	head, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	b := append(make([]byte, 0, len(head)+len(portable)+64), manifestMagic...)
	b = binary.LittleEndian.AppendUint32(b, manifestVersion)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(head)))
	b = append(append(b, head...), portable...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
}

func decodeManifest(key string, b []byte) (*manifestHead, []byte, error) {
	bad := func(what string) error { return fmt.Errorf("%w: %s: %s", ErrCorrupt, key, what) }
	if len(b) < 12+sha256.Size || string(b[:4]) != manifestMagic {
		return nil, nil, bad("it is no manifest")
	}
	if v := binary.LittleEndian.Uint32(b[4:]); v != manifestVersion {
		return nil, nil, fmt.Errorf("%w: %s has version %d, known is %d", ErrFormat, key, v, manifestVersion)
	}
	body := b[:len(b)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], b[len(body):]) {
		return nil, nil, bad("its checksum does not match")
	}
	n := uint64(binary.LittleEndian.Uint32(b[8:]))
	if body = body[12:]; n > uint64(len(body)) {
		return nil, nil, bad("it ends early")
	}
	var h manifestHead
	if err := json.Unmarshal(body[:n], &h); err != nil || manifestKey(h.Epoch, h.Incarnation) != key {
		return nil, nil, bad("its head does not belong to it")
	}
	return &h, body[n:], nil
}

func readManifest(ctx context.Context, b object.Bucket, key string) (*manifestHead, []byte, error) {
	raw, _, err := object.ReadAll(ctx, b, key, maxManifest)
	if err != nil {
		return nil, nil, err
	}
	return decodeManifest(key, raw)
}
