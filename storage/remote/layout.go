package remote

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/heliosdb/heliosdb-streaming/storage/object"
)

// LayoutVersion is the version of the bucket's layout that this program writes and reads.
const LayoutVersion = 1

// Keys of the bucket.
const (
	formatKey = "format.json"
	ownerKey  = "owner.json"
	// KeyringKey is where the wrapped data keys are.
	KeyringKey  = "keyring.json"
	logFolder   = "log/"
	runFolder   = "runs/"
	manifests   = "manifests/"
	savepoints  = "savepoint-"
	maxSmall    = 1 << 20 // bytes of format.json, owner.json and keyring.json
	formatMagic = "HeliosDB Streaming state"
)

// bucketFormat is format.json.
type bucketFormat struct {
	Format  string    `json:"format"`
	Layout  int       `json:"layout"`
	Store   string    `json:"store"` // random id
	Created time.Time `json:"created"`
}

func logKey(seq uint64) string { return fmt.Sprintf("%s%016x", logFolder, seq) }

func manifestKey(epoch, incarnation uint64) string {
	return fmt.Sprintf("%s%016x-%016x", manifests, epoch, incarnation)
}

func runObject(incarnation, epoch, run uint64) string {
	return fmt.Sprintf("%s%016x-%016x-%016x", runFolder, incarnation, epoch, run)
}

// parseNumbers reads a key that a folder and n numbers make.
func parseNumbers(key, folder string, n int) ([]uint64, bool) {
	rest, ok := strings.CutPrefix(key, folder)
	parts := strings.Split(rest, "-")
	if !ok || len(parts) != n {
		return nil, false
	}
	out := make([]uint64, n)
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 16, 64)
		if err != nil || len(p) != 16 {
			return nil, false
		}
		out[i] = v
	}
	return out, true
}

func randomID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// openFormat reads format.json, or writes it into a bucket that has nothing of ours and nothing foreign in our places.
func openFormat(ctx context.Context, b object.Bucket) (*bucketFormat, error) {
	f, err := readFormat(ctx, b)
	if !errors.Is(err, object.ErrNotFound) {
		return f, err
	}
	for info, err := range b.List(ctx, "") {
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(info.Key, savepoints) {
			return nil, fmt.Errorf("%w: there is no %s, but %s; choose a prefix of its own for the state", ErrForeign, formatKey, info.Key)
		}
	}
	f = &bucketFormat{Format: formatMagic, Layout: LayoutVersion, Store: randomID(), Created: time.Now().UTC().Truncate(time.Second)}
	raw, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return nil, err
	}
	err = b.Put(ctx, formatKey, object.Bytes(raw), object.PutOptions{IfAbsent: true})
	if errors.Is(err, object.ErrExists) { // another process was faster
		return readFormat(ctx, b)
	}
	return f, err
}

func readFormat(ctx context.Context, b object.Bucket) (*bucketFormat, error) {
	raw, _, err := object.ReadAll(ctx, b, formatKey, maxSmall)
	if err != nil {
		return nil, err
	}
	var f bucketFormat
	if err := json.Unmarshal(raw, &f); err != nil || f.Format != formatMagic || f.Store == "" {
		return nil, fmt.Errorf("%w: %s is not of %s", ErrForeign, formatKey, formatMagic)
	}
	if f.Layout != LayoutVersion {
		return nil, fmt.Errorf("%w: it has layout %d, this program reads layout %d; start it with the version that wrote it, "+
			"or restore a savepoint of an older one under another prefix. Nothing was changed",
			ErrForeign, f.Layout, LayoutVersion)
	}
	return &f, nil
}
