package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// drop carries out DROP.
func (s *Server) drop(_ context.Context, env *ddlEnv, st *ast.Drop) error {
	s.ddl.Lock()
	defer s.ddl.Unlock()
	c := s.begin()
	var targets []*catalog.Relation
	for _, name := range st.Names {
		r, err := s.toDrop(env, c.cat, st, name)
		if err != nil {
			return err
		}
		if r != nil && !slices.Contains(targets, r) {
			targets = append(targets, r)
		}
	}
	if len(targets) == 0 {
		return nil
	}
	gone, deps := slices.Clone(targets), []dependency(nil)
	for _, r := range targets {
		gone, deps = withDependents(c.cat, r, gone, deps)
	}
	if len(deps) > 0 {
		if !st.Cascade {
			return stillNeeded(targets, deps)
		}
		env.Notice(cascades(deps))
	}
	// What depends on a relation was created after it.
	slices.SortFunc(gone, func(a, b *catalog.Relation) int { return cmp.Compare(b.OID, a.OID) })
	for _, r := range gone {
		c.cat.remove(r.OID)
		c.rec.Drop = append(c.rec.Drop, r.OID)
	}
	return s.commit(c)
}

// dependency says that rel reads on.
type dependency struct{ rel, on *catalog.Relation }

// withDependents adds what reads r, directly or through others, to gone.
func withDependents(cat *catalogView, r *catalog.Relation, gone []*catalog.Relation, deps []dependency) ([]*catalog.Relation, []dependency) {
	for _, d := range cat.dependents(r.OID) {
		if slices.Contains(gone, d) {
			continue
		}
		gone, deps = append(gone, d), append(deps, dependency{d, r})
		gone, deps = withDependents(cat, d, gone, deps)
	}
	return gone, deps
}

// describe is a relation in messages about dependencies.
func describe(r *catalog.Relation) string { return lowerWord(r.Kind) + " " + r.Name }

// stillNeeded is PostgreSQL's error of DROP without CASCADE.
func stillNeeded(targets []*catalog.Relation, deps []dependency) error {
	e := pgerr.New(pgerr.DependentObjectsStillExist, "cannot drop %s because other objects depend on it", describe(targets[0]))
	if len(targets) > 1 {
		e.Message = "cannot drop desired object(s) because other objects depend on them"
	}
	var lines []string
	for _, d := range deps {
		lines = append(lines, fmt.Sprintf("%s depends on %s", describe(d.rel), describe(d.on)))
	}
	return e.WithDetail("%s", strings.Join(lines, "\n")).WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
}

// cascades is PostgreSQL's notice of DROP CASCADE: one for all objects.
func cascades(deps []dependency) *pgerr.Error {
	if len(deps) == 1 {
		return notice("drop cascades to %s", describe(deps[0].rel))
	}
	var lines []string
	for _, d := range deps {
		lines = append(lines, "drop cascades to "+describe(d.rel))
	}
	return notice("drop cascades to %d other objects", len(deps)).WithDetail("%s", strings.Join(lines, "\n"))
}

// toDrop finds the relation; nil with IF EXISTS and none.
func (s *Server) toDrop(env *ddlEnv, cat *catalogView, st *ast.Drop, name ast.ObjectName) (*catalog.Relation, error) {
	r := cat.Lookup(name.Schema, name.Name, env.Path)
	word := kindWords[st.Kind]
	switch {
	case r == nil && st.IfExists:
		env.Notice(notice("%s %q does not exist, skipping", word, name.Name))
		return nil, nil
	case r == nil:
		return nil, pgerr.New(pgerr.UndefinedTable, "%s %q does not exist", word, name.Name)
	case r.Kind == catalog.Virtual:
		return nil, pgerr.New(pgerr.InsufficientPrivilege, "permission denied: %q is a system catalog", r.Name)
	case dropKinds[st.Kind] != r.Kind:
		return nil, pgerr.New(pgerr.WrongObjectType, "%q is not a %s", r.Name, word).
			WithHint("Use DROP %s to remove a %s.", relationWord(r.Kind), lowerWord(r.Kind))
	}
	return r, nil
}

var kindWords = map[ast.ObjectKind]string{
	ast.KindTable: "table", ast.KindSource: "source", ast.KindView: "view",
	ast.KindMaterializedView: "materialized view", ast.KindSink: "sink",
}

var dropKinds = map[ast.ObjectKind]catalog.Kind{
	ast.KindTable: catalog.Table, ast.KindSource: catalog.Source, ast.KindView: catalog.View,
	ast.KindMaterializedView: catalog.MaterializedView, ast.KindSink: catalog.Sink,
}

// lowerWord is a relation's kind in messages, relationWord in statements.
func lowerWord(k catalog.Kind) string {
	switch k {
	case catalog.Table:
		return "table"
	case catalog.Source:
		return "source"
	case catalog.View:
		return "view"
	case catalog.MaterializedView:
		return "materialized view"
	case catalog.Sink:
		return "sink"
	}
	return "relation"
}

func relationWord(k catalog.Kind) string {
	switch k {
	case catalog.Table:
		return "TABLE"
	case catalog.Source:
		return "SOURCE"
	case catalog.View:
		return "VIEW"
	case catalog.MaterializedView:
		return "MATERIALIZED VIEW"
	}
	return "SINK"
}
