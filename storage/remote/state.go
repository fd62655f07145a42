package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/internal/dirlock"
	"github.com/heliosdb/heliosdb-streaming/storage/epoch"
	"github.com/heliosdb/heliosdb-streaming/storage/object"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
	"github.com/heliosdb/heliosdb-streaming/storage/wal"
)

// Defaults of Options.
const (
	DefaultLease        = 15 * time.Second
	DefaultTimeout      = 30 * time.Second
	DefaultShipInterval = time.Second
	DefaultRetained     = 10
)

// Options of a State.
type Options struct {
	// Bucket is where the state lives; it must retry (object.Open does). Close closes it.
	Bucket object.Bucket
	// Name of the bucket for people, for example its URL.
	Name string
	// Dir is the local directory.
	Dir string
	// Retained is how many checkpoints the bucket keeps. Default 10.
	Retained int
	// Full uploads all runs with every checkpoint, so that no checkpoint shares an object with another.
	Full bool
	// TakeOver does not wait for the lease of another owner. Only for when that is certainly gone: a living one is
	// fenced and stops.
	TakeOver bool
	// Lease is how long this process may be silent before another may take the bucket over. Default 15 s.
	Lease time.Duration
	// Timeout is how long a change waits for the bucket before its outcome is unknown. Default 30 s.
	Timeout time.Duration
	// ShipInterval is how long a record that nobody waits for may stay behind. Default 1 s.
	ShipInterval time.Duration
	// Prepare returns the options of the local stores, after the bucket's keyring.json was put into Dir, if there is
	// one. Their directory is set to Dir. Default: none but the logger; the log syncs.
	Prepare func() (epoch.Options, wal.Options, error)
	// Check is asked before this process takes the bucket, with the bucket's keyring.json (nil: there is none) and
	// whether the bucket holds state. What it refuses is refused before anything is changed. Nil: nothing.
	Check func(ctx context.Context, keyring []byte, holds bool) error
	// Lineage reads from an epoch's meta which restored savepoint its state goes back to. A checkpoint of another lineage
	// than the newest is of no use any more: with the log behind it, it would lead to a mix of both. Nil: there is one.
	Lineage func(meta []byte) uint64
	// Metrics count what happens; nil counts for nobody.
	Metrics *Metrics
	// Logger defaults to slog.Default().
	Logger *slog.Logger

	orphansEvery, orphanAge time.Duration // for tests
}

func (o *Options) setDefaults() {
	if o.Retained <= 0 {
		o.Retained = DefaultRetained
	}
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&o.Lease, DefaultLease}, {&o.Timeout, DefaultTimeout}, {&o.ShipInterval, DefaultShipInterval},
		{&o.orphansEvery, orphansEvery}, {&o.orphanAge, orphanAge}} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Lineage == nil {
		o.Lineage = func([]byte) uint64 { return 0 }
	}
	if o.Prepare == nil {
		o.Prepare = func() (epoch.Options, wal.Options, error) {
			return epoch.Options{Logger: o.Logger}, wal.Options{Sync: true, Logger: o.Logger}, nil
		}
	}
}

// State is a bucket that this process owns, with its working copy. Its methods may be called concurrently.
type State struct {
	opt    Options
	bucket object.Bucket
	lock   io.Closer // of the local directory
	store  *epoch.Store
	log    *wal.Log
	ring   *seal.Keyring // nil: nothing is sealed

	storeID     string
	incarnation uint64
	instance    string

	owning       sync.Mutex // guards owner and its version
	owner        owner
	ownerVersion string

	// keyringVersion is that of the bucket's keyring.json as this process has left it; only one that changes it at a
	// time calls PutKeyring.
	keyringVersion string

	// shipping is held while an object of the log is written.
	shipping sync.Mutex
	// uploading is held while a checkpoint is uploaded and garbage is collected.
	uploading sync.Mutex
	uploaded  map[uint64]runRef        // runs that the bucket has, by id
	heads     map[string]*manifestHead // of manifests, by key
	orphaned  time.Time                // when orphans were looked for last
	// knowsHeads: heads has the manifests that were retained when this process began.
	knowsHeads bool

	wake chan struct{} // tells ship that somebody waits

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced when something below changes
	nextSeq  uint64        // of the log
	shipped  uint64
	pending  *pendingObject
	objects  []objectRef   // of the log, from the newest manifest's LogSeq on at least
	logStart uint64        // the log has no objects before
	retained []manifestRef // newest first
	failed   error
	lost     chan struct{}

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// Open takes the bucket, makes the local directory hold what the bucket holds, opens it, and sends what only the
// directory has. Afterwards Store and Log are used as without a bucket.
func Open(ctx context.Context, opt Options) (*State, error) {
	opt.setDefaults()
	s := &State{
		opt: opt, bucket: opt.Bucket, uploaded: map[uint64]runRef{}, heads: map[string]*manifestHead{},
		wake: make(chan struct{}, 1), changed: make(chan struct{}), lost: make(chan struct{}),
	}
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	if err := s.open(ctx, background); err != nil {
		return nil, errors.Join(fmt.Errorf("state in %s: %w", opt.Name, err), s.stop())
	}
	s.done.Go(func() { s.ship(background) })
	return s, nil
}

func (s *State) open(ctx, background context.Context) error {
	format, err := openFormat(ctx, s.bucket)
	if err != nil {
		return err
	}
	s.storeID = format.Store
	if err := s.preflight(ctx); err != nil {
		return err
	}
	own := filepath.Join(s.opt.Dir, ownFolder)
	if err := os.MkdirAll(own, 0o700); err != nil {
		return err
	}
	lock, err := dirlock.Acquire(own)
	if err != nil {
		return err
	}
	s.lock = lockCloser{lock}
	local, valid, err := s.claim(ctx)
	if err != nil {
		return err
	}
	s.done.Go(func() { s.renew(background) })
	t, err := s.fence(ctx)
	if err != nil {
		return err
	}
	if valid {
		valid, err = s.openLocal(ctx, t)
		if err != nil {
			return err
		}
	}
	if !valid {
		if err := s.rebuild(ctx, local, t); err != nil {
			return err
		}
	}
	if err := s.writeLocal(localState{Store: s.storeID, Instances: []string{s.instance}}); err != nil {
		return err
	}
	if refs := s.refs(); len(refs) > 0 {
		s.opt.Metrics.found(refs[0].Created)
	}
	return s.sendLocal(ctx, t)
}

type lockCloser struct{ *dirlock.Lock }

func (l lockCloser) Close() error { return l.Release() }

// claim makes this process the owner. valid says that the local directory has everything that owners before did.
func (s *State) claim(ctx context.Context) (local *localState, valid bool, err error) {
	if local, err = s.readLocal(); err != nil {
		return nil, false, err
	}
	if local != nil && local.Store != s.storeID {
		return nil, false, fmt.Errorf("%w: the local directory %s belongs to another store. If the bucket was emptied "+
			"and is to get what the directory holds, remove the folder %s in it; otherwise choose another local_path",
			ErrForeign, s.opt.Dir, ownFolder)
	}
	has, err := s.hasData()
	if err != nil {
		return nil, false, err
	}
	old, version, err := readOwner(ctx, s.bucket)
	if err != nil {
		return nil, false, err
	}
	if old != nil && local == nil && has {
		return nil, false, fmt.Errorf("%w: the local directory %s holds state that never was in this bucket, and the bucket "+
			"holds other state; choose another local_path, or an empty prefix of the bucket to move the state there", ErrForeign, s.opt.Dir)
	}
	own := old != nil && local != nil && slices.Contains(local.Instances, old.Instance)
	if old != nil && !old.Released && !own && !s.opt.TakeOver {
		if version, err = s.awaitSilence(ctx, old, version); err != nil {
			return nil, false, err
		}
	}
	next := newOwner(old, s.opt.Lease)
	note := localState{Store: s.storeID}
	switch valid = has && (own || old == nil); {
	case own:
		note.Instances = []string{old.Instance, next.Instance}
	case valid:
		note.Instances = []string{next.Instance}
	default:
		note.Rebuilding = local != nil && local.Rebuilding
	}
	if err := s.writeLocal(note); err != nil {
		return nil, false, err
	}
	crashpoint.Hit(crashClaiming)
	if version, err = s.takeOwner(ctx, old, next, version); err != nil {
		return nil, false, err
	}
	crashpoint.Hit(crashClaimed)
	s.owner, s.ownerVersion = *next, version
	s.incarnation, s.instance = next.Incarnation, next.Instance
	return &note, valid, nil
}

// takeOwner makes next the owner in the place of old.
func (s *State) takeOwner(ctx context.Context, old, next *owner, version string) (string, error) {
	for {
		taken, err := writeOwner(ctx, s.bucket, next, version)
		if !errors.Is(err, ErrFenced) {
			return taken, err
		}
		now, v, readErr := readOwner(ctx, s.bucket)
		if readErr != nil {
			return "", readErr
		}
		// The old owner has renewed its lease in between: that is no hindrance to taking over by force.
		if !s.opt.TakeOver || now == nil || old == nil || now.Instance != old.Instance {
			return "", fmt.Errorf("%w: another process took it at the same time: %w", ErrOwned, err)
		}
		version = v
	}
}

// sendLocal brings the bucket up to what the local directory has.
func (s *State) sendLocal(ctx context.Context, t *tail) error {
	if err := s.sendKeyring(ctx); err != nil {
		return err
	}
	m := s.store.Manifest()
	if t.base == nil && m != nil {
		// The directory is older than the bucket: what its log no longer has is in its epoch.
		s.opt.Logger.Info("moving the local state into the bucket", "bucket", s.opt.Name, "epoch", m.Epoch)
		s.mu.Lock()
		s.shipped = max(s.shipped, s.log.FirstPos()-1)
		s.mu.Unlock()
	}
	if err := s.shipTo(ctx, s.log.LastPos()); err != nil {
		return err
	}
	// The last epoch may hold what no record of the log says: a savepoint that was restored.
	_, err := s.Checkpoint(ctx)
	return err
}

// Store is the local store of epochs. State closes it.
func (s *State) Store() *epoch.Store { return s.store }

// Log is the local log of changes. State closes it.
func (s *State) Log() *wal.Log { return s.log }

// Lost is closed when the bucket belongs to another process; see Err.
func (s *State) Lost() <-chan struct{} { return s.lost }

// Err says why the bucket is lost, nil if it is not.
func (s *State) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// fail ends what can be done with the bucket; it returns the first reason.
func (s *State) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = err
		close(s.lost)
		s.broadcast()
		if !errors.Is(err, ErrClosed) {
			s.opt.Logger.Error("the bucket is lost to another process", "bucket", s.opt.Name, "error", err)
		}
	}
	return s.failed
}

// Close sends what is left, as far as ctx allows, gives the bucket up, and closes the local stores.
func (s *State) Close(ctx context.Context) error {
	var err error
	if s.Err() == nil {
		err = s.shipTo(ctx, s.log.DurablePos())
	}
	s.cancel()
	s.done.Wait()
	if s.Err() == nil && err == nil {
		err = s.renewOnce(ctx, true)
	}
	_ = s.fail(ErrClosed)
	return errors.Join(err, s.stop())
}

// stop closes everything without a word to the bucket.
func (s *State) stop() error {
	s.cancel()
	s.done.Wait()
	var err error
	if s.log != nil {
		err = s.log.Close()
	}
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	err = errors.Join(err, s.bucket.Close())
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}
