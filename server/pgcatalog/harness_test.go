package pgcatalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/memory"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/planner"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
	"github.com/heliosdb/heliosdb-streaming/sql/parse"
)

// testCatalog is a catalog with the system relations and a few of each kind.
type testCatalog struct{ rels []*catalog.Relation }

func newTestCatalog() *testCatalog {
	col := func(name string, t types.Type) catalog.Column { return catalog.Column{Name: name, Type: t} }
	textArray, _ := types.Text.ArrayOf()
	id := catalog.Column{Name: "id", Type: types.Int8, NotNull: true}
	name := catalog.Column{Name: "name", Type: types.VarcharOf(40), NotNull: true}
	balance := catalog.Column{Name: "balance", Type: types.NumericOf(10, 2), Default: "0"}
	user := []*catalog.Relation{
		{Name: "customers", Kind: catalog.Table, PrimaryKey: []int{0}, Key: []int{0}, Comment: "who buys",
			Columns: []catalog.Column{id, name, balance, col("tags", textArray), col("since", types.Timestamptz)}},
		{Name: "events", Kind: catalog.Table,
			Columns: []catalog.Column{col("device", types.Int4), col("at", types.Type{OID: types.OIDTimestamp, Mod: 3}), col("value", types.Float8), col("note", types.Text)}},
		{Name: "bids", Kind: catalog.Source, Watermarks: []catalog.Watermark{{Column: 3, Expr: "ts - INTERVAL '5 seconds'"}}, Options: map[string]string{"connector": "kafka", "topic": "bids", "properties.sasl.password": "hush"},
			Columns: []catalog.Column{col("auction", types.Int8), col("bidder", types.Int8), col("price", types.Numeric), col("ts", types.Timestamptz), {Name: "_key", Type: types.Bytea, Include: "key"}}},
		{Name: "rich", Kind: catalog.View, Query: "select id, name from customers where balance > 100", DependsOn: []uint32{16384},
			Columns: []catalog.Column{col("id", types.Int8), col("name", types.VarcharOf(40))}},
		{Name: "by_device", Kind: catalog.MaterializedView, Key: []int{0}, DependsOn: []uint32{16385}, Comment: "one row a device",
			Query:   "select device, count(*) as n, max(value) as top from events group by device",
			Columns: []catalog.Column{col("device", types.Int4), col("n", types.Int8), col("top", types.Float8)}},
		{Name: "drain", Kind: catalog.Sink, Options: map[string]string{"connector": "blackhole"}, DependsOn: []uint32{16384}, Columns: []catalog.Column{id}},
	}
	c := &testCatalog{rels: slices.Clone(Relations())}
	for i, r := range user {
		r.OID, r.Schema = catalog.FirstUserOID+uint32(i), catalog.PublicSchema
		c.rels = append(c.rels, r)
	}
	slices.SortFunc(c.rels, func(a, b *catalog.Relation) int { return cmp.Compare(a.OID, b.OID) })
	return c
}

func (c *testCatalog) Lookup(schema, name string, path []string) *catalog.Relation {
	schemas := []string{schema}
	if schema == "" {
		schemas = append([]string{catalog.PgCatalog}, path...)
	}
	for _, s := range schemas {
		for _, r := range c.rels {
			if r.Schema == s && r.Name == name {
				return r
			}
		}
	}
	return nil
}

func (c *testCatalog) ByOID(oid uint32) *catalog.Relation {
	i, ok := slices.BinarySearchFunc(c.rels, oid, func(r *catalog.Relation, oid uint32) int { return cmp.Compare(r.OID, oid) })
	if !ok {
		return nil
	}
	return c.rels[i]
}

func (c *testCatalog) Relations() []*catalog.Relation { return c.rels }
func (c *testCatalog) HasSchema(name string) bool     { return NamespaceOID(name) != 0 }

// fakeEnv has something to show in every relation.
func fakeEnv(cat catalog.Reader) *Env {
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	partition, offset := int32(1), int64(77)
	return &Env{
		Catalog: cat, User: "ada", Database: "heliosdb", Started: at,
		Settings: func() []Setting {
			return []Setting{
				{Name: "TimeZone", Value: "UTC", Boot: "UTC", Reset: "UTC", Type: "string", Context: "user"},
				{Name: "statement_timeout", Value: "1000", Boot: "0", Reset: "0", Type: "integer", Unit: "ms", Context: "user"},
				{Name: "log_statement", Value: "none", Boot: "none", Reset: "none", Type: "enum", Context: "user", Values: []string{"none", "all"}},
			}
		},
		Sessions: func() []Session {
			return []Session{{PID: 7, User: "ada", Application: "psql", Remote: "127.0.0.1:4000", State: "active", Query: "SELECT 1", Began: at, QueryStart: at, StateChange: at}}
		},
		Cursors: func() []Cursor { return []Cursor{{Name: "c", Statement: "DECLARE c CURSOR FOR SELECT 1", Created: at}} },
		Statements: func() []Statement {
			return []Statement{{Name: "p", Query: "PREPARE p(int) AS SELECT $1", Prepared: at, Params: []uint32{types.OIDInt4}, FromSQL: true}}
		},
		Jobs: func() []exec.JobStatus {
			return []exec.JobStatus{
				{Rel: 16388, Name: "by_device", Graph: 1, Step: 42, State: "failed", Err: errors.New("disk full"), Progress: 1, Rows: 3, Bytes: 4096, Notices: []string{"starts late"},
					Sources: []exec.SourceStatus{{Rel: 16386, Offsets: source.Offsets{0: 5}, End: source.Offsets{0: 9, 1: 2}, Lag: 6, Watermark: exec.NoWatermark, Idle: []int32{1}, Rows: 5}}},
				{Rel: 16389, Name: "drain", Graph: 2, State: "running", Progress: 1},
			}
		},
		Operators: func() []exec.OperatorStatus {
			return []exec.OperatorStatus{{Job: 16388, ID: 3, Kind: "Aggregate", RowsIn: 10, RowsOut: 4, Late: 1, Rows: 3, Bytes: 512}}
		},
		DeadLetters: func() []exec.DeadLetter {
			return []exec.DeadLetter{
				{Rel: 16386, Partition: &partition, Offset: &offset, Time: 1, Error: "unexpected end", Payload: []byte(`{"a":`), Count: 1},
				{Rel: 16388, Code: "22012", Error: "division by zero", Payload: []byte("(1,0)"), Count: 2},
			}
		},
		Checkpoint: func() Checkpoint {
			return Checkpoint{Epoch: 12, At: at, Duration: 1500 * time.Millisecond, Stall: 3 * time.Millisecond, Failures: 1, LastError: "full"}
		},
		Memory: func() []MemoryArea { return []MemoryArea{{"resident", 1 << 20, 1 << 30}, {"state", 4096, 0}} },
	}
}

// session answers what expressions ask, as the server's does.
type session struct{ env *Env }

var _ expr.Session = session{}

func (s session) Setting(name string) (string, bool) {
	v, ok := map[string]string{"server_version": "15.18", "server_version_num": "150018", "timezone": "UTC", "search_path": "public", "statement_timeout": "1s", "default_table_access_method": "heap", "jit": "off"}[name]
	return v, ok
}
func (s session) SetSetting(string, string, bool) error { return nil }
func (s session) User() string                          { return s.env.User }
func (s session) SessionUser() string                   { return s.env.User }
func (s session) RoleOID(name string) uint32            { return s.env.userOID(name) }
func (s session) HasRole(uint32, uint32) bool           { return true }
func (s session) Database() string                      { return s.env.Database }
func (s session) RelationPrivilege(_, rel uint32, _ string) (has, ok bool) {
	ok = s.env.Catalog.ByOID(rel) != nil
	return ok, ok
}
func (s session) SearchPath() []string { return []string{"public"} }
func (s session) TimeZone() string     { return "UTC" }
func (s session) BackendPID() int32    { return 7 }
func (s session) SignalBackend(int32, bool) (bool, error) {
	return false, nil
}
func (s session) RelationOID(schema, name string) uint32 {
	return RelationOID(s.env.Catalog, schema, name, s.SearchPath())
}
func (s session) RelationName(oid uint32) (string, string, bool) {
	schema, name, ok := RelationName(s.env.Catalog, oid)
	if ok && s.Visible(oid) {
		schema = ""
	}
	return schema, name, ok
}
func (s session) ViewDefinition(oid uint32) (string, bool) {
	r := s.env.Catalog.ByOID(oid)
	if r == nil || r.Query == "" {
		return "", false
	}
	return " " + r.Query + ";", true
}
func (s session) IndexDefinition(oid uint32, column int) (string, bool) {
	return IndexDefinition(s.env.Catalog, oid, column)
}
func (s session) ConstraintDefinition(oid uint32) (string, bool) {
	return ConstraintDefinition(s.env.Catalog, oid)
}
func (s session) Visible(oid uint32) bool {
	_, name, ok := RelationName(s.env.Catalog, oid)
	return ok && s.RelationOID("", name) == oid
}
func (s session) RoleName(oid uint32) (string, bool)      { return s.env.User, oid == ownerOID }
func (s session) NamespaceName(oid uint32) (string, bool) { return NamespaceName(oid) }
func (s session) ObjectText(fn string, oid uint32, sub int) (string, bool) {
	return ObjectText(s.env.Catalog, fn, oid, sub)
}
func (s session) FunctionOID(name string) uint32         { return FunctionOID(name) }
func (s session) FunctionName(oid uint32) (string, bool) { return FunctionName(oid) }
func (s session) NamespaceOID(name string) uint32        { return NamespaceOID(name) }
func (s session) RelationBytes(uint32) (int64, bool)     { return 8192, true }

// rowsOf gives the system relations to a query.
type rowsOf struct{ env *Env }

var _ exec.Relations = rowsOf{}

func (r rowsOf) Scan(_ context.Context, n *plan.Scan, eq []delta.Datum, push exec.Emit) error {
	rel := r.env.Catalog.ByOID(n.Rel)
	by := map[int]delta.Datum{}
	for i, d := range eq {
		by[rel.PrimaryKey[i]] = d
	}
	return Rows(r.env, rel, by, func(b *delta.Batch) error {
		out := &delta.Batch{W: b.W, N: b.N}
		for _, c := range n.Take {
			out.Cols = append(out.Cols, b.Cols[c])
		}
		return push(out)
	})
}

// result is the text of a query's columns and rows.
type result struct {
	names []string
	rows  [][]string // "∅" is NULL
}

// ask runs one SELECT over the system relations.
func ask(env *Env, sql string) (*result, error) {
	stmts, err := parse.Parse(sql)
	if err != nil {
		return nil, err
	}
	if len(stmts) != 1 {
		return nil, fmt.Errorf("%d statements", len(stmts))
	}
	sel, ok := stmts[0].AST.(*ast.SelectStmt)
	if !ok {
		return nil, fmt.Errorf("a %T", stmts[0].AST)
	}
	s := session{env}
	now := exec.Micros(time.Now())
	res, err := planner.Query(&planner.Options{SearchPath: s.SearchPath(), Session: s, Now: now}, sel.Query, env.Catalog)
	if err != nil {
		return nil, err
	}
	out := &result{}
	for _, c := range res.Root.Base().Cols {
		out.names = append(out.names, c.Name)
	}
	mem := memory.NewBudget(1<<30, func() int64 { return 0 }).Reserve()
	defer mem.Release()
	opts := values.DefaultOpts
	for b, err := range exec.Query(context.Background(), res.Root, &exec.QueryEnv{Relations: rowsOf{env}, Session: s, Now: now, Memory: mem}) {
		if err != nil {
			return nil, err
		}
		for i := range b.N {
			row := make([]string, len(b.Cols))
			for k, v := range b.Cols {
				if row[k] = "∅"; !v.IsNull(i) {
					row[k] = regText(s, v, i, &opts)
				}
			}
			for range b.Weight(i) {
				out.rows = append(out.rows, row)
			}
		}
	}
	return out, nil
}

// regText prints regclass by name, the rest as values does.
func regText(s session, v *delta.Vec, i int, o *values.TextOpts) string {
	if v.T.OID == types.OIDRegClass {
		if _, name, ok := s.RelationName(uint32(v.I[i])); ok {
			return name
		}
	}
	return string(values.AppendText(nil, v, i, o))
}

// String is the result as a table.
func (r *result) String() string {
	var b strings.Builder
	b.WriteString(strings.Join(r.names, " | ") + "\n")
	for _, row := range r.rows {
		b.WriteString(strings.ReplaceAll(strings.Join(row, " | "), "\n", "↵") + "\n")
	}
	return b.String()
}

func newEnv(t testing.TB) *Env {
	t.Helper()
	return fakeEnv(newTestCatalog())
}

// explain is an error with what PostgreSQL's protocol would say.
func explain(err error) string {
	e := pgerr.From(err)
	return fmt.Sprintf("%s %s (at %d) %s", e.Code, e.Message, e.Pos, e.Hint)
}
