package server

import (
	"context"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/connectors/kafka"
	"github.com/heliosdb/heliosdb-streaming/connectors/nexmark"
	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/planner"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/parse"
)

// sourceSpec describes a source relation to the engine.
func (s *Server) sourceSpec(cat *catalogView, r *catalog.Relation) (exec.SourceSpec, error) {
	spec, err := s.spec(r)
	if err != nil {
		return exec.SourceSpec{}, err
	}
	ss := exec.SourceSpec{
		Rel: r.OID, Name: r.Name, Spec: spec, Columns: len(r.Columns),
		Idle: s.cfg.Streaming.IdleTimeout, FailOnError: r.Options["on_error"] == "fail",
		Decoders: s.cfg.Kafka.NumConsumerThreads,
	}
	for _, w := range r.Watermarks {
		x, err := parse.ParseExpr(w.Expr)
		if err != nil {
			return ss, err
		}
		mark := &ast.Watermark{Column: r.Columns[w.Column].Name, X: x}
		if _, ss.Watermark, err = planner.Watermark(&planner.Options{Mode: planner.Continuous}, cat, r.Columns, mark); err != nil {
			return ss, err
		}
	}
	return ss, nil
}

// spec gives the connector's side of a source, made once.
func (s *Server) spec(r *catalog.Relation) (source.Spec, error) {
	s.specsMu.Lock()
	defer s.specsMu.Unlock()
	if sp := s.specs[r.OID]; sp != nil {
		return sp, nil
	}
	sp, err := s.newSpec(r)
	if err == nil && r.OID != 0 {
		s.specs[r.OID] = sp
	}
	return sp, err
}

// forgetSource lets go of a dropped source's connector.
func (s *Server) forgetSource(oid uint32) {
	s.specsMu.Lock()
	defer s.specsMu.Unlock()
	if sp := s.specs[oid]; sp != nil {
		sp.Close()
		delete(s.specs, oid)
	}
}

// Bounds of what a reader holds that no step has taken, in bytes.
const (
	minBufferBytes = 1 << 20
	maxBufferBytes = 64 << 20
)

// bufferBytes is a reader's buffer: a small part of the memory limit, for it
// fills up when the jobs pause.
func (s *Server) bufferBytes() int {
	limit := s.budget.Limit()
	if limit <= 0 {
		return maxBufferBytes
	}
	return int(min(max(limit/32, minBufferBytes), maxBufferBytes))
}

func (s *Server) newSpec(r *catalog.Relation) (source.Spec, error) {
	switch c := strings.ToLower(r.Options["connector"]); c {
	case "kafka":
		o, err := s.kafkaOptions(r, &s.Config().Kafka)
		if err != nil {
			return nil, err
		}
		for _, col := range r.Columns {
			o.Columns = append(o.Columns, kafka.Column{Name: col.Name, Type: col.Type, Include: col.Include})
		}
		return kafka.New(o)
	case "nexmark":
		o, _, err := nexmark.ParseOptions(r.Options)
		if err != nil {
			return nil, err
		}
		for _, col := range r.Columns {
			o.Columns = append(o.Columns, nexmark.Column{Name: col.Name, Type: col.Type})
		}
		return nexmark.New(o)
	case "":
		return nil, pgerr.New(pgerr.InvalidParameterValue, "a source needs WITH (connector = '…')").
			WithHint("The connectors are kafka and nexmark.")
	default:
		return nil, pgerr.Unsupported(0, "source connector %q", c)
	}
}

// startOf gives the offsets at which a job on a source that begins now starts:
// the kept ones, as far as retention has left them. ok false: not known yet.
func (s *Server) startOf(r *catalog.Relation) (o source.Offsets, notices []string, ok bool) {
	if r.Start == nil {
		return nil, nil, false
	}
	spec, err := s.spec(r)
	if err != nil {
		return r.Start, nil, true
	}
	b, can := spec.(interface {
		Begin(kept source.Offsets, stop <-chan struct{}) (source.Offsets, []string, error)
	})
	if !can {
		return r.Start, nil, true
	}
	ctx, cancel := context.WithTimeout(s.closing, resolveTimeout)
	defer cancel()
	moved, notices, err := b.Begin(r.Start, ctx.Done())
	if err != nil {
		return r.Start, nil, true // the broker is away; the job will say what it finds
	}
	return moved, notices, true
}

// scanSource reads a source from its start to the end offsets known now, for an
// ad-hoc query. A record that cannot be decoded is left out, as in a job.
func (s *Server) scanSource(ctx context.Context, r *catalog.Relation, take []int, push func(*delta.Batch) error) error {
	spec, err := s.spec(r)
	if err != nil {
		return err
	}
	end, err := spec.End(ctx.Done())
	if err != nil {
		return err
	}
	from, _, ok := s.startOf(r)
	if !ok {
		if from, err = spec.Resolve(ctx.Done()); err != nil {
			return err
		}
	}
	ready := make(chan struct{}, 1)
	reader, err := spec.Open(from, func() {
		select {
		case ready <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return err
	}
	defer reader.Close()
	dec, err := spec.NewDecoder(take)
	if err != nil {
		return err
	}
	at := from.Clone()
	for !passed(at, end) {
		chunks, err := reader.Take(source.Budget{Rows: 4096, Bytes: 8 << 20}, end)
		if err != nil {
			return err
		}
		for i := range chunks {
			if err := dec.Decode(&chunks[i], push, func(source.DeadRow) {}); err != nil {
				return err
			}
			at[chunks[i].Partition] = chunks[i].Next
		}
		if len(chunks) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ready:
		}
	}
	return nil
}

// passed reports whether at has come to end in every partition.
func passed(at, end source.Offsets) bool {
	for p, n := range end {
		if at[p] < n {
			return false
		}
	}
	return true
}

// flush waits until everything that was in the topics and in the log when it
// was called is published.
func (s *Server) flush(ctx context.Context) error {
	if at := s.catalog().pausedAt; at != 0 {
		return pgerr.New(pgerr.ObjectNotInPrerequisiteState, "FLUSH would wait for ever: all jobs are paused since %s UTC", timestampText(at)).
			WithHint("RESUME JOBS lets them go on.")
	}
	// A job that is yet to start may be the only one that reads a source.
	if err := s.waitStarted(ctx); err != nil {
		return err
	}
	ends := map[uint32]source.Offsets{}
	for _, j := range s.engine.Jobs() {
		if j.State == "paused" {
			continue // nobody waits for it
		}
		for _, src := range j.Sources {
			if ends[src.Rel] != nil {
				continue
			}
			r := s.catalog().ByOID(src.Rel)
			if r == nil {
				continue
			}
			spec, err := s.spec(r)
			if err != nil {
				return err
			}
			if ends[src.Rel], err = spec.End(ctx.Done()); err != nil {
				return err
			}
		}
	}
	for pending := true; pending; {
		pending = len(s.unstarted()) > 0
		err := s.engine.Flush(ends, ctx.Done())
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if err != nil {
			return err
		}
		if err := s.waitStarted(ctx); err != nil {
			return err
		}
	}
	return nil
}
