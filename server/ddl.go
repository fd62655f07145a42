package server

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// ddlEnv is the statement around a change of the catalog.
type ddlEnv struct {
	Path    []string
	Notice  func(*pgerr.Error)
	Session expr.Session
	Now     int64
	// IdempotentFile: the statement comes from a file that is applied at every
	// start; an object that exists with the same definition is a notice.
	IdempotentFile bool
	Text           string // of the statement
	// MayRead checks that whoever asks may read relations by OID, which a
	// definition reads; nil: he may.
	MayRead func([]uint32) error
}

func (e *ddlEnv) mayRead(oids []uint32) error {
	if e.MayRead == nil {
		return nil
	}
	return e.MayRead(oids)
}

var (
	crashDDLLogged  = crashpoint.Register("ddl.logged")
	crashDDLApplied = crashpoint.Register("ddl.applied")
)

// resolveTimeout is how long a CREATE waits for a broker to say where a source
// starts; later the job waits instead.
const resolveTimeout = 2 * time.Second

// change is one DDL statement being made: the next catalog and its record.
type change struct {
	cat *catalogView
	rec ddlRecord
}

// begin opens a change of the present catalog; under s.ddl.
func (s *Server) begin() *change { return &change{cat: s.catalog().clone()} }

// create adds a relation to the change and gives it its OID.
func (c *change) create(r *catalog.Relation) {
	r.OID = c.cat.nextOID
	c.cat.nextOID++
	c.cat.add(r)
	c.rec.Create = append(c.rec.Create, r)
}

// nextOp gives out operator ids.
func (c *change) nextOp() uint64 {
	c.cat.nextOp++
	return c.cat.nextOp - 1
}

// commit makes the change durable, then true.
func (s *Server) commit(c *change) error {
	c.rec.NextOID, c.rec.NextOp = c.cat.nextOID, c.cat.nextOp
	payload, err := encodeJSON(&c.rec)
	if err != nil {
		return err
	}
	if err := s.checkStart(&c.rec, c.cat); err != nil {
		return err
	}
	pos, err := s.append(recordDDL, payload)
	if err != nil {
		return err
	}
	crashpoint.Hit(crashDDLLogged)
	err = s.applyDDL(pos, &c.rec)
	crashpoint.Hit(crashDDLApplied)
	if err != nil {
		return errors.Join(err, s.takeBack(&c.rec))
	}
	return s.confirm(s.closing, pos)
}

// takeBack drops what a logged change created and could not start, so that the
// log says what the client is told.
func (s *Server) takeBack(failed *ddlRecord) error {
	rec := ddlRecord{NextOID: failed.NextOID, NextOp: failed.NextOp}
	for _, r := range slices.Backward(failed.Create) {
		rec.Drop = append(rec.Drop, r.OID)
	}
	payload, err := encodeJSON(&rec)
	if err != nil {
		return err
	}
	pos, err := s.append(recordDDL, payload)
	if err != nil {
		return err
	}
	if err := s.applyDDL(pos, &rec); err != nil {
		return err
	}
	return s.confirm(s.closing, pos)
}

// checkStart builds what the new jobs need, so that what cannot be built is
// refused before it is logged.
func (s *Server) checkStart(rec *ddlRecord, cat *catalogView) error {
	for _, r := range rec.Create {
		if r.Kind == catalog.Source {
			if _, err := s.sourceSpec(cat, r); err != nil {
				return err
			}
		}
		if len(r.Plan) > 0 {
			spec, err := jobSpec(r)
			if err != nil {
				return err
			}
			if err := s.engine.Check(spec); err != nil {
				return err
			}
		}
	}
	return nil
}

// applyDDL carries out a logged change: at once after it was logged, or at
// recovery. A job that cannot be started yet, because what it reads is still
// catching up, is started by startMissing.
func (s *Server) applyDDL(pos uint64, rec *ddlRecord) error {
	was := s.catalog()
	cat := was.clone()
	rec.settle(cat)
	for _, oid := range rec.Drop {
		if err := s.engine.Drop(oid); err != nil {
			return err
		}
		s.forgetSource(oid)
		cat.remove(oid)
	}
	for _, r := range rec.Replace {
		cat.add(r)
	}
	for _, r := range rec.Create {
		cat.add(r)
	}
	for _, batch := range startOrder(rec.Create) {
		if err := s.startJobs(cat, batch); err != nil && !errors.Is(err, exec.ErrNotYet) {
			return err
		}
	}
	cat.logged = pos
	s.cat.Store(cat)
	s.auth.ForgetRelations(rec.Drop...)
	s.park(was, cat, pos)
	s.lookForMissing()
	return nil
}

// startOrder splits created relations into what begins together: each table by
// itself, then the views and sinks.
func startOrder(rels []*catalog.Relation) [][]*catalog.Relation {
	var batches [][]*catalog.Relation
	var jobs []*catalog.Relation
	for _, r := range rels {
		switch {
		case len(r.Plan) == 0:
		case r.Kind == catalog.Table:
			batches = append(batches, []*catalog.Relation{r})
		default:
			jobs = append(jobs, r)
		}
	}
	if len(jobs) > 0 {
		batches = append(batches, jobs)
	}
	return batches
}

func (s *Server) startJobs(cat *catalogView, rels []*catalog.Relation) error {
	from := map[uint32]source.Offsets{}
	var jobs []exec.JobSpec
	var sources []exec.SourceSpec
	for _, r := range rels {
		spec, err := jobSpec(r)
		if err != nil {
			return err
		}
		jobs = append(jobs, spec)
		for _, src := range sourcesOf(cat, spec.Plan) {
			if slices.ContainsFunc(sources, func(have exec.SourceSpec) bool { return have.Rel == src.OID }) {
				continue
			}
			ss, err := s.sourceSpec(cat, src)
			if err != nil {
				return err
			}
			sources = append(sources, ss)
			if at, notices, ok := s.startOf(src); ok {
				from[src.OID] = at
				ss.Notices = append(ss.Notices, notices...)
				sources[len(sources)-1] = ss
			}
		}
	}
	return s.engine.Start(jobs, sources, from)
}

// jobSpec reads the stored plan of a relation.
func jobSpec(r *catalog.Relation) (exec.JobSpec, error) {
	root, err := plan.Decode(r.Plan)
	if err != nil {
		return exec.JobSpec{}, err
	}
	return exec.JobSpec{Rel: r.OID, Name: r.Name, Plan: root, Table: r.Kind == catalog.Table}, nil
}

// sourcesOf are the source relations that a plan scans.
func sourcesOf(cat *catalogView, root plan.Node) []*catalog.Relation {
	var out []*catalog.Relation
	plan.Walk(root, func(n plan.Node) {
		if sc, ok := n.(*plan.Scan); ok {
			if r := cat.ByOID(sc.Rel); r != nil && r.Kind == catalog.Source && !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	})
	slices.SortFunc(out, func(a, b *catalog.Relation) int { return cmp.Compare(a.OID, b.OID) })
	return out
}

// resolveStarts asks the brokers where the sources of the new jobs start, so
// that it is decided once. A broker that does not answer in time decides when
// the job first reaches it.
func (s *Server) resolveStarts(ctx context.Context, c *change, root plan.Node) error {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	for _, r := range sourcesOf(c.cat, root) {
		if r.Start != nil {
			continue
		}
		spec, err := s.spec(r)
		if err != nil {
			return err
		}
		o, err := spec.Resolve(ctx.Done())
		if err != nil {
			e := pgerr.From(err)
			s.logger("jobs").Warn("source does not answer; its job waits", "source", r.Name, "error", cmp.Or(e.Detail, e.Message))
			continue
		}
		known := *r
		known.Start = o
		c.cat.add(&known)
		c.rec.Replace = append(c.rec.Replace, &known)
	}
	return nil
}

// exists deals with a name that is taken: skip is true when the statement has
// nothing to do.
func (s *Server) exists(env *ddlEnv, cat *catalogView, name ast.ObjectName, ifNot bool, definition string) (skip bool, err error) {
	schema, err := targetSchema(cat, name)
	if err != nil {
		return false, err
	}
	r := cat.Lookup(schema, name.Name, nil)
	if r == nil {
		return false, nil
	}
	if env.IdempotentFile {
		if r.Definition == definition {
			env.Notice(notice("relation %q already exists with this definition, skipping", name.Name))
			return true, nil
		}
		return false, pgerr.New(pgerr.DuplicateTable, "relation %q already exists with another definition", name.Name).
			WithDetail("It was created as: %s", r.Definition).
			WithHint("Drop it first, or give the new one another name.").At(name.Position())
	}
	if ifNot {
		n := notice("relation %q already exists, skipping", name.Name)
		n.Code = pgerr.DuplicateTable
		env.Notice(n)
		return true, nil
	}
	return false, pgerr.New(pgerr.DuplicateTable, "relation %q already exists", name.Name).At(0)
}

func notice(format string, args ...any) *pgerr.Error {
	n := pgerr.New("00000", format, args...)
	n.Severity = "NOTICE"
	return n
}

// targetSchema is where a new relation goes.
func targetSchema(cat *catalogView, name ast.ObjectName) (string, error) {
	switch {
	case name.Schema == "":
		return catalog.PublicSchema, nil
	case !cat.HasSchema(name.Schema):
		return "", pgerr.New(pgerr.InvalidSchemaName, "schema %q does not exist", name.Schema).At(name.Position())
	case name.Schema != catalog.PublicSchema:
		return "", pgerr.New(pgerr.InsufficientPrivilege, "permission denied for schema %s", name.Schema).At(name.Position())
	}
	return name.Schema, nil
}

// waitFilled waits until a job over tables and views has caught up. When the
// wait is given up the job goes on.
func (s *Server) waitFilled(ctx context.Context, rel uint32) error {
	err := s.engine.WaitFilled(rel, ctx.Done())
	if err != nil && errors.Is(err, exec.ErrStopped) {
		return context.Cause(ctx)
	}
	return err
}
