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
	"github.com/heliosdb/heliosdb-streaming/storage/wal"
)

// A log object (integers are little endian):
//
//	magic "HSRL" | version u32 | length u32 | head (JSON) | record… | SHA-256 of the bytes before
//	record: kind u8 | length u32 | payload as stored
const (
	logMagic      = "HSRL"
	logVersion    = 1
	maxLogObject  = 8 << 20         // bytes of records after which an object is full
	maxLogRead    = 256<<20 - 1<<20 // bytes of an object: a record larger than maxLogObject has one of its own
	recordHeadLen = 1 + 4
)

// logHead begins a log object. Incarnation and instance make two writers' objects differ.
type logHead struct {
	Seq         uint64 `json:"seq"`
	Incarnation uint64 `json:"incarnation"`
	Instance    string `json:"instance"`
	First       uint64 `json:"first"`   // position of the first record
	Records     uint64 `json:"records"` // 0 is possible
	Sealed      bool   `json:"sealed,omitempty"`
	Fence       bool   `json:"fence,omitempty"`
	// Checkpoint, if there is one, is true from this object on.
	Checkpoint *checkpointNote `json:"checkpoint,omitempty"`
}

// last is the position of the last record, or the one before First.
func (h *logHead) last() uint64 { return h.First + h.Records - 1 }

// checkpointNote says which manifests there are, newest first.
type checkpointNote struct {
	Manifests []manifestRef `json:"manifests"`
}

// manifestRef is a manifest that the log names.
type manifestRef struct {
	Epoch  uint64 `json:"epoch"`
	Key    string `json:"key"`
	LogPos uint64 `json:"log_pos"`
	LogSeq uint64 `json:"log_seq"` // the first log object that has, or can have, records behind LogPos
	// Of the whole checkpoint, for people.
	Created time.Time `json:"created"`
	Runs    int       `json:"runs"`
	Bytes   int64     `json:"bytes"`
	// Lineage tells states apart between which no log leads; see Options.Lineage.
	Lineage uint64 `json:"lineage,omitempty"`
}

func encodeLogObject(h *logHead, records []byte) ([]byte, error) {
	head, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	b := append(make([]byte, 0, len(head)+len(records)+64), logMagic...)
	b = binary.LittleEndian.AppendUint32(b, logVersion)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(head)))
	b = append(append(b, head...), records...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
}

func appendRecord(b []byte, r wal.Raw) []byte {
	b = append(b, r.Kind)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.Payload)))
	return append(b, r.Payload...)
}

// logObject is one that was read.
type logObject struct {
	logHead
	records []wal.Raw
}

func decodeLogObject(seq uint64, b []byte) (*logObject, error) {
	bad := func(what string) error { return fmt.Errorf("%w: %s: %s", ErrCorrupt, logKey(seq), what) }
	if len(b) < 12+sha256.Size || string(b[:4]) != logMagic {
		return nil, bad("it is no log object")
	}
	if v := binary.LittleEndian.Uint32(b[4:]); v != logVersion {
		return nil, fmt.Errorf("%w: %s has version %d, known is %d", ErrFormat, logKey(seq), v, logVersion)
	}
	body := b[:len(b)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], b[len(body):]) {
		return nil, bad("its checksum does not match")
	}
	n := uint64(binary.LittleEndian.Uint32(b[8:]))
	body = body[12:]
	if n > uint64(len(body)) {
		return nil, bad("it ends early")
	}
	o := &logObject{}
	if err := json.Unmarshal(body[:n], &o.logHead); err != nil || o.Seq != seq || o.First == 0 {
		return nil, bad("its head does not belong to it")
	}
	body = body[n:]
	for len(body) > 0 {
		if len(body) < recordHeadLen {
			return nil, bad("a record ends early")
		}
		size := uint64(binary.LittleEndian.Uint32(body[1:]))
		if size > uint64(len(body)-recordHeadLen) {
			return nil, bad("a record ends early")
		}
		end := recordHeadLen + int(size)
		o.records = append(o.records, wal.Raw{Pos: o.First + uint64(len(o.records)), Kind: body[0], Payload: body[recordHeadLen:end:end]})
		body = body[end:]
	}
	if uint64(len(o.records)) != o.Records {
		return nil, bad("it has another number of records than it says")
	}
	return o, nil
}

func readLogObject(ctx context.Context, b object.Bucket, seq uint64) (*logObject, error) {
	raw, _, err := object.ReadAll(ctx, b, logKey(seq), maxLogRead)
	if err != nil {
		return nil, err
	}
	return decodeLogObject(seq, raw)
}
