package expr

import (
	"encoding/binary"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

var nameArray = types.Type{OID: 1003, Mod: -1}

// session is the session, or 0A000 where there is none.
func (r *row) session() (Session, error) {
	if r.c.Session == nil {
		return nil, pgerr.Unsupported(0, "a function that reads the session in a materialized view")
	}
	return r.c.Session, nil
}

// sessionText registers a stable function of the session that gives a string.
func sessionText(name, id string, ret types.Type, f func(s Session, r *row) (string, error), args ...types.Type) *Func {
	return def(name, id, ret, retString(func(r *row) (string, error) {
		s, err := r.session()
		if err != nil {
			return "", err
		}
		return f(s, r)
	}), args...).stable()
}

func init() {
	t, name, oid, i4, b := types.Text, types.Name, types.Oid, types.Int4, types.Boolean
	sessionText("version", "pgsql_version", t, func(s Session, _ *row) (string, error) {
		v, _ := s.Setting("server_version")
		return "PostgreSQL " + v + " (HeliosDB Streaming)", nil
	})
	user := sessionText("current_user", "current_user", name, func(s Session, _ *row) (string, error) { return s.User(), nil })
	alias(user, "current_role", "user")
	sessionText("session_user", "session_user", name, func(s Session, _ *row) (string, error) { return s.SessionUser(), nil })
	alias(sessionText("current_database", "current_database", name, func(s Session, _ *row) (string, error) { return s.Database(), nil }), "current_catalog")
	sessionText("current_schema", "current_schema", name, func(s Session, _ *row) (string, error) {
		if p := s.SearchPath(); len(p) > 0 {
			return p[0], nil
		}
		return "", errNull
	})
	def("current_schemas", "current_schemas", nameArray, retBytes(currentSchemas), b).stable()
	def("pg_backend_pid", "pg_backend_pid", i4, retInt(func(r *row) (int64, error) {
		s, err := r.session()
		if err != nil {
			return 0, err
		}
		return int64(s.BackendPID()), nil
	})).stable()
	registerSignals()
	sessionText("current_setting", "show_config_by_name", t, func(s Session, r *row) (string, error) { return setting(s, r.text(0), false) }, t)
	sessionText("current_setting", "show_config_by_name_missing_ok", t, func(s Session, r *row) (string, error) { return setting(s, r.text(0), r.boolean(1)) }, t, b)
	sessionText("set_config", "set_config_by_name", t, setConfig, t, t, b).volatile().lax()
	sessionText("pg_get_userbyid", "pg_get_userbyid", name, func(s Session, r *row) (string, error) {
		if n, ok := s.RoleName(uint32(r.int(0))); ok {
			return n, nil
		}
		return "unknown (OID=" + num.FromInt64(r.int(0)).String() + ")", nil
	}, oid)
	sessionText("pg_client_encoding", "pg_client_encoding", name, func(s Session, _ *row) (string, error) { return "UTF8", nil })
	registerDefinitions()
	registerSizes()
}

// registerSignals adds what stops other sessions.
func registerSignals() {
	i4, i8, b := types.Int4, types.Int8, types.Boolean
	signal := func(terminate bool) kernel {
		return retBool(func(r *row) (bool, error) {
			s, err := r.session()
			if err != nil {
				return false, err
			}
			return s.SignalBackend(int32(r.int(0)), terminate)
		})
	}
	def("pg_cancel_backend", "pg_cancel_backend", b, signal(false), i4).volatile()
	def("pg_terminate_backend", "pg_terminate_backend", b, signal(true), i4).volatile()
	def("pg_terminate_backend", "pg_terminate_backend_timeout", b, signal(true), i4, i8).volatile()
}

func currentSchemas(r *row, dst []byte) ([]byte, error) {
	s, err := r.session()
	if err != nil {
		return dst, err
	}
	path := s.SearchPath()
	if r.boolean(0) {
		path = append([]string{"pg_catalog"}, path...)
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(path)))
	for _, p := range path {
		dst = appendElemText(dst, p)
	}
	return dst, nil
}

func setting(s Session, name string, missingOK bool) (string, error) {
	v, ok := s.Setting(strings.ToLower(name))
	switch {
	case ok:
		return v, nil
	case missingOK:
		return "", errNull
	}
	return "", pgerr.New(pgerr.UndefinedObject, "unrecognized configuration parameter \"%s\"", name)
}

func setConfig(s Session, r *row) (string, error) {
	if r.null(0) {
		return "", pgerr.New(pgerr.NullValueNotAllowed, "SET requires parameter name")
	}
	value := ""
	if !r.null(1) {
		value = r.text(1)
	}
	if err := s.SetSetting(strings.ToLower(r.text(0)), value, !r.null(2) && r.boolean(2)); err != nil {
		return "", err
	}
	return setting(s, r.text(0), true)
}

// orNull turns (text, found) into the result of a row function.
func orNull(v string, ok bool) (string, error) {
	if !ok {
		return "", errNull
	}
	return v, nil
}

// registerDefinitions adds what prints catalog objects.
func registerDefinitions() {
	t, oid, i4, b := types.Text, types.Oid, types.Int4, types.Boolean
	view := func(s Session, r *row) (string, error) { return orNull(s.ViewDefinition(uint32(r.int(0)))) }
	sessionText("pg_get_viewdef", "pg_get_viewdef", t, view, oid)
	sessionText("pg_get_viewdef", "pg_get_viewdef_ext", t, view, oid, b)
	sessionText("pg_get_viewdef", "pg_get_viewdef_wrap", t, view, oid, i4)
	sessionText("pg_get_indexdef", "pg_get_indexdef", t, func(s Session, r *row) (string, error) {
		return orNull(s.IndexDefinition(uint32(r.int(0)), 0))
	}, oid)
	sessionText("pg_get_indexdef", "pg_get_indexdef_ext", t, func(s Session, r *row) (string, error) {
		return orNull(s.IndexDefinition(uint32(r.int(0)), int(r.int(1))))
	}, oid, i4, b)
	constraint := func(s Session, r *row) (string, error) { return orNull(s.ConstraintDefinition(uint32(r.int(0)))) }
	sessionText("pg_get_constraintdef", "pg_get_constraintdef", t, constraint, oid)
	sessionText("pg_get_constraintdef", "pg_get_constraintdef_ext", t, constraint, oid, b)
	// Stored expressions are text already.
	expr := func(r *row, dst []byte) ([]byte, error) { return append(dst, r.bytes(0)...), nil }
	def("pg_get_expr", "pg_get_expr", t, retBytes(expr), t, oid).stable()
	def("pg_get_expr", "pg_get_expr_ext", t, retBytes(expr), t, oid, b).stable()
	def("format_type", "format_type", t, retString(formatType), oid, i4).stable().lax()
	def("pg_typeof", "pg_typeof", types.RegType, retInt(func(r *row) (int64, error) { return int64(r.args[0].T.OID), nil }), types.Any).stable().lax()
}

// formatType is the SQL spelling of a type; a NULL modifier means none.
func formatType(r *row) (string, error) {
	if r.null(0) {
		return "", errNull
	}
	t := types.Type{OID: uint32(r.int(0)), Mod: -1}
	if t.OID == 0 {
		return "-", nil
	}
	if !r.null(1) {
		t.Mod = int32(r.int(1))
	}
	return t.String(), nil
}

// registerSizes adds relation sizes; the size of a relation is its state.
func registerSizes() {
	size := func(name string, arg types.Type, more ...types.Type) {
		id := name
		if len(more) > 0 {
			id += "_fork"
		}
		def(name, id, types.Int8, retInt(func(r *row) (int64, error) {
			s, err := r.session()
			if err != nil {
				return 0, err
			}
			n, ok := s.RelationBytes(uint32(r.int(0)))
			if !ok {
				return 0, errNull
			}
			return n, nil
		}), append([]types.Type{arg}, more...)...).volatile()
	}
	for _, name := range []string{"pg_relation_size", "pg_table_size", "pg_total_relation_size"} {
		size(name, types.RegClass)
	}
	size("pg_relation_size", types.RegClass, types.Text)
	zero := retInt(func(*row) (int64, error) { return 0, nil })
	def("pg_indexes_size", "pg_indexes_size", types.Int8, zero, types.RegClass).volatile()
	database := retInt(func(r *row) (int64, error) {
		s, err := r.session()
		if err != nil {
			return 0, err
		}
		n, _ := s.RelationBytes(0)
		return n, nil
	})
	def("pg_database_size", "pg_database_size_oid", types.Int8, database, types.Oid).volatile()
	def("pg_database_size", "pg_database_size_name", types.Int8, database, types.Name).volatile()
	def("pg_size_pretty", "pg_size_pretty", types.Text, retString(func(r *row) (string, error) { return sizePretty(r.int(0)), nil }), types.Int8)
}

// sizePretty prints bytes with the largest unit that keeps it under 10 of the
// next, rounding half away from zero at each step.
func sizePretty(n int64) string {
	units := []struct {
		name  string
		limit int64
		shift uint // bits to the next unit; one bit is kept for rounding
		round bool
	}{{"bytes", 10 << 10, 9, false}, {"kB", 20<<10 - 1, 10, true}, {"MB", 20<<10 - 1, 10, true}, {"GB", 20<<10 - 1, 10, true},
		{"TB", 20<<10 - 1, 10, true}, {"PB", 20<<10 - 1, 10, true}}
	abs := func(x int64) uint64 {
		if x < 0 {
			return -uint64(x)
		}
		return uint64(x)
	}
	for i, u := range units {
		if i == len(units)-1 || abs(n) < uint64(u.limit) {
			if u.round {
				if n >= 0 {
					n = (n + 1) / 2
				} else {
					n = (n - 1) / 2
				}
			}
			return num.FromInt64(n).String() + " " + u.name
		}
		n /= 1 << u.shift
	}
	return ""
}
