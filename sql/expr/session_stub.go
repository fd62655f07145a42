package expr

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// Catalog functions whose answer is the same for every object here: there are
// no triggers, no privileges to withhold and nothing outside the
// search path but relations.

func init() {
	t, name, oid, b, i4 := types.Text, types.Name, types.Oid, types.Boolean, types.Int4
	null := retBytes(func(_ *row, dst []byte) ([]byte, error) { return dst, errNull })
	nothing := func(name, id string, args ...types.Type) { def(name, id, t, null, args...).stable() }
	about := func(fn, id string, args ...types.Type) {
		sessionText(fn, id, t, func(s Session, r *row) (string, error) {
			sub := 0
			if fn == "col_description" {
				sub = int(r.int(1))
			}
			return orNull(s.ObjectText(fn, uint32(r.int(0)), sub))
		}, args...)
	}
	about("obj_description", "obj_description", oid, name)
	about("obj_description", "obj_description_1", oid)
	about("col_description", "col_description", oid, i4)
	nothing("shobj_description", "shobj_description", oid, name)
	nothing("pg_get_partkeydef", "pg_get_partkeydef", oid)
	nothing("pg_get_partition_constraintdef", "pg_get_partition_constraintdef", oid)
	nothing("pg_get_statisticsobjdef", "pg_get_statisticsobjdef", oid)
	nothing("pg_get_statisticsobjdef_columns", "pg_get_statisticsobjdef_columns", oid)
	nothing("pg_get_ruledef", "pg_get_ruledef", oid)
	nothing("pg_get_ruledef", "pg_get_ruledef_ext", oid, b)
	nothing("pg_get_triggerdef", "pg_get_triggerdef", oid)
	nothing("pg_get_triggerdef", "pg_get_triggerdef_ext", oid, b)
	nothing("pg_get_functiondef", "pg_get_functiondef", oid)
	nothing("pg_get_serial_sequence", "pg_get_serial_sequence", t, t)
	for _, f := range []string{"arguments", "identity_arguments", "result"} {
		about("pg_get_function_"+f, "pg_get_function_"+f, oid)
	}
	nothing("pg_get_function_sqlbody", "pg_get_function_sqlbody", oid)
	nothing("pg_tablespace_location", "pg_tablespace_location", oid)

	always := func(v bool) kernel { return retBool(func(*row) (bool, error) { return v, nil }) }
	answer := func(v bool, name, id string, args ...types.Type) { def(name, id, b, always(v), args...).stable() }
	answer(false, "pg_is_in_recovery", "pg_is_in_recovery")
	answer(false, "pg_is_other_temp_schema", "pg_is_other_temp_schema", oid)
	answer(false, "pg_jit_available", "pg_jit_available")
	answer(false, "row_security_active", "row_security_active", oid)
	answer(false, "pg_column_is_updatable", "pg_column_is_updatable", types.RegClass, types.Int2, b)
	answer(false, "pg_relation_is_publishable", "pg_relation_is_publishable", types.RegClass)
	def("pg_my_temp_schema", "pg_my_temp_schema", oid, retInt(func(*row) (int64, error) { return 0, nil })).stable()
	def("pg_relation_is_updatable", "pg_relation_is_updatable", i4, retInt(func(*row) (int64, error) { return 0, nil }), types.RegClass, b).stable()
	for _, k := range []string{"function", "operator", "opclass", "opfamily", "collation", "conversion", "statistics_obj", "ts_config", "ts_dict", "ts_parser", "ts_template"} {
		answer(true, "pg_"+k+"_is_visible", "pg_"+k+"_is_visible", oid)
	}
	registerVisibility()
	registerPrivileges(always(true))
	registerTablePrivileges()
	registerRoles()
	def("getdatabaseencoding", "getdatabaseencoding", name, retString(func(*row) (string, error) { return "UTF8", nil })).stable()
	def("pg_encoding_to_char", "PG_encoding_to_char", name, retString(func(r *row) (string, error) {
		return map[int64]string{0: "SQL_ASCII", 6: "UTF8"}[r.int(0)], nil
	}), i4).stable()
	def("pg_char_to_encoding", "PG_char_to_encoding", i4, retInt(func(r *row) (int64, error) {
		if checkUTF8Name("source", r.text(0)) == nil {
			return 6, nil
		}
		return -1, nil
	}), name).stable()
}

func registerVisibility() {
	def("pg_table_is_visible", "pg_table_is_visible", types.Boolean, retBool(func(r *row) (bool, error) {
		s, err := r.session()
		if err != nil {
			return false, err
		}
		if _, _, ok := s.RelationName(uint32(r.int(0))); !ok {
			return false, errNull
		}
		return s.Visible(uint32(r.int(0))), nil
	}), types.Oid).stable()
	def("pg_type_is_visible", "pg_type_is_visible", types.Boolean, retBool(func(r *row) (bool, error) {
		if types.Lookup(uint32(r.int(0))) == nil {
			return false, errNull
		}
		return true, nil
	}), types.Oid).stable()
}

// registerPrivileges: everybody may use what is no relation. The object is a name
// or an OID, the user, when given, too.
func registerPrivileges(yes kernel) {
	t, name, oid := types.Text, types.Name, types.Oid
	add := func(fn string, args ...types.Type) {
		var id strings.Builder
		id.WriteString(fn)
		for _, a := range args[:len(args)-1] {
			id.WriteString("_" + a.Info().Name)
		}
		def(fn, id.String(), types.Boolean, yes, args...).stable()
	}
	for _, k := range []string{"schema", "database", "function", "type", "sequence", "tablespace", "language", "server", "foreign_data_wrapper"} {
		fn := "has_" + k + "_privilege"
		for _, object := range []types.Type{t, oid} {
			add(fn, object, t)
			add(fn, name, object, t)
			add(fn, oid, object, t)
		}
	}
}
