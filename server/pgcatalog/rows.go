package pgcatalog

import (
	"sync"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// origin is where a system relation's rows come from. A relation without one
// is always empty: what it describes does not exist here.
type origin struct {
	// fixed gives the rows that are the same at all times. They are computed
	// once.
	fixed func(w *writer)
	// live gives the others.
	live func(w *writer, e *Env)

	once sync.Once
	keep *fixedRows
}

// fixedRows are computed rows with an index on the first key column.
type fixedRows struct {
	b     *delta.Batch
	byKey map[int64][]int32 // nil: no key, or not one of integers
	err   error
}

// Rows gives the rows of a system relation in batches that are valid until fn
// returns. eq holds known equalities by column index: a hint, of which the first
// column of the relation's key is used.
func Rows(e *Env, rel *catalog.Relation, eq map[int]delta.Datum, fn func(*delta.Batch) error) error {
	src := origins[rel.Schema+"."+rel.Name]
	if src == nil {
		return nil
	}
	w := newWriter(rel, fn)
	if len(rel.PrimaryKey) > 0 {
		if d, ok := eq[rel.PrimaryKey[0]]; ok && !d.Null && d.T.Phys() == types.Int64 {
			w.key = &d.I
		}
	}
	if src.fixed != nil {
		if err := src.emitFixed(rel, w.key, fn); err != nil {
			return err
		}
	}
	if src.live != nil {
		src.live(w, e)
		w.flush()
	}
	return w.err
}

func (s *origin) emitFixed(rel *catalog.Relation, key *int64, fn func(*delta.Batch) error) error {
	s.once.Do(func() {
		w := newWriter(rel, nil)
		s.fixed(w)
		s.keep = &fixedRows{b: w.b, err: w.err}
		if len(rel.PrimaryKey) == 0 || w.err != nil {
			return
		}
		v := w.b.Cols[rel.PrimaryKey[0]]
		if v.T.Phys() != types.Int64 {
			return
		}
		s.keep.byKey = make(map[int64][]int32, w.b.N)
		for i := range w.b.N {
			s.keep.byKey[v.I[i]] = append(s.keep.byKey[v.I[i]], int32(i))
		}
	})
	k := s.keep
	if k.err != nil {
		return k.err
	}
	if key != nil && k.byKey != nil {
		rows := k.byKey[*key]
		if len(rows) == 0 {
			return nil
		}
		var b delta.Batch
		k.b.Gather(&b, rows)
		return fn(&b)
	}
	for lo := 0; lo < k.b.N; lo += batchRows {
		if err := fn(k.b.Slice(lo, min(lo+batchRows, k.b.N))); err != nil {
			return err
		}
	}
	return nil
}

// origins are those of the relations that can have rows.
var origins = map[string]*origin{
	"pg_catalog.pg_namespace":            {fixed: namespaces},
	"pg_catalog.pg_class":                {fixed: systemClasses, live: classes},
	"pg_catalog.pg_attribute":            {fixed: systemAttributes, live: attributes},
	"pg_catalog.pg_attrdef":              {live: attrdefs},
	"pg_catalog.pg_index":                {live: indexes},
	"pg_catalog.pg_constraint":           {live: constraints},
	"pg_catalog.pg_description":          {live: descriptions},
	"pg_catalog.pg_depend":               {live: depends},
	"pg_catalog.pg_rewrite":              {live: rewrites},
	"pg_catalog.pg_type":                 {fixed: typeRows},
	"pg_catalog.pg_proc":                 {fixed: procRows},
	"pg_catalog.pg_operator":             {fixed: operatorRows},
	"pg_catalog.pg_aggregate":            {fixed: aggregateRows},
	"pg_catalog.pg_cast":                 {fixed: castRows},
	"pg_catalog.pg_am":                   {fixed: accessMethods},
	"pg_catalog.pg_language":             {fixed: languages},
	"pg_catalog.pg_collation":            {fixed: collations},
	"pg_catalog.pg_opclass":              {fixed: opclasses},
	"pg_catalog.pg_tablespace":           {fixed: tablespaces},
	"pg_catalog.pg_database":             {live: databases},
	"pg_catalog.pg_authid":               {live: authids},
	"pg_catalog.pg_roles":                {live: roles},
	"pg_catalog.pg_user":                 {live: users},
	"pg_catalog.pg_shadow":               {live: users},
	"pg_catalog.pg_group":                {live: groups},
	"pg_catalog.pg_auth_members":         {live: authMembers},
	"pg_catalog.pg_foreign_data_wrapper": {live: wrappers},
	"pg_catalog.pg_foreign_server":       {live: foreignServers},
	"pg_catalog.pg_foreign_table":        {live: foreignTables},
	"pg_catalog.pg_tables":               {live: tables},
	"pg_catalog.pg_views":                {live: views},
	"pg_catalog.pg_matviews":             {live: matviews},
	"pg_catalog.pg_indexes":              {live: indexDefs},
	"pg_catalog.pg_settings":             {live: settings},
	"pg_catalog.pg_stat_activity":        {live: activity},
	"pg_catalog.pg_stat_database":        {live: statDatabase},
	"pg_catalog.pg_stat_ssl":             {live: statSSL},
	"pg_catalog.pg_stat_all_tables":      {live: statTables},
	"pg_catalog.pg_stat_user_tables":     {live: statTables},
	"pg_catalog.pg_cursors":              {live: cursors},
	"pg_catalog.pg_prepared_statements":  {live: statements},

	"information_schema.information_schema_catalog_name": {live: infoCatalogName},
	"information_schema.schemata":                        {live: infoSchemata},
	"information_schema.tables":                          {live: infoTables},
	"information_schema.foreign_tables":                  {live: infoForeignTables},
	"information_schema.views":                           {live: infoViews},
	"information_schema.columns":                         {live: infoColumns},
	"information_schema.table_constraints":               {live: infoTableConstraints},
	"information_schema.key_column_usage":                {live: infoKeyColumns},
	"information_schema.constraint_column_usage":         {live: infoConstraintColumns},
	"information_schema.constraint_table_usage":          {live: infoConstraintTables},
	"information_schema.character_sets":                  {live: infoCharacterSets},
	"information_schema.table_privileges":                {live: infoTablePrivileges},
	"information_schema.role_table_grants":               {live: infoTablePrivileges},
	"information_schema.enabled_roles":                   {live: infoRoles},
	"information_schema.view_table_usage":                {live: infoViewTables},

	"heliosdb.dead_letters": {live: deadLetters},
	"heliosdb.jobs":         {live: jobs},
	"heliosdb.sources":      {live: jobSources},
	"heliosdb.operators":    {live: operators},
	"heliosdb.checkpoints":  {live: checkpoints},
	"heliosdb.memory":       {live: memoryAreas},

	"heliosdb.bucket_checkpoints": {live: bucketCheckpoints},

	"heliosdb.users":       {live: userRows},
	"heliosdb.roles":       {live: roleRows},
	"heliosdb.permissions": {fixed: permissionRows},
}
