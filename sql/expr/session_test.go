package expr

import (
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// fakeSession knows one view, bids (16384), in public (2200).
type fakeSession struct{ set map[string]string }

func (s *fakeSession) Setting(n string) (string, bool) { v, ok := s.set[n]; return v, ok }
func (s *fakeSession) SetSetting(n, v string, _ bool) error {
	s.set[n] = v
	return nil
}
func (*fakeSession) User() string        { return "alice" }
func (*fakeSession) SessionUser() string { return "alice" }
func (*fakeSession) RoleOID(n string) uint32 {
	return map[string]uint32{"alice": 10, "bob": 11}[n]
}
func (*fakeSession) HasRole(member, role uint32) bool { return member == 0 && role == 10 }
func (*fakeSession) RelationPrivilege(role, rel uint32, p string) (has, ok bool) {
	return role != 11 && p == "SELECT" && rel == 16384, rel == 16384
}
func (*fakeSession) Database() string     { return "heliosdb" }
func (*fakeSession) SearchPath() []string { return []string{"public"} }
func (*fakeSession) TimeZone() string     { return "Europe/Berlin" }
func (*fakeSession) BackendPID() int32    { return 42 }
func (*fakeSession) SignalBackend(pid int32, terminate bool) (bool, error) {
	return pid == 42 && !terminate, nil
}
func (*fakeSession) RelationOID(schema, name string) uint32 {
	if name == "bids" && (schema == "" || schema == "public") {
		return 16384
	}
	return 0
}
func (*fakeSession) RelationName(oid uint32) (string, string, bool) {
	return "public", "bids", oid == 16384
}
func (*fakeSession) ViewDefinition(oid uint32) (string, bool) { return "SELECT 1;", oid == 16384 }
func (*fakeSession) IndexDefinition(uint32, int) (string, bool) {
	return "CREATE UNIQUE INDEX i ON t (a)", true
}
func (*fakeSession) ConstraintDefinition(uint32) (string, bool) { return "PRIMARY KEY (a)", true }
func (*fakeSession) Visible(oid uint32) bool                    { return oid == 16384 }
func (*fakeSession) RoleName(oid uint32) (string, bool)         { return "alice", oid == 10 }
func (*fakeSession) NamespaceName(oid uint32) (string, bool)    { return "public", oid == 2200 }
func (*fakeSession) ObjectText(fn string, oid uint32, sub int) (string, bool) {
	return map[string]string{"obj_description": "a table", "col_description": "a column"}[fn], oid == 16384
}
func (*fakeSession) FunctionOID(name string) uint32         { return map[string]uint32{"now": 1299}[name] }
func (*fakeSession) FunctionName(oid uint32) (string, bool) { return "now", oid == 1299 }
func (*fakeSession) NamespaceOID(name string) uint32 {
	if name == "public" {
		return 2200
	}
	return 0
}
func (*fakeSession) RelationBytes(uint32) (int64, bool) { return 123456, true }

// sessionCall makes a call of constants given as text.
func sessionCall(t *testing.T, id string, ret types.Type, args ...string) Expr {
	t.Helper()
	f := FuncByID(id)
	if f == nil {
		t.Fatalf("no function %s", id)
	}
	c := &Call{Fn: f, T: ret}
	if ret.OID == 0 {
		c.T = f.Ret
	}
	for i, a := range args {
		d, err := values.ParseDatum(f.Args[i], []byte(a), nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Args = append(c.Args, &Const{Value: d})
	}
	return c
}

func TestSessionFunctions(t *testing.T) {
	t.Parallel()
	s := &fakeSession{set: map[string]string{"server_version": "15.5", "search_path": "public"}}
	ctx := &Ctx{Session: s, Now: 0}
	for _, c := range []struct {
		id   string
		ret  types.Type
		args []string
		want string
	}{
		{"pgsql_version", types.Type{}, nil, "PostgreSQL 15.5 (HeliosDB Streaming)"},
		{"current_user", types.Type{}, nil, "alice"},
		{"current_schema", types.Type{}, nil, "public"},
		{"current_schemas", types.Type{}, []string{"t"}, "{pg_catalog,public}"},
		{"show_config_by_name", types.Type{}, []string{"SEARCH_PATH"}, "public"},
		{"set_config_by_name", types.Type{}, []string{"work_mem", "1MB", "f"}, "1MB"},
		{"pg_cancel_backend", types.Type{}, []string{"42"}, "t"},
		{"pg_terminate_backend", types.Type{}, []string{"42"}, "f"},
		{"pg_backend_pid", types.Type{}, nil, "42"},
		{"pg_get_userbyid", types.Type{}, []string{"10"}, "alice"},
		{"pg_get_userbyid", types.Type{}, []string{"11"}, "unknown (OID=11)"},
		{"pg_table_is_visible", types.Type{}, []string{"16384"}, "t"},
		{"pg_get_viewdef_ext", types.Type{}, []string{"16384", "t"}, "SELECT 1;"},
		{"pg_get_indexdef_ext", types.Type{}, []string{"7", "0", "t"}, "CREATE UNIQUE INDEX i ON t (a)"},
		{"format_type", types.Type{}, []string{"1043", "14"}, "character varying(10)"},
		{"format_type", types.Type{}, []string{"1231", "-1"}, "numeric[]"},
		{"has_table_privilege_text", types.Type{}, []string{"bids", "select"}, "t"},
		{"has_table_privilege_text", types.Type{}, []string{"bids", "insert, Select"}, "t"},
		{"has_table_privilege_text", types.Type{}, []string{"bids", "insert"}, "f"},
		{"has_table_privilege_text", types.Type{}, []string{"bids", "select with grant option"}, "f"},
		{"has_table_privilege_name_text", types.Type{}, []string{"bob", "bids", "select"}, "f"},
		{"has_table_privilege_name_oid", types.Type{}, []string{"alice", "16384", "select"}, "t"},
		{"has_column_privilege_text_text", types.Type{}, []string{"bids", "a", "select"}, "t"},
		{"pg_has_role_name", types.Type{}, []string{"alice", "USAGE"}, "t"},
		{"pg_has_role_name_name", types.Type{}, []string{"bob", "alice", "MEMBER"}, "f"},
		{"pg_total_relation_size", types.Type{}, []string{"16384"}, "123456"},
		{"io_from_text", types.RegClass, []string{"public.bids"}, "16384"},
		{"io_from_text", types.RegType, []string{"double precision[]"}, "1022"},
		{"io_from_text", types.RegNamespace, []string{"public"}, "2200"},
		{"io_from_text", types.Timestamptz, []string{"2024-07-01 12:00"}, "2024-07-01 10:00:00+00"},
		{"to_regclass", types.Type{}, []string{"\"bids\""}, "16384"},
		{"PG_encoding_to_char", types.Type{}, []string{"6"}, "UTF8"},
	} {
		d, err := EvalConst(ctx, sessionCall(t, c.id, c.ret, c.args...))
		if err != nil {
			t.Errorf("%s%q: %v", c.id, c.args, err)
			continue
		}
		if got := string(values.AppendDatumText(nil, d, nil)); got != c.want {
			t.Errorf("%s%q: got %s, want %s", c.id, c.args, got, c.want)
		}
	}
}

func TestSessionErrors(t *testing.T) {
	t.Parallel()
	ctx := &Ctx{Session: &fakeSession{set: map[string]string{}}}
	for _, c := range []struct {
		ctx  *Ctx
		e    Expr
		code string
	}{
		{ctx, sessionCall(t, "io_from_text", types.RegClass, "nope"), pgerr.UndefinedTable},
		{ctx, sessionCall(t, "io_from_text", types.RegType, "nope"), pgerr.UndefinedObject},
		{ctx, sessionCall(t, "show_config_by_name", types.Type{}, "nope"), pgerr.UndefinedObject},
		{&Ctx{}, sessionCall(t, "current_user", types.Type{}), pgerr.FeatureNotSupported},
	} {
		if _, err := EvalConst(c.ctx, c.e); !pgerr.Is(err, c.code) {
			t.Errorf("%s: got %v, want %s", String(c.e), err, c.code)
		}
	}
	d, err := EvalConst(ctx, sessionCall(t, "to_regclass", types.Type{}, "nope"))
	if err != nil || !d.Null {
		t.Errorf("to_regclass of nothing: %v, %v", d, err)
	}
	reg := &Call{Fn: ioToText, T: types.Text, Args: []Expr{&Const{Value: delta.IntOf(types.RegClass, 16384)}}}
	if d, err := EvalConst(ctx, reg); err != nil || string(d.S) != "bids" {
		t.Errorf("regclass as text: %q, %v", d.S, err)
	}
}
