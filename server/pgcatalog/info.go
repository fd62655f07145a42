package pgcatalog

import (
	"strconv"

	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// information_schema. Materialized views are listed in tables and columns too,
// with a table_type of their own: PostgreSQL leaves them out, and clients that
// look here would find none of the answers the engine keeps.

func yesNo(b bool) string {
	if b {
		return "YES"
	}
	return "NO"
}

func infoCatalogName(w *writer, e *Env) { w.row(cells{"catalog_name": e.Database}) }

func infoSchemata(w *writer, e *Env) {
	for _, n := range schemaList {
		w.row(cells{"catalog_name": e.Database, "schema_name": n.name, "schema_owner": e.owner()})
	}
}

// infoRelations are the relations that information_schema shows.
func (e *Env) infoRelations() []*catalog.Relation {
	all := append([]*catalog.Relation(nil), relations...)
	return append(all, e.user(nil)...)
}

// infoTableTypes are tables.table_type by pg_class.relkind.
var infoTableTypes = map[string]string{"r": "BASE TABLE", "v": "VIEW", "f": "FOREIGN", "m": "MATERIALIZED VIEW"}

func infoTables(w *writer, e *Env) {
	for _, r := range e.infoRelations() {
		w.row(cells{
			"table_catalog": e.Database, "table_schema": r.Schema, "table_name": r.Name, "table_type": infoTableTypes[relkind(r)],
			"is_insertable_into": yesNo(r.Kind == catalog.Table), "is_typed": "NO",
		})
	}
}

func infoForeignTables(w *writer, e *Env) {
	for _, r := range e.listed(catalog.Source) {
		w.row(cells{
			"foreign_table_catalog": e.Database, "foreign_table_schema": r.Schema, "foreign_table_name": r.Name,
			"foreign_server_catalog": e.Database, "foreign_server_name": r.Options["connector"],
		})
	}
}

func infoViews(w *writer, e *Env) {
	for _, r := range append(systemOf("v"), e.listed(catalog.View)...) {
		w.row(cells{
			"table_catalog": e.Database, "table_schema": r.Schema, "table_name": r.Name, "view_definition": orNull(viewText(r)),
			"check_option": "NONE", "is_updatable": "NO", "is_insertable_into": "NO", "is_trigger_updatable": "NO",
			"is_trigger_deletable": "NO", "is_trigger_insertable_into": "NO",
		})
	}
}

func infoColumns(w *writer, e *Env) {
	for _, r := range e.infoRelations() {
		for i := range r.Columns {
			w.row(e.infoColumn(r, i))
		}
	}
}

func (e *Env) infoColumn(r *catalog.Relation, i int) cells {
	col := &r.Columns[i]
	c := cells{
		"table_catalog": e.Database, "table_schema": r.Schema, "table_name": r.Name, "column_name": col.Name,
		"ordinal_position": i + 1, "is_nullable": yesNo(!col.NotNull), "data_type": infoType(col.Type),
		"udt_catalog": e.Database, "udt_schema": catalog.PgCatalog, "udt_name": col.Type.Info().Name,
		"dtd_identifier": strconv.Itoa(i + 1), "is_self_referencing": "NO", "is_identity": "NO", "identity_cycle": "NO",
		"is_generated": "NEVER", "is_updatable": yesNo(r.Kind == catalog.Table),
	}
	switch {
	case col.Generated != "":
		c["is_generated"], c["generation_expression"] = "ALWAYS", col.Generated
	case col.Default != "":
		c["column_default"] = col.Default
	}
	infoLengths(c, col.Type)
	return c
}

func infoType(t types.Type) string {
	if t.IsArray() {
		return "ARRAY"
	}
	return t.Base().String()
}

// infoLengths adds lengths and precisions of a type.
func infoLengths(c cells, t types.Type) {
	number := func(precision, radix, scale int) {
		c["numeric_precision"], c["numeric_precision_radix"], c["numeric_scale"] = precision, radix, scale
	}
	switch t.OID {
	case types.OIDInt2:
		number(16, 2, 0)
	case types.OIDInt4:
		number(32, 2, 0)
	case types.OIDInt8:
		number(64, 2, 0)
	case types.OIDFloat4:
		c["numeric_precision"], c["numeric_precision_radix"] = 24, 2
	case types.OIDFloat8:
		c["numeric_precision"], c["numeric_precision_radix"] = 53, 2
	case types.OIDNumeric:
		c["numeric_precision_radix"] = 10
		if t.Mod >= 0 {
			p, s := t.PrecisionScale()
			number(p, 10, s)
		}
	case types.OIDText:
		c["character_octet_length"] = 1 << 30
	case types.OIDVarchar:
		c["character_octet_length"] = 1 << 30
		if t.Mod >= 0 {
			c["character_maximum_length"], c["character_octet_length"] = t.Mod-4, 4*(t.Mod-4)
		}
	case types.OIDDate:
		c["datetime_precision"] = 0
	case types.OIDTimestamp, types.OIDTimestamptz, types.OIDInterval:
		c["datetime_precision"] = 6
		if t.Mod >= 0 && t.OID != types.OIDInterval {
			c["datetime_precision"] = t.Mod
		}
	}
}

// keys lists the constraints: the primary keys.
func (e *Env) keys() []*index {
	var out []*index
	for _, x := range e.indexes(nil) {
		if x.primary {
			out = append(out, x)
		}
	}
	return out
}

// keyCells are what the views of constraints have in common.
func (e *Env) keyCells(x *index, more cells) cells {
	c := cells{
		"constraint_catalog": e.Database, "constraint_schema": x.rel.Schema, "constraint_name": x.name,
		"table_catalog": e.Database, "table_schema": x.rel.Schema, "table_name": x.rel.Name,
	}
	for k, v := range more {
		c[k] = v
	}
	return c
}

func infoTableConstraints(w *writer, e *Env) {
	for _, x := range e.keys() {
		w.row(e.keyCells(x, cells{"constraint_type": "PRIMARY KEY", "is_deferrable": "NO", "initially_deferred": "NO", "enforced": "YES"}))
	}
}

func infoKeyColumns(w *writer, e *Env) {
	for _, x := range e.keys() {
		for i, c := range x.cols {
			w.row(e.keyCells(x, cells{"column_name": x.rel.Columns[c].Name, "ordinal_position": i + 1}))
		}
	}
}

func infoConstraintColumns(w *writer, e *Env) {
	for _, x := range e.keys() {
		for _, c := range x.cols {
			w.row(e.keyCells(x, cells{"column_name": x.rel.Columns[c].Name}))
		}
	}
}

func infoConstraintTables(w *writer, e *Env) {
	for _, x := range e.keys() {
		w.row(e.keyCells(x, nil))
	}
}

func infoCharacterSets(w *writer, e *Env) {
	w.row(cells{
		"character_set_name": "UTF8", "character_repertoire": "UCS", "form_of_use": "UTF8",
		"default_collate_catalog": e.Database, "default_collate_schema": catalog.PgCatalog, "default_collate_name": "C",
	})
}

// privileges are what the one role may do, by relkind.
var privileges = map[string][]string{
	"r": {"INSERT", "SELECT", "UPDATE", "DELETE"}, "v": {"SELECT"}, "f": {"SELECT"}, "m": {"SELECT"},
}

func infoTablePrivileges(w *writer, e *Env) {
	granted := map[uint32][]auth.GrantInfo{}
	for _, g := range call(e.Grants) {
		granted[g.OID] = append(granted[g.OID], g)
	}
	for _, r := range e.user(nil) {
		row := func(grantee, p string, owner bool) {
			w.row(cells{
				"grantor": e.owner(), "grantee": grantee, "table_catalog": e.Database, "table_schema": r.Schema, "table_name": r.Name,
				"privilege_type": p, "is_grantable": yesNo(owner), "with_hierarchy": yesNo(p == "SELECT"),
			})
		}
		for _, p := range privileges[relkind(r)] {
			row(e.owner(), p, true)
		}
		for _, g := range granted[r.OID] {
			name := e.granteeName(g.To)
			if name == "" {
				name = "PUBLIC"
			}
			for _, p := range g.Privileges.Names() {
				row(name, p, false)
			}
		}
	}
}

// infoRoles are the user and the roles that it has.
func infoRoles(w *writer, e *Env) {
	me, ok := e.RoleNamed(e.User)
	if !ok {
		return
	}
	w.row(cells{"role_name": me.Name})
	for _, oid := range me.MemberOf {
		if r, ok := e.RoleByOID(oid); ok {
			w.row(cells{"role_name": r.Name})
		}
	}
}

func infoViewTables(w *writer, e *Env) {
	for _, r := range e.listed(catalog.View) {
		for _, oid := range r.DependsOn {
			dep := e.Catalog.ByOID(oid)
			if dep == nil {
				continue
			}
			w.row(cells{
				"view_catalog": e.Database, "view_schema": r.Schema, "view_name": r.Name,
				"table_catalog": e.Database, "table_schema": dep.Schema, "table_name": dep.Name,
			})
		}
	}
}
