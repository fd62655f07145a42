// Package epoch keeps checkpoints. An epoch is a complete state of the process: what every operator's table holds,
// the position of the log of changes that it contains, and bytes of the caller's that say what belongs to it (source
// offsets, watermarks, plans).
//
// A table is a stack of immutable runs, each a sorted sequence of entries packed into blocks. Writing an epoch adds a
// run of what has changed. All data goes to the key-value store first and is synced; then one key, the root, is
// pointed at a new manifest and synced. What no manifest names does not exist: a crash at any instruction leaves the
// epoch before or the new one, and recovery has nothing to undo, only garbage to delete. The background merges runs,
// so that disk and recovery stay proportional to the state; a merge replaces runs in the manifest and changes no epoch.
//
// This differs from writing entries under the epoch's timestamp and undoing an unfinished epoch after a crash: packed
// runs are an order of magnitude cheaper to write, and there is no undo that could itself be interrupted.
package epoch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/internal/dirlock"
	"github.com/heliosdb/heliosdb-streaming/internal/durable"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

// Crash points, in the order in which an epoch meets them.
var (
	crashWriteBlock     = crashpoint.Register("epoch.write.block")
	crashCommitFlushed  = crashpoint.Register("epoch.commit.flushed")
	crashCommitSynced   = crashpoint.Register("epoch.commit.synced")
	crashCommitRoot     = crashpoint.Register("epoch.commit.root-written")
	crashCommitDone     = crashpoint.Register("epoch.commit.root-synced")
	crashMergeWrite     = crashpoint.Register("epoch.merge.block")
	crashMergeFlushed   = crashpoint.Register("epoch.merge.flushed")
	crashMergeSynced    = crashpoint.Register("epoch.merge.synced")
	crashMergeRoot      = crashpoint.Register("epoch.merge.root-written")
	crashMergeDone      = crashpoint.Register("epoch.merge.root-synced")
	crashDeleteRun      = crashpoint.Register("epoch.delete.run")
	crashRecoverGarbage = crashpoint.Register("epoch.recover.garbage")
)

// Options of a store.
type Options struct {
	// Dir is the data directory; the store keeps its files in Dir/epoch. Empty means in memory.
	Dir string
	// MemtableMB is the size of the key-value store's write buffers, of which three may exist. Default 16 MiB,
	// 8 at least.
	MemtableMB int
	// BlockCacheMB bounds the decoded blocks that point lookups keep. Default 8 MiB; negative keeps none.
	BlockCacheMB int
	// Compression of new blocks. Default Snappy; each block says its own, so it can be changed at any time.
	Compression Compression
	// MergeMBPerSecond bounds what a merge writes while it is not behind. Default 32 MiB/s; negative is unbounded.
	MergeMBPerSecond int
	// MergeRuns is how many runs of similar size a table may have before they are merged. Default 4, 2 at least.
	MergeRuns int
	// Keyring seals everything that the store writes; nil leaves it plain. A store stays what it was made as.
	Keyring *seal.Keyring
	// NoMerge turns background merging off.
	NoMerge bool
	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

func (o *Options) setDefaults() {
	def := func(v *int, value, least int) {
		if *v == 0 {
			*v = value
		}
		*v = max(*v, least)
	}
	def(&o.MemtableMB, 16, 8)
	def(&o.BlockCacheMB, 8, 0)
	def(&o.MergeRuns, 4, 2)
	def(&o.MergeMBPerSecond, 32, -1)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}

const storeFolder = "epoch"

// Store is an open store of epochs. Its methods may be called concurrently.
type Store struct {
	opt   Options
	db    kv
	lock  io.Closer
	cache *blockCache

	// written counts the bytes of blocks since Open.
	written atomic.Int64

	// installing is held while a manifest replaces another.
	installing sync.Mutex

	mu      sync.Mutex
	current *version
	pending map[uint64]uint32 // run ids given out that are not live and not deleted, with their chunks (0: unknown)
	dead    []pendingRun      // of those, the ones that can be deleted now
	nextRun uint64
	writing bool  // a Writer is open
	failed  error // wraps ErrFailed
	closed  bool
	merges  uint64
	// largeMerge is the table of the merge that runs beside the background's rounds, if there is one.
	largeMerge *TableID
	mergedIn   uint64 // bytes that merges have read

	wake   chan struct{} // tells the background that there is something to merge or to delete
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// Open opens the store in Options.Dir, making it if there is none. It fails with dirlock.ErrLocked when another
// process has it, with ErrCorrupt when the manifest is damaged, and, having changed nothing, with an error of package
// seal when the store and Options.Keyring do not belong together.
func Open(opt Options) (*Store, error) {
	opt.setDefaults()
	s := &Store{
		opt:     opt,
		cache:   newBlockCache(int64(opt.BlockCacheMB) << 20),
		pending: make(map[uint64]uint32),
		nextRun: 1,
		wake:    make(chan struct{}, 1),
	}
	dir := ""
	if opt.Dir != "" {
		dir = filepath.Join(opt.Dir, storeFolder)
		if err := checkSealed(dir, opt.Keyring); err != nil {
			return nil, err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make checkpoint directory: %w", err)
		}
		if err := errors.Join(durable.Sync(opt.Dir), durable.Sync(filepath.Dir(filepath.Clean(opt.Dir)))); err != nil {
			return nil, fmt.Errorf("sync data directory: %w", err)
		}
		// Instead of the key-value store's own, whose error says less.
		lock, err := dirlock.Acquire(opt.Dir)
		if err != nil {
			return nil, err
		}
		s.lock = lockCloser{lock}
	}
	err := s.recover(dir)
	if err == nil {
		err = s.Reseal()
	}
	if err != nil {
		if s.db != nil {
			err = errors.Join(err, s.db.close())
		}
		if s.lock != nil {
			_ = s.lock.Close()
		}
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.done.Go(func() { s.background(ctx) })
	s.wakeBackground()
	return s, nil
}

type lockCloser struct{ *dirlock.Lock }

func (l lockCloser) Close() error { return l.Release() }

// recover reads the manifest and deletes what it does not name.
func (s *Store) recover(dir string) error {
	if err := markStore(dir, s.opt.Keyring); err != nil {
		return err
	}
	db, err := openBadger(dir, s.opt)
	if err != nil {
		return err
	}
	s.db = db
	m, ref, err := readManifest(db, s.opt.Keyring)
	if err != nil {
		return err
	}
	s.current = newVersion(m, ref, nil)
	s.current.refs = 1
	if m == nil {
		return s.findGarbage(1)
	}
	s.nextRun = m.nextRun
	for _, p := range m.pending {
		s.pending[p.id] = p.chunks
		s.dead = append(s.dead, p)
	}
	return s.findGarbage(m.nextRun)
}

// findGarbage notes the runs with ids from first on, which a process wrote after its last manifest. Runs below that
// are either live or listed as pending in the manifest.
func (s *Store) findGarbage(first uint64) error {
	from := runPrefixKey(first)
	for from != nil {
		var found uint64
		err := s.db.keys([]byte{runPrefix}, from, func(key []byte) bool {
			found, _, _ = parseRunKey(key)
			return false
		})
		if err != nil {
			return fmt.Errorf("look for unfinished runs: %w", err)
		}
		from = nil
		if found != 0 {
			s.pending[found] = 0
			s.dead = append(s.dead, pendingRun{id: found})
			s.nextRun = max(s.nextRun, found+1)
			from = runPrefixKey(found + 1)
		}
		crashpoint.Hit(crashRecoverGarbage)
	}
	return nil
}

// readManifest returns the manifest and where it is, or nil in a new store.
func readManifest(db kv, ring *seal.Keyring) (*Manifest, blobRef, error) {
	root, err := db.get(rootKey, nil)
	if errors.Is(err, errNotFound) {
		return nil, blobRef{}, nil
	}
	if err != nil {
		return nil, blobRef{}, fmt.Errorf("read the root of the manifest: %w", err)
	}
	ref, err := decodeRoot(root, ring)
	if err != nil {
		return nil, blobRef{}, err
	}
	blob, _, err := getBlob(db, ref.id, 0, nil)
	if err != nil {
		return nil, blobRef{}, err
	}
	body, err := openBlob(blob, ring, ref.id, 0)
	if err != nil {
		return nil, blobRef{}, err
	}
	m, err := decodeManifest(body)
	if err != nil {
		return nil, blobRef{}, err
	}
	if m.metaRun.id != 0 {
		if blob, _, err = getBlob(db, m.metaRun.id, 0, nil); err != nil {
			return nil, blobRef{}, err
		}
		if m.Meta, err = openBlob(blob, ring, m.metaRun.id, 0); err != nil {
			return nil, blobRef{}, err
		}
	}
	return m, ref, nil
}

// Manifest returns the last complete epoch's manifest, nil in a new store.
func (s *Store) Manifest() *Manifest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current.manifest
}

// newRunID gives out an id, which counts as pending until a manifest names the run.
func (s *Store) newRunID() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.nextRun
	s.nextRun++
	s.pending[id] = 0
	return id
}

func (s *Store) wakeBackground() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// background deletes dead runs and merges live ones until ctx is done.
func (s *Store) background(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		for ctx.Err() == nil {
			err := s.deleteDead(ctx)
			merged := false
			if err == nil && !s.opt.NoMerge {
				merged, err = s.mergeOnce(ctx)
			}
			if err != nil {
				s.reportBackground(ctx, err)
			}
			if err != nil || !merged {
				break
			}
		}
	}
}

// reportBackground logs an error that nobody waits for, unless it only says that the store is closing.
func (s *Store) reportBackground(ctx context.Context, err error) {
	if ctx.Err() == nil {
		s.opt.Logger.Error("background work on checkpoints failed; it is tried again after the next one", "error", err)
	}
}

// Close stops the background and closes the store. An epoch that is being written must be finished before; snapshots
// must be released before.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	if s.writing {
		s.mu.Unlock()
		return fmt.Errorf("close: %w", ErrBusy)
	}
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.done.Wait()
	err := s.db.close()
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

// DiskBytes returns what the store occupies on disk, garbage included; for a store in memory, the size of its runs.
func (s *Store) DiskBytes() int64 {
	if s.opt.Dir == "" {
		return int64(s.Stats().Bytes)
	}
	return allocatedBytes(filepath.Join(s.opt.Dir, storeFolder))
}

// Stats of a store.
type Stats struct {
	Epoch       uint64
	Tables      int
	Runs        int
	Entries     uint64 // tombstones and overwritten entries included
	Bytes       uint64 // of the live runs, before compression
	PendingRuns int    // being written, or waiting to be deleted
	Merges      uint64 // finished since Open
	MergedBytes uint64 // read by those
}

// Stats returns counters.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{PendingRuns: len(s.pending), Merges: s.merges, MergedBytes: s.mergedIn}
	if m := s.current.manifest; m != nil {
		st.Epoch, st.Tables = m.Epoch, len(m.Tables)
		for _, runs := range m.Tables {
			st.Runs += len(runs)
			for i := range runs {
				st.Entries += runs[i].Entries
				st.Bytes += runs[i].Bytes
			}
		}
	}
	return st
}
