package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/pgwire"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	buckets "github.com/heliosdb/heliosdb-streaming/storage/object"
	"github.com/heliosdb/heliosdb-streaming/storage/savepoint"
)

// incompleteSavepoints is the age at which what a failed savepoint left behind is
// removed.
const incompleteSavepoints = 24 * time.Hour

// maxSavepointName bounds the name of a savepoint, in bytes.
const maxSavepointName = 200

// savepointBucket opens the place where savepoints lie: [state] path, a bucket or
// the data directory. The caller closes it.
func savepointBucket(ctx context.Context, st *config.State) (buckets.Bucket, error) {
	if st.BucketURL() == "" {
		return buckets.OpenFolder(st.LocalDir())
	}
	at, err := buckets.ParseFor(st.Backend, st.Path)
	if err != nil {
		return nil, err
	}
	return buckets.Open(ctx, at, bucketOptions(st))
}

// bucketOptions are the options of [state] for an object store.
func bucketOptions(st *config.State) buckets.Options {
	retries := st.MaxRetries
	if retries == 0 {
		retries = -1 // package object's 0 is its default
	}
	return buckets.Options{
		Endpoint: st.Endpoint, Region: st.Region, PathStyle: st.PathStyle, RequestTimeout: st.RequestTimeout, MaxRetries: retries,
	}
}

// inSavepoints calls fn with the bucket of the savepoints.
func (s *Server) inSavepoints(ctx context.Context, fn func(b buckets.Bucket) error) error {
	b, err := savepointBucket(ctx, &s.cfg.State)
	if err == nil {
		err = errors.Join(fn(b), b.Close())
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, savepoint.ErrNotFound):
		return pgerr.New(pgerr.UndefinedObject, "%v", err).WithHint("SHOW STATE SAVEPOINTS lists those there are.")
	case errors.Is(err, savepoint.ErrID):
		return pgerr.New(pgerr.InvalidParameterValue, "%v", err)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	var e *pgerr.Error
	if errors.As(err, &e) {
		return err
	}
	return pgerr.Storage(err, "%v", err)
}

// CreateSavepoint takes a checkpoint and copies it to where savepoints lie. The
// savepoint is complete and durable on return. Jobs and writes go on meanwhile.
func (s *Server) CreateSavepoint(ctx context.Context, name string) (savepoint.Info, error) {
	var info savepoint.Info
	if len(name) > maxSavepointName {
		return info, pgerr.New(pgerr.NameTooLong, "the name of a savepoint has at most %d bytes", maxSavepointName)
	}
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return info, pgerr.New(pgerr.InvalidParameterValue, "the name of a savepoint must not hold control characters")
	}
	err := s.inSavepoints(ctx, func(b buckets.Bucket) error {
		if n, err := savepoint.Clean(ctx, b, time.Now().Add(-incompleteSavepoints)); err != nil && ctx.Err() == nil {
			// The right to delete may be missing, on purpose.
			s.logger("storage").Warn("what failed savepoints left behind could not be removed", "error", err)
		} else if n > 0 {
			s.logger("storage").Info("removed what failed savepoints left behind", "savepoints", n)
		}
		s.checkpoints.running.Lock()
		err := s.checkpoint(ctx, true)
		if err != nil {
			s.checkpoints.running.Unlock()
			return err
		}
		snap, err := s.store.Snapshot()
		s.checkpoints.running.Unlock()
		if err != nil {
			return err
		}
		defer snap.Release()
		jobs := 0
		for _, r := range s.catalog().user() {
			if r.Kind == catalog.MaterializedView || r.Kind == catalog.Sink {
				jobs++
			}
		}
		start := time.Now()
		info, err = savepoint.Create(ctx, b, snap, s.encryption.ring, savepoint.Info{Name: name, Program: Version, Jobs: jobs})
		if err == nil {
			s.logger("storage").Info("savepoint is complete", "id", savepoint.Prefix+info.ID, "epoch", info.Epoch, "bytes", info.Bytes, "took", time.Since(start))
		}
		return err
	})
	return info, err
}

// Savepoints lists the complete savepoints, oldest first.
func (s *Server) Savepoints(ctx context.Context) (list []savepoint.Info, err error) {
	err = s.inSavepoints(ctx, func(b buckets.Bucket) error {
		var unread []error
		list, unread, err = savepoint.List(ctx, b)
		for _, why := range unread {
			s.logger("storage").Warn("a savepoint is not listed", "error", why)
		}
		return err
	})
	return list, err
}

// DropSavepoint removes a savepoint; id with or without "savepoint-".
func (s *Server) DropSavepoint(ctx context.Context, id string) error {
	return s.inSavepoints(ctx, func(b buckets.Bucket) error { return savepoint.Delete(ctx, b, id) })
}

// bindStateSavepoint binds CREATE and DROP STATE SAVEPOINT. The first returns the
// new savepoint's id as a row.
func (x *session) bindStateSavepoint(p *prepared, st *ast.StateSavepoint) error {
	if st.Drop {
		p.cmd = done(func(c *call) (string, error) {
			err := x.s.DropSavepoint(c.ctx, st.Name)
			x.s.auth.RecordDDL(x.who(), c.p.stmt.SQL, err)
			return "DROP STATE SAVEPOINT", err
		})
		return nil
	}
	p.cols = textColumns("savepoint")
	p.cmd = utility(func(c *call) (pgwire.Result, error) {
		info, err := x.s.CreateSavepoint(c.ctx, st.Name)
		x.s.auth.RecordDDL(x.who(), c.p.stmt.SQL, err)
		if err != nil {
			return nil, err
		}
		return textRows(p.cols, [][]*string{cells(savepoint.Prefix + info.ID)}, func(int64) string { return "CREATE STATE SAVEPOINT" }), nil
	})
	return nil
}

var stateSavepointColumns = []string{"Savepoint", "Name", "Created", "Epoch", "Jobs", "Size", "Sealed", "Version"}

// showStateSavepoints is SHOW STATE SAVEPOINTS.
func (x *session) showStateSavepoints(c *call) (pgwire.Result, error) {
	list, err := x.s.Savepoints(c.ctx)
	if err != nil {
		return nil, err
	}
	var rows [][]*string
	word := map[bool]string{true: "yes", false: "no"}
	for i := range list {
		sp := &list[i]
		rows = append(rows, cells(savepoint.Prefix+sp.ID, sp.Name, sp.Created.Format(time.DateTime), fmt.Sprint(sp.Epoch), fmt.Sprint(sp.Jobs), fmt.Sprint(sp.Bytes),
			word[sp.Sealed], sp.Program))
	}
	return textRows(c.p.cols, rows, func(int64) string { return "SHOW" }), nil
}
