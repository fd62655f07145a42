package epoch

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/heliosdb/heliosdb-streaming/internal/durable"
)

// kv is what this package needs of an embedded key-value store. Only this file knows which one it is.
type kv interface {
	// get appends the value of key to buf[:0] and returns it, or errNotFound.
	get(key, buf []byte) ([]byte, error)
	// newBatch begins a sequence of writes. They become visible as they go; only sync makes them durable.
	newBatch() kvBatch
	// keys calls fn for the keys from `from` on that begin with prefix, in ascending order, until it returns false.
	keys(prefix, from []byte, fn func(key []byte) bool) error
	// sync returns when every finished batch is on stable storage.
	sync() error
	// room is nil, or an error that wraps ErrNoSpace when roomEveryBytes more should not be written.
	room() error
	// verify reads everything and checks the store's own checksums.
	verify() error
	close() error
}

// kvBatch collects writes; its methods may be called concurrently. Keys and values belong to the batch from the call
// on. Either flush or cancel ends it.
type kvBatch interface {
	set(key, val []byte) error
	delete(key []byte) error
	flush() error
	// cancel ends the batch without promising anything about writes that were not flushed.
	cancel()
}

// roomEveryBytes is how much may be written between two calls of room.
const roomEveryBytes = 16 << 20

var errNotFound = errors.New("key not found")

// maxPendingTxns bounds the transactions of a batch that wait for the store; each holds up to 15 % of a memtable.
const maxPendingTxns = 4

// badgerOptions are chosen for few, large (64 KiB before compression) values that are written once and read in order.
//
// Values stay in the tables. The value log is twice as fast to write (measured: 4.5 instead of 2–3.5 M entries/s), but
// gives no space back by itself, because what can be dropped is learnt only when tables are compacted, and tables of
// pointers hardly ever are; and its collection deletes an old file before the copies of what still lives are synced.
//
// Blocks come compressed and with a checksum of their own, and are cached elsewhere if at all, so the tables do none of
// this again; their blocks hold two of ours, so that building a table copies none. Table sizes are such that a builder's
// arena, of which badger keeps up to eight, holds a flushed memtable without growing. Runs are short-lived, so compaction begins late, when many of them are deleted already.
func badgerOptions(dir string, o Options) badger.Options {
	memtable := int64(o.MemtableMB) << 20
	b := badger.DefaultOptions(dir).
		WithInMemory(dir == "").
		WithBypassLockGuard(true). // Open holds dirlock's, which a child process that is just being started cannot keep
		WithLogger(slogLogger{o.Logger}).
		WithDetectConflicts(false).
		WithNumVersionsToKeep(1).
		WithMetricsEnabled(false).
		WithSyncWrites(false).
		WithNumGoroutines(1).
		WithMemTableSize(memtable).
		WithNumMemtables(2).
		WithNumCompactors(2).
		WithNumLevelZeroTables(5).
		WithNumLevelZeroTablesStall(20).
		WithBaseTableSize(memtable * 5 / 8).
		WithBaseLevelSize(4 * memtable).
		WithBlockSize(144 << 10).
		WithCompression(options.None).
		WithBlockCacheSize(0).
		WithBloomFalsePositive(0).
		WithValueThreshold(1 << 20).
		WithValueLogFileSize(16 << 20)
	b.TableSizeMultiplier = 1
	return b
}

type badgerKV struct {
	db  *badger.DB
	dir string // "" in memory
	// reserve is the free space to keep: the memtables' files, the tables they become, and a compaction of those.
	reserve int64
}

var _ kv = (*badgerKV)(nil)

func openBadger(dir string, o Options) (kv, error) {
	return openWith(dir, badgerOptions(dir, o), o)
}

// openBadgerQuietly opens a store that shares table files with another one: it never compacts, because that would
// empty the files that it is done with.
func openBadgerQuietly(dir string, o Options) (kv, error) {
	return openWith(dir, badgerOptions(dir, o).WithNumCompactors(0).WithNumLevelZeroTablesStall(1<<30), o)
}

func openWith(dir string, opt badger.Options, o Options) (_ kv, err error) {
	defer recoverBadger(&err)
	if err := removeUnborn(dir); err != nil {
		return nil, fmt.Errorf("open checkpoint store: %w", err)
	}
	db, err := badger.Open(opt)
	if err != nil {
		return nil, fmt.Errorf("open checkpoint store: %w", err)
	}
	return &badgerKV{db: db, dir: dir, reserve: roomEveryBytes + int64(o.MemtableMB)<<23}, nil
}

// removeUnborn removes memtables and value logs of no length: the process ended between their creation and their first
// byte, and badger does not open what it takes for a new file.
func removeUnborn(dir string) error {
	if dir == "" {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.mem"))
	if err != nil {
		return err
	}
	logs, err := filepath.Glob(filepath.Join(dir, "*.vlog"))
	if err != nil {
		return err
	}
	for _, f := range append(files, logs...) {
		if st, err := os.Stat(f); err != nil || st.Size() > 0 {
			continue
		}
		if err := os.Remove(f); err != nil {
			return err
		}
	}
	return nil
}

// recoverBadger turns a panic into an error: badger asserts what it reads from its files, and a damaged file must not
// end the process.
func recoverBadger(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: the key-value store reports: %v", ErrCorrupt, p)
	}
}

func (b *badgerKV) get(key, buf []byte) (val []byte, err error) {
	defer recoverBadger(&err)
	txn := b.db.NewTransaction(false)
	defer txn.Discard()
	item, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, errNotFound
	}
	if err != nil {
		return nil, err
	}
	return item.ValueCopy(buf)
}

func (b *badgerKV) keys(prefix, from []byte, fn func(key []byte) bool) (err error) {
	defer recoverBadger(&err)
	txn := b.db.NewTransaction(false)
	defer txn.Discard()
	it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
	defer it.Close()
	for it.Seek(from); it.Valid(); it.Next() {
		if !fn(it.Item().KeyCopy(nil)) {
			break
		}
	}
	return nil
}

// sync does what badger's Sync does and what it leaves out: Sync covers the log of the active memtable only, while a
// memtable that has just become full may be neither in a table yet nor synced; and badger syncs the directory of a
// new file in the background. Files that vanish meanwhile were turned into tables, which are synced before.
func (b *badgerKV) sync() error {
	if b.dir == "" {
		return nil
	}
	if err := b.db.Sync(); err != nil {
		return err
	}
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext != ".mem" && ext != ".vlog" {
			continue
		}
		if err := durable.Sync(filepath.Join(b.dir, e.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return durable.Sync(b.dir)
}

// room refuses to go on when the disk is nearly full: badger writes through mapped files, and a page that the disk has
// no room for ends the process with SIGBUS.
func (b *badgerKV) room() error {
	if b.dir == "" {
		return nil
	}
	free, err := freeBytes(b.dir)
	if err != nil {
		return fmt.Errorf("free space of the data directory: %w", err)
	}
	if free < b.reserve {
		return fmt.Errorf("%w: %d MiB are free, %d are kept in reserve", ErrNoSpace, free>>20, b.reserve>>20)
	}
	return nil
}

func (b *badgerKV) verify() (err error) {
	defer recoverBadger(&err)
	if err := b.db.VerifyChecksum(); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

func (b *badgerKV) close() (err error) {
	defer recoverBadger(&err)
	return b.db.Close()
}

func (b *badgerKV) newBatch() kvBatch {
	wb := b.db.NewWriteBatch()
	wb.SetMaxPendingTxns(maxPendingTxns)
	return badgerBatch{wb}
}

type badgerBatch struct{ wb *badger.WriteBatch }

func (b badgerBatch) set(key, val []byte) error { return b.wb.Set(key, val) }
func (b badgerBatch) delete(key []byte) error   { return b.wb.Delete(key) }
func (b badgerBatch) flush() error              { return b.wb.Flush() }
func (b badgerBatch) cancel()                   { b.wb.Cancel() }

// slogLogger hands on badger's warnings and errors; what it calls information is about its own housekeeping.
type slogLogger struct{ log *slog.Logger }

func (l slogLogger) Errorf(f string, a ...any)   { l.log.Error(badgerText(f, a)) }
func (l slogLogger) Warningf(f string, a ...any) { l.log.Warn(badgerText(f, a)) }
func (slogLogger) Infof(string, ...any)          {}
func (slogLogger) Debugf(string, ...any)         {}

func badgerText(f string, a []any) string {
	return "checkpoint store: " + strings.TrimSpace(fmt.Sprintf(f, a...))
}
