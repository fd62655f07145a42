// Package savepoint keeps savepoints: complete, self-contained copies of an epoch
// that outlive the process and can be copied elsewhere and back.
//
// A savepoint is the objects below savepoint-<id>/:
//
//	runs/<run, 16 hex>   the runs of the epoch, one stream each (storage/epoch, export.go)
//	manifest             its portable manifest
//	keyring.json         the wrapped data keys, if it is sealed
//	savepoint.json       what it is, and the checksums of all others; written last
//
// It is complete when savepoint.json is there; without it the rest is garbage.
// Everything is as the store holds it: sealed if the store is, so that copying
// needs no key.
package savepoint

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/heliosdb/heliosdb-streaming/storage/epoch"
	"github.com/heliosdb/heliosdb-streaming/storage/object"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

// Format is the version of savepoint.json that this program writes; it reads
// formats up to it.
const Format = 1

// Prefix begins the folder of every savepoint.
const Prefix = "savepoint-"

const (
	manifestName = "manifest"
	describeName = "savepoint.json"
	runsFolder   = "runs/"
)

// Limits.
const (
	maxDescribeBytes = 64 << 20
	maxManifestBytes = object.MaxReadAll
	maxKeyringBytes  = 1 << 20
	// tidyTimeout bounds the removal of what a failed savepoint has written.
	tidyTimeout = 10 * time.Second
	// parallelRuns bounds the runs that are copied at a time.
	parallelRuns = 4
)

// Errors, to be told apart by errors.Is.
var (
	ErrNotFound = errors.New("there is no such savepoint")
	ErrDamaged  = errors.New("the savepoint is damaged")
	ErrFormat   = errors.New("the savepoint has another format")
	ErrID       = errors.New("not the id of a savepoint")
)

// Info describes a savepoint: the contents of savepoint.json.
type Info struct {
	Format  int       `json:"format"`
	ID      string    `json:"id"` // without Prefix
	Name    string    `json:"name,omitempty"`
	Program string    `json:"program"` // the version that wrote it
	Created time.Time `json:"created"`
	Epoch   uint64    `json:"epoch"`
	Sealed  bool      `json:"sealed"`
	Jobs    int       `json:"jobs"` // how many: names are not told, they may be sealed inside
	Bytes   int64     `json:"bytes"`
	Files   []File    `json:"files"`
}

// File is one object of a savepoint.
type File struct {
	Name   string `json:"name"` // below the savepoint's folder
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func (i *Info) key(name string) string { return folder(i.ID) + name }

// Digest tells savepoints apart whatever they are called.
func (i *Info) Digest() string {
	for _, f := range i.Files {
		if f.Name == manifestName {
			return f.SHA256
		}
	}
	return ""
}

func folder(id string) string { return Prefix + id + "/" }

var idPattern = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_.-]{0,79}$`)

// ParseID takes an id with or without Prefix.
func ParseID(s string) (string, error) {
	id := strings.TrimPrefix(strings.TrimSuffix(s, "/"), Prefix)
	if !idPattern.MatchString(id) || strings.Contains(id, "..") {
		return "", fmt.Errorf("%w: %.100q", ErrID, s)
	}
	return id, nil
}

// newID is the time and enough chance to be alone in its second: sorted by name
// is sorted by time.
func newID(now time.Time) string {
	var b [3]byte
	_, _ = rand.Read(b[:])
	return now.UTC().Format("20060102150405") + "-" + hex.EncodeToString(b[:])
}

// Create copies the snapshot's epoch into the bucket and returns when it is
// complete and durable. ring is the keyring of a sealed store, or nil.
// After an error it removes what it has written, as far as that is possible; the
// rest List does not show and Clean removes.
func Create(ctx context.Context, b object.Bucket, snap *epoch.Snapshot, ring *seal.Keyring, about Info) (Info, error) {
	about.Format, about.Created, about.Sealed = Format, time.Now().UTC().Truncate(time.Second), ring != nil
	about.ID = newID(about.Created)
	info, err := write(ctx, b, snap, ring, about)
	if err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyTimeout)
		defer cancel()
		// The last Put may have arrived although it failed: nobody shall find it complete.
		if b.Delete(ctx, about.key(describeName)) == nil {
			_ = deleteFolder(ctx, b, about.ID)
		}
	}
	return info, err
}

func write(ctx context.Context, b object.Bucket, snap *epoch.Snapshot, ring *seal.Keyring, about Info) (Info, error) {
	manifest, err := snap.ExportManifest()
	if err != nil {
		return Info{}, err
	}
	if manifest == nil {
		return Info{}, errors.New("there is no epoch to save")
	}
	about.Epoch = snap.Manifest().Epoch
	if about.Files, err = copyRuns(ctx, b, snap, &about); err != nil {
		return Info{}, err
	}
	small := map[string][]byte{manifestName: manifest}
	if ring != nil {
		// After the manifest was sealed, maybe with a key that has just become current.
		small[seal.FileName] = ring.Encode()
	}
	for _, name := range []string{manifestName, seal.FileName} {
		data, ok := small[name]
		if !ok {
			continue
		}
		if err := b.Put(ctx, about.key(name), object.Bytes(data), object.PutOptions{IfAbsent: true}); err != nil {
			return Info{}, err
		}
		sum := sha256.Sum256(data)
		about.Files = append(about.Files, File{name, int64(len(data)), hex.EncodeToString(sum[:])})
	}
	slices.SortFunc(about.Files, func(x, y File) int { return strings.Compare(x.Name, y.Name) })
	about.Bytes = 0
	for _, f := range about.Files {
		about.Bytes += f.Bytes
	}
	raw, err := json.MarshalIndent(&about, "", "  ")
	if err != nil {
		return Info{}, err
	}
	if err := b.Put(ctx, about.key(describeName), object.Bytes(append(raw, '\n')), object.PutOptions{IfAbsent: true}); err != nil {
		return Info{}, err
	}
	return about, nil
}

func runName(id uint64) string { return fmt.Sprintf("%s%016x", runsFolder, id) }

// copyRuns copies the runs, several at a time. The first error ends it.
func copyRuns(ctx context.Context, b object.Bucket, snap *epoch.Snapshot, about *Info) ([]File, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var files []File
	var wg sync.WaitGroup
	places := make(chan struct{}, parallelRuns)
	for _, r := range snap.Runs() {
		if ctx.Err() != nil {
			break
		}
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			f, err := copyRun(ctx, b, snap, about, r)
			if err != nil {
				cancel(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			files = append(files, f)
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return files, nil
}

func copyRun(ctx context.Context, b object.Bucket, snap *epoch.Snapshot, about *Info, r epoch.RunMeta) (File, error) {
	f := File{Name: runName(r.ID), Bytes: r.StreamBytes()}
	body := object.Stream{Length: f.Bytes, Reopen: func() (io.ReadCloser, error) { return io.NopCloser(snap.OpenRun(r)), nil }}
	if err := b.Put(ctx, about.key(f.Name), body, object.PutOptions{IfAbsent: true}); err != nil {
		return f, err
	}
	// A stream ends with the checksum of all before it; ours covers that too.
	sum := sha256.New()
	if _, err := io.Copy(sum, snap.OpenRun(r)); err != nil {
		return f, err
	}
	f.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return f, nil
}

// Read describes a complete savepoint. ErrNotFound, ErrDamaged, or ErrFormat when
// a newer program wrote it.
func Read(ctx context.Context, b object.Bucket, id string) (Info, error) {
	id, err := ParseID(id)
	if err != nil {
		return Info{}, err
	}
	raw, _, err := object.ReadAll(ctx, b, folder(id)+describeName, maxDescribeBytes)
	if errors.Is(err, object.ErrNotFound) {
		for o, err := range b.List(ctx, folder(id)) {
			if err == nil {
				return Info{}, fmt.Errorf("%w: %s%s: there is %s, but no %s: it was never finished, or not copied as a whole",
					ErrDamaged, Prefix, id, o.Key, describeName)
			}
			break
		}
		return Info{}, fmt.Errorf("%w: %s%s", ErrNotFound, Prefix, id)
	}
	if err != nil {
		return Info{}, err
	}
	return decode(raw, id)
}

func decode(raw []byte, id string) (Info, error) {
	damaged := func(why string) (Info, error) {
		return Info{}, fmt.Errorf("%w: %s%s: %s", ErrDamaged, Prefix, id, why)
	}
	var version struct {
		Format  int    `json:"format"`
		Program string `json:"program"`
	}
	if err := json.Unmarshal(raw, &version); err != nil || version.Format < 1 {
		return damaged("savepoint.json does not say its format")
	}
	if version.Format > Format {
		return Info{}, fmt.Errorf("%w: %s%s was written in format %d by version %.40q; this program reads formats up to %d. Restore it with that version",
			ErrFormat, Prefix, id, version.Format, version.Program, Format)
	}
	var i Info
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&i); err != nil {
		return damaged("savepoint.json does not decode")
	}
	// A copy may have been given another name; the id inside is what it was.
	i.ID = id
	seen := map[string]bool{}
	for _, f := range i.Files {
		if seen[f.Name] || f.Bytes < 0 || len(f.SHA256) != 2*sha256.Size || !validName(f.Name) {
			return damaged("savepoint.json lists what cannot be")
		}
		seen[f.Name] = true
	}
	if !seen[manifestName] || seen[seal.FileName] != i.Sealed {
		return damaged("savepoint.json does not list all that belongs to it")
	}
	return i, nil
}

func validName(name string) bool {
	if name == manifestName || name == seal.FileName {
		return true
	}
	hexa, ok := strings.CutPrefix(name, runsFolder)
	_, err := hex.DecodeString(hexa)
	return ok && len(hexa) == 16 && err == nil
}

// List describes the complete savepoints, oldest first. One whose savepoint.json
// cannot be read is left out: unread says why.
func List(ctx context.Context, b object.Bucket) (out []Info, unread []error, err error) {
	for o, err := range b.List(ctx, Prefix) {
		if err != nil {
			return nil, nil, err
		}
		id, ok := strings.CutSuffix(strings.TrimPrefix(o.Key, Prefix), "/"+describeName)
		if !ok {
			continue
		}
		i, err := Read(ctx, b, id)
		switch {
		case errors.Is(err, ErrNotFound): // removed meanwhile
			continue
		case errors.Is(err, ErrDamaged), errors.Is(err, ErrFormat), errors.Is(err, ErrID):
			unread = append(unread, err)
			continue
		case err != nil:
			return nil, nil, err
		}
		out = append(out, i)
	}
	slices.SortFunc(out, func(x, y Info) int { return x.Created.Compare(y.Created) })
	return out, unread, nil
}

// Delete removes a savepoint: savepoint.json first, so that what a crash leaves
// is not complete.
func Delete(ctx context.Context, b object.Bucket, id string) error {
	id, err := ParseID(id)
	if err != nil {
		return err
	}
	describe := folder(id) + describeName
	if _, err := b.Head(ctx, describe); errors.Is(err, object.ErrNotFound) {
		return fmt.Errorf("%w: %s%s", ErrNotFound, Prefix, id)
	} else if err != nil {
		return err
	}
	if err := b.Delete(ctx, describe); err != nil {
		return err
	}
	return deleteFolder(ctx, b, id)
}

func deleteFolder(ctx context.Context, b object.Bucket, id string) error {
	var keys []string
	for o, err := range b.List(ctx, folder(id)) {
		if err != nil {
			return err
		}
		keys = append(keys, o.Key)
	}
	return b.Delete(ctx, keys...)
}

// Clean removes what incomplete savepoints have left that were begun before a
// time: none that is being written may be older. It returns how many there were.
func Clean(ctx context.Context, b object.Bucket, before time.Time) (int, error) {
	complete, newest := map[string]bool{}, map[string]time.Time{}
	for o, err := range b.List(ctx, Prefix) {
		if err != nil {
			return 0, err
		}
		id, name, ok := strings.Cut(strings.TrimPrefix(o.Key, Prefix), "/")
		if !ok || !idPattern.MatchString(id) {
			continue
		}
		complete[id] = complete[id] || name == describeName
		if o.Modified.After(newest[id]) {
			newest[id] = o.Modified
		}
	}
	n := 0
	for id, done := range complete {
		if done || !newest[id].Before(before) {
			continue
		}
		if err := deleteFolder(ctx, b, id); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
