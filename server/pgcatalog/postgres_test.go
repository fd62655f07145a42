package pgcatalog

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/heliosdb/heliosdb-streaming/internal/testpg"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	cn, err := pgx.Connect(context.Background(), testpg.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cn.Close(context.Background()) })
	return cn
}

// texts runs a query of text columns on PostgreSQL.
func texts(t *testing.T, cn *pgx.Conn, sql string) [][]string {
	t.Helper()
	rows, err := cn.Query(context.Background(), sql, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out [][]string
	for rows.Next() {
		raw := rows.RawValues()
		row := make([]string, len(raw))
		for i, v := range raw {
			if row[i] = string(v); v == nil {
				row[i] = "∅"
			}
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// replacedTypes are the types of PostgreSQL's catalogs that the engine shows as
// another.
var replacedTypes = map[string]string{
	"pg_node_tree": "text", "inet": "text", "pg_lsn": "text", "anyarray": "text", "pg_ndistinct": "text", "pg_dependencies": "text",
	"pg_mcv_list": "text", "aclitem[]": "text[]", "pg_statistic[]": "text[]", "int2vector": "smallint[]", "oidvector": "oid[]", "xid": "bigint",
	"information_schema.sql_identifier": "name", "information_schema.character_data": "character varying",
	"information_schema.cardinal_number": "integer", "information_schema.yes_or_no": "character varying(3)",
	"information_schema.time_stamp": "timestamp with time zone",
}

// TestColumnsAgree compares every system relation that PostgreSQL has: OID,
// names, order, types and NOT NULL of its columns.
func TestColumnsAgree(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for _, r := range texts(t, connect(t), `SELECT n.nspname || '.' || c.relname, c.oid::int, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE a.attnum > 0 AND n.nspname IN ('pg_catalog', 'information_schema') AND c.relkind IN ('r', 'v') ORDER BY c.oid, a.attnum`) {
		typ := r[3]
		if s, ok := replacedTypes[typ]; ok {
			typ = s
		}
		want[r[0]] += fmt.Sprintf("%s %s %s; ", r[2], typ, r[4])
	}
	for _, r := range Relations() {
		if r.OID >= 16384 {
			t.Errorf("%s has OID %d, one of users", r.Name, r.OID)
		}
		if r.Schema == "heliosdb" {
			continue
		}
		got := ""
		for _, c := range r.Columns {
			got += fmt.Sprintf("%s %s %s; ", c.Name, c.Type, map[bool]string{true: "t", false: "f"}[c.NotNull])
		}
		if w := want[r.Schema+"."+r.Name]; got != w {
			t.Errorf("%s.%s\n want %s\n got  %s", r.Schema, r.Name, w, got)
		}
	}
}

// TestOIDsAgree: tables of pg_catalog have the OIDs that clients know by heart.
func TestOIDsAgree(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for _, r := range texts(t, connect(t), `SELECT relname, oid::int FROM pg_class WHERE relnamespace = 11 AND relkind = 'r'`) {
		want[r[0]] = r[1]
	}
	seen := map[uint32]string{}
	for _, r := range Relations() {
		if seen[r.OID] != "" {
			t.Errorf("%s and %s have OID %d", seen[r.OID], r.Name, r.OID)
		}
		seen[r.OID] = r.Name
		if w := want[r.Name]; r.Schema == "pg_catalog" && w != "" && w != fmt.Sprint(r.OID) {
			t.Errorf("%s has OID %d, want %s", r.Name, r.OID, w)
		}
	}
}

// TestTypesAgree compares pg_type row by row.
func TestTypesAgree(t *testing.T) {
	t.Parallel()
	cols := `oid::int, typname, typnamespace::int, typlen, typbyval, typtype, typcategory, typispreferred, typisdefined, typdelim, typrelid::int,
		typelem::int, typarray::int, typinput, typoutput, typreceive, typsend, typmodin, typmodout, typanalyze, typsubscript, typalign, typstorage, typnotnull,
		typbasetype::int, typtypmod, typndims, typcollation::int, typdefault`
	want := map[string]string{}
	for _, r := range texts(t, connect(t), "SELECT "+cols+" FROM pg_catalog.pg_type") {
		want[r[0]] = strings.Join(r, "|")
	}
	// The reg types of functions print as names in PostgreSQL, here by a join.
	env := newEnv(t)
	got, err := ask(env, "SELECT "+regprocText(cols)+" FROM pg_catalog.pg_type")
	if err != nil {
		t.Fatal(explain(err))
	}
	have := map[string]bool{}
	for _, r := range got.rows {
		have[r[0]] = true
		if g := strings.Join(r, "|"); g != want[r[0]] {
			t.Errorf("type %s\n want %s\n got  %s", r[1], want[r[0]], g)
		}
	}
	types.All(func(in *types.Info) {
		if !have[fmt.Sprint(in.OID)] {
			t.Errorf("type %s is not in pg_type", in.Name)
		}
	})
}

// regprocText casts the regproc columns, which the result's text shows as
// numbers otherwise.
func regprocText(cols string) string {
	for _, c := range []string{"typinput", "typoutput", "typreceive", "typsend", "typmodin", "typmodout", "typanalyze", "typsubscript"} {
		cols = strings.Replace(cols, c, c+"::text", 1)
	}
	return cols
}

// TestProcsAgree: functions that PostgreSQL has too have its OIDs.
func TestProcsAgree(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for _, r := range texts(t, connect(t), "SELECT proname || ' ' || proargtypes::text, oid::int FROM pg_catalog.pg_proc WHERE pronamespace = 11") {
		want[strings.TrimSpace(r[0])] = r[1]
	}
	same := 0
	for _, p := range procs().all {
		if w := want[p.signature()]; w != "" {
			same++
			if w != fmt.Sprint(p.oid) {
				t.Errorf("%s has OID %d, want %s", p.signature(), p.oid, w)
			}
		} else if p.oid < firstProcOID || p.oid >= 16384 {
			t.Errorf("%s, which PostgreSQL lacks, has OID %d", p.signature(), p.oid)
		}
	}
	t.Logf("%d functions, %d of them PostgreSQL's", len(procs().all), same)
}
