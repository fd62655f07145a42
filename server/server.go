package server

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/memory"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/internal/tlsconf"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
	"github.com/heliosdb/heliosdb-streaming/storage/epoch"
	"github.com/heliosdb/heliosdb-streaming/storage/remote"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
	"github.com/heliosdb/heliosdb-streaming/storage/wal"
)

// Server is the engine of one process over one data directory.
type Server struct {
	cfg *config.Config
	log *slog.Logger
	reg *prometheus.Registry

	pool   *state.Pool
	budget *memory.Budget
	// unreserved is what is in use and no query's, as of the last sample, in bytes.
	unreserved atomic.Int64
	wal        *wal.Log
	store      *epoch.Store
	encryption encryption
	remote     *remote.State // nil: the state is in no bucket
	authLogged atomic.Uint64 // position of the last change of users or roles
	engine     *exec.Engine
	metrics    *metrics
	auth       *auth.Auth
	tls        *tlsconf.Source // nil: the ports are not encrypted
	clients    clientControl   // nil: nothing listens
	health     *healthPort     // nil: not open yet
	audit      *auth.Audit     // nil: none is kept
	rates      rates

	// ddl is held by statements that change the catalog, and by a checkpoint
	// while it freezes: so an epoch holds a change with all it did or not at all.
	ddl sync.Mutex
	cat atomic.Pointer[catalogView]

	specs   map[uint32]source.Spec // of source relations, made when first read
	specsMu sync.Mutex

	// writes is held for reading by writes of tables, and for writing while a
	// savepoint freezes: the epoch then is whole without the log.
	writes sync.RWMutex
	// recentLog gives the last lines of the log; nil: they are not kept.
	recentLog func() []byte
	// restored is the savepoint that the state goes back to, if any.
	restored restored

	look        chan struct{} // wakes startMissing
	reloads     reloader
	checkpoints checkpointer
	sessions    sessionList
	closing     context.Context
	stop        context.CancelFunc
	background  sync.WaitGroup
}

// Open opens the data directory, recovers what it holds and lets the jobs run.
// There are no listeners yet, see Serve.
func Open(cfg *config.Config, log *slog.Logger) (*Server, error) {
	return openUntil(context.Background(), cfg, log, func(*Server) {})
}

// openUntil is Open that gives up when ctx ends: waiting for a bucket's lease, a
// download or a restore may take long. Before any of that, with the certificates
// read, it calls opening.
func openUntil(ctx context.Context, cfg *config.Config, log *slog.Logger, opening func(*Server)) (*Server, error) {
	s := &Server{cfg: cfg, log: log, reg: prometheus.NewRegistry(), specs: map[uint32]source.Spec{}, look: make(chan struct{}, 1)}
	s.closing, s.stop = context.WithCancel(context.Background())
	given := context.AfterFunc(ctx, s.stop)
	s.reloads.started = cfg.Clone()
	s.reloads.running.Store(cfg)
	s.OnReload(s.renewAccess)
	s.limitMemory()
	s.metrics = newMetrics(s.reg)
	s.cat.Store(newCatalog(systemRelations()))
	if err := s.openTLS(); err != nil {
		s.stop()
		return nil, err
	}
	opening(s)
	if cfg.RestoreFrom != "" {
		if err := s.checkRestore(s.closing); err != nil {
			s.stop()
			return nil, err
		}
	}
	if err := s.openStorage(); err != nil {
		s.stop()
		return nil, err
	}
	s.engine = exec.NewEngine(exec.Options{
		Workers: s.workers(), Pool: s.pool, Cuts: s, Metrics: s.metrics, Now: time.Now,
		CutInterval: cfg.Streaming.WatermarkInterval, StepTime: 5 * time.Millisecond, MaxDeadLetters: maxDeadLetters,
	})
	var err error
	if cfg.RestoreFrom != "" {
		err = s.restoreSavepoint(s.closing)
		if err == nil {
			err = s.upload(s.closing) // no record of the log leads there
		}
	}
	if err == nil {
		err = s.recover()
	}
	if err == nil {
		err = s.startAuth(s.closing)
	}
	if !given() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.closeStorage())
	}
	s.metrics.watch(s)
	s.engine.Run()
	s.background.Go(s.startMissing)
	var checkpoints context.Context
	checkpoints, s.checkpoints.end = context.WithCancel(s.closing)
	s.background.Go(func() { s.checkpointLoop(checkpoints) })
	s.background.Go(s.watchMemory)
	s.background.Go(s.fitCollector)
	s.background.Go(s.sampleRates)
	return s, nil
}

// maxDeadLetters bounds the dead letters kept of one relation.
const maxDeadLetters = 10_000

// limitMemory divides the memory limit: the collector keeps the heap within
// what the state, which lies outside it, leaves.
func (s *Server) limitMemory() {
	limit := s.cfg.MemoryLimitBytes()
	s.pool = state.NewPool(state.PoolOptions{})
	s.budget = memory.NewBudget(limit, s.notQueries)
	if limit > 0 {
		debug.SetMemoryLimit(limit * 9 / 10)
	}
	debug.SetGCPercent(maxCollectPercent)
}

func (s *Server) workers() int {
	if n := s.cfg.Streaming.MaxParallelism; n > 0 {
		return n
	}
	return min(runtime.GOMAXPROCS(0), exec.VNodes)
}

func (s *Server) openStorage() error {
	dir := s.cfg.State.LocalDir()
	if s.cfg.State.Backend == config.BackendMemory {
		dir = ""
	}
	known, err := checkFormat(dir)
	if err != nil {
		return err
	}
	if err := s.openStores(dir); err != nil {
		return err
	}
	if dir != "" {
		if !known {
			err = writeFormat(dir)
		}
		// Of a restore that was interrupted.
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, restoreFolder)))
	}
	if err == nil {
		err = s.openAuth()
	}
	if err != nil {
		return errors.Join(err, s.closeStores())
	}
	return nil
}

// openStores opens the store of epochs and the log.
func (s *Server) openStores(dir string) error {
	prepare := func() (epoch.Options, wal.Options, error) {
		var err error
		if s.encryption, err = openEncryption(s.closing, s.cfg, dir); err != nil {
			return epoch.Options{}, wal.Options{}, err
		}
		ring := s.encryption.ring
		if ring != nil {
			s.log.Info("the state is encrypted", "key", ring.Current().ID().String(), "kms", s.encryption.kms.ID())
		}
		return epoch.Options{Dir: dir, Keyring: ring, Compression: compressionOf(s.cfg.State.Compression), Logger: s.logger("storage")},
			wal.Options{Sync: true, Keyring: ring, Logger: s.logger("storage")}, nil
	}
	if s.cfg.State.BucketURL() != "" {
		if err := s.openBucket(prepare); err != nil {
			return err
		}
		s.encryption.share = s.remote.PutKeyring
		if err := s.dropUnusedKeys(s.closing); err != nil {
			return errors.Join(err, s.closeStores())
		}
		return nil
	}
	eopt, wopt, err := prepare()
	if err != nil {
		return err
	}
	if s.store, err = epoch.Open(eopt); err != nil {
		return err
	}
	if s.wal, err = wal.Open(dir, wopt); err != nil {
		return errors.Join(err, s.store.Close())
	}
	if err := s.dropUnusedKeys(s.closing); err != nil {
		return errors.Join(err, s.closeStores())
	}
	return nil
}

func (s *Server) closeStorage() error {
	s.stop()
	s.engine.Close()
	err := errors.Join(s.closeStores(), s.closeAuth())
	for _, spec := range s.specs {
		spec.Close()
	}
	return err
}

// AppendCut implements exec.CutLog.
func (s *Server) AppendCut(record []byte) (uint64, error) { return s.append(recordCut, record) }

// append makes a record durable on this machine. When the state is in a bucket,
// confirm comes after it was applied.
func (s *Server) append(kind byte, payload []byte) (uint64, error) {
	if err := s.admit(kind); err != nil {
		return 0, err
	}
	pos, err := s.wal.Append(kind, payload)
	if errors.Is(err, wal.ErrTooLarge) {
		return 0, pgerr.New(pgerr.ProgramLimitExceeded, "the change is too large for one statement: %v", err).WithHint("Split it into several.")
	}
	if err != nil {
		return 0, err
	}
	return pos, s.wal.Sync(pos)
}

// Close takes a last checkpoint, as far as ctx allows, and stops. What was
// acknowledged is durable either way.
func (s *Server) Close(ctx context.Context) error {
	s.checkpoints.end() // one that waits for a bucket would use up the time for this one
	err := s.Checkpoint(ctx)
	s.stop()
	s.background.Wait()
	return errors.Join(err, s.closeStorage())
}

// catalog is the catalog as it stands.
func (s *Server) catalog() *catalogView { return s.cat.Load() }
