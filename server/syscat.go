package server

import (
	"crypto/tls"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/pgwire"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
	"github.com/heliosdb/heliosdb-streaming/server/pgcatalog"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// systemRelations are the relations of pg_catalog, information_schema and
// heliosdb.
func systemRelations() []*catalog.Relation { return pgcatalog.Relations() }

// virtualRows gives the rows of a system relation to fn, in batches that are
// valid until fn returns. eq holds known equalities by column index, a hint.
func virtualRows(s *Server, sess *session, rel *catalog.Relation, eq map[int]delta.Datum, fn func(*delta.Batch) error) error {
	return pgcatalog.Rows(s.catalogEnv(sess), rel, eq, fn)
}

// catalogEnv is what the system relations show to a session.
func (s *Server) catalogEnv(x *session) *pgcatalog.Env {
	env := &pgcatalog.Env{
		SeesAll: s.auth.Can(x.who(), auth.Cancel),
		Catalog: s.catalog(), User: x.id.Name, Database: databaseName,
		Settings: x.shownSettings, Sessions: s.shownSessions, Cursors: x.shownCursors, Statements: x.shownStatements,
		Jobs: s.jobs, Operators: s.engine.Operators, DeadLetters: s.engine.DeadLetters,
		Checkpoint: s.shownCheckpoint, Memory: s.shownMemory, BucketCheckpoints: s.bucketCheckpoints,
	}
	if !s.auth.Disabled() {
		env.Users, env.Roles, env.Grants = s.auth.Users, s.auth.Roles, s.auth.Grants
	}
	return env
}

func (x *session) shownSettings() []pgcatalog.Setting {
	out := make([]pgcatalog.Setting, 0, len(parameterList))
	for i := range parameterList {
		p := &parameterList[i]
		low := strings.ToLower(p.name)
		st := pgcatalog.Setting{Name: p.name, Description: p.about, Boot: p.def, Context: "user"}
		st.Reset, _ = x.settings.initial(low)
		st.Type, st.Unit, st.Values = settingType(p.kind)
		if st.Type == "integer" {
			st.Value, _ = x.settings.get(low) // the number alone, in the parameter's unit
		} else {
			st.Value, _ = x.setting(low)
		}
		if p.fixed {
			st.Context = "internal"
		}
		out = append(out, st)
	}
	return out
}

// settingType is pg_settings.vartype, unit and enumvals of a kind of parameter.
func settingType(k paramKind) (vartype, unit string, values []string) {
	switch k := k.(type) {
	case boolean:
		return "bool", "", nil
	case enum:
		return "enum", "", k
	case only:
		return "enum", "", append([]string{k.value}, k.others...)
	case integer:
		return "integer", k.unit.base, nil
	case real:
		return "real", "", nil
	}
	return "string", "", nil
}

func (s *Server) shownSessions() []pgcatalog.Session {
	var out []pgcatalog.Session
	for _, x := range s.sessions.all() {
		a := x.activity()
		out = append(out, pgcatalog.Session{
			PID: x.pid, User: x.id.Name, Application: a.Application, Remote: x.remote, State: a.State, Query: a.Query,
			Began: x.began, XactStart: a.XactStart, QueryStart: a.QueryStart, StateChange: a.StateChange,
			TLS: shownTLS(x.tls),
		})
	}
	return out
}

func shownTLS(t *pgwire.TLS) *pgcatalog.TLS {
	if t == nil {
		return nil
	}
	out := &pgcatalog.TLS{Version: strings.Replace(tls.VersionName(t.State.Version), " ", "v", 1), Cipher: tls.CipherSuiteName(t.State.CipherSuite), Bits: 128}
	if strings.Contains(out.Cipher, "_256_") || strings.Contains(out.Cipher, "CHACHA20") {
		out.Bits = 256
	}
	if len(t.State.VerifiedChains) > 0 {
		out.ClientDN = t.State.VerifiedChains[0][0].Subject.String()
	}
	return out
}

func (x *session) shownCursors() []pgcatalog.Cursor {
	var out []pgcatalog.Cursor
	for _, c := range x.cursors {
		out = append(out, pgcatalog.Cursor{Name: c.name, Statement: c.query, Hold: c.hold, Scrollable: c.scroll, Created: c.opened})
	}
	return out
}

func (x *session) shownStatements() []pgcatalog.Statement {
	var out []pgcatalog.Statement
	for _, p := range x.conn.Statements().All() {
		out = append(out, pgcatalog.Statement{Name: p.Name, Query: p.Query, Prepared: p.Prepared, Params: p.Params, FromSQL: p.FromSQL})
	}
	return out
}

func (s *Server) shownCheckpoint() pgcatalog.Checkpoint {
	c := s.LastCheckpoint()
	out := pgcatalog.Checkpoint{Epoch: c.Epoch, At: c.At, Duration: c.Duration, Stall: c.Stall, Failures: c.Failures}
	if c.Err != nil {
		out.LastError = c.Err.Error()
	}
	return out
}

// shownMemory is what the process uses, in all and where.
func (s *Server) shownMemory() []pgcatalog.MemoryArea {
	return []pgcatalog.MemoryArea{
		{Area: "resident", Bytes: residentBytes(), Limit: s.budget.Limit()},
		{Area: "state", Bytes: s.pool.Bytes()},
		{Area: "queries", Bytes: s.budget.Used()},
		{Area: "disk", Bytes: s.store.DiskBytes()},
	}
}
