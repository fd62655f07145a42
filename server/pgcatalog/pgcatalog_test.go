package pgcatalog

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// clientColumns are the catalogs' columns that clients are known to read.
const clientColumns = `
pg_namespace oid nspname nspowner nspacl
pg_class oid relname relnamespace relkind relowner relam reltype reloftype reltablespace reltoastrelid relpersistence relchecks relhasindex relhasrules relhastriggers relhassubclass relrowsecurity relforcerowsecurity relreplident relispartition relpartbound reltuples relpages reloptions relacl
pg_attribute attrelid attname atttypid atttypmod attnum attlen attnotnull atthasdef attisdropped attidentity attgenerated attcollation attstorage attcompression attstattarget attfdwoptions attacl
pg_type oid typname typnamespace typowner typtype typcategory typlen typrelid typelem typarray typbasetype typtypmod typnotnull typinput typreceive typdelim typcollation typdefault typacl
pg_attrdef adrelid adnum adbin
pg_description objoid classoid objsubid description
pg_index indexrelid indrelid indkey indnatts indnkeyatts indisunique indisprimary indisclustered indisvalid indisreplident indimmediate indnullsnotdistinct indoption indclass indpred indexprs
pg_constraint oid conname connamespace contype conrelid contypid conindid confrelid conkey confkey confupdtype confdeltype condeferrable condeferred convalidated conparentid
pg_proc oid proname pronamespace proowner prolang prokind prorettype proretset pronargs proargtypes proallargtypes proargmodes proargnames proargdefaults provolatile proparallel prosecdef prosrc proacl
pg_database oid datname datdba encoding datcollate datctype datlocprovider daticulocale datistemplate datallowconn dattablespace datacl
pg_roles rolname rolsuper rolinherit rolcreaterole rolcreatedb rolcanlogin rolconnlimit rolvaliduntil rolreplication rolbypassrls
pg_am oid
pg_settings name
pg_user usename
pg_depend objid
pg_rewrite oid
pg_tables tablename
pg_views viewname
pg_matviews matviewname
pg_stat_user_tables relid
pg_stat_activity pid
pg_cursors name
pg_prepared_statements name
pg_enum enumtypid
pg_range rngtypid
pg_inherits inhrelid
pg_trigger tgrelid
pg_policy polrelid
pg_statistic_ext oid
pg_publication pubname
pg_publication_rel prrelid
pg_publication_namespace pnnspid
pg_extension extname
pg_sequence seqrelid
pg_collation collname
pg_opclass opcname
pg_tablespace spcname
pg_auth_members member
pg_group groname
pg_language lanname
pg_replication_slots slot_name
pg_foreign_table ftrelid
pg_foreign_server srvname
information_schema.schemata schema_name
information_schema.tables table_name
information_schema.views view_definition
information_schema.columns udt_schema udt_name is_nullable is_identity column_default character_maximum_length
information_schema.table_constraints constraint_type
information_schema.key_column_usage column_name
information_schema.referential_constraints unique_constraint_name
information_schema.character_sets character_set_name
`

func TestClientColumns(t *testing.T) {
	t.Parallel()
	cat := newTestCatalog()
	for line := range strings.Lines(strings.TrimSpace(clientColumns)) {
		f := strings.Fields(line)
		schema, name, ok := strings.Cut(f[0], ".")
		if !ok {
			schema, name = "pg_catalog", f[0]
		}
		r := cat.Lookup(schema, name, nil)
		if r == nil {
			t.Errorf("no relation %s", f[0])
			continue
		}
		for _, c := range f[1:] {
			if r.ColumnIndex(c) < 0 {
				t.Errorf("%s has no column %s", f[0], c)
			}
		}
	}
}

// TestEveryRelation reads all of them: every value has its column's type, and a
// key is unique.
func TestEveryRelation(t *testing.T) {
	t.Parallel()
	env := newEnv(t)
	known := map[string]bool{}
	for _, r := range Relations() {
		known[r.Schema+"."+r.Name] = true
		seen := map[string]bool{}
		err := Rows(env, r, nil, func(b *delta.Batch) error {
			for i := range b.N {
				key := ""
				for c, v := range b.Cols {
					if v.Len() != b.N {
						t.Fatalf("%s.%s has %d values in %d rows", r.Name, r.Columns[c].Name, v.Len(), b.N)
					}
					if v.T == types.Char && !v.IsNull(i) && len(v.Bytes(i)) != 1 {
						t.Errorf("%s.%s has a value of %d bytes", r.Name, r.Columns[c].Name, len(v.Bytes(i)))
					}
					if r.Columns[c].NotNull && v.IsNull(i) {
						t.Errorf("%s.%s is NULL", r.Name, r.Columns[c].Name)
					}
				}
				for _, c := range r.PrimaryKey {
					d := b.Cols[c].At(i)
					key += string(d.S) + "/" + strconv.FormatInt(d.I, 10) + "/"
				}
				if key != "" && seen[key] {
					t.Errorf("%s: two rows have key %q", r.Name, key)
				}
				seen[key] = true
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", r.Name, err)
		}
	}
	for name := range origins {
		if !known[name] {
			t.Errorf("rows for %s, which is no relation", name)
		}
	}
}

// TestHint: rows by key are those among all rows.
func TestHint(t *testing.T) {
	t.Parallel()
	env := newEnv(t)
	for _, r := range Relations() {
		if len(r.PrimaryKey) == 0 || r.Columns[r.PrimaryKey[0]].Type.Phys() != types.Int64 {
			continue
		}
		k := r.PrimaryKey[0]
		all := map[int64]int{}
		count := func(into map[int64]int) func(*delta.Batch) error {
			return func(b *delta.Batch) error {
				for i := range b.N {
					into[b.Cols[k].I[i]]++
				}
				return nil
			}
		}
		if err := Rows(env, r, nil, count(all)); err != nil {
			t.Fatal(err)
		}
		for _, key := range append(slices.Collect(maps.Keys(all)), 4_000_000_000) {
			some := map[int64]int{}
			if err := Rows(env, r, map[int]delta.Datum{k: delta.IntOf(r.Columns[k].Type, key)}, count(some)); err != nil {
				t.Fatal(err)
			}
			if some[key] != all[key] {
				t.Fatalf("%s: %d rows with key %d, %d by the hint", r.Name, all[key], key, some[key])
			}
		}
	}
}

// TestEmptyChar: what is not set equals the literal ”.
func TestEmptyChar(t *testing.T) {
	t.Parallel()
	r, err := ask(newEnv(t), "SELECT count(*) FROM pg_attribute WHERE attidentity <> '' OR attcompression <> ''")
	if err != nil {
		t.Fatal(explain(err))
	}
	if r.rows[0][0] != "0" {
		t.Errorf("%s columns have an identity", r.rows[0][0])
	}
}

func TestSecretsHidden(t *testing.T) {
	t.Parallel()
	r, err := ask(newEnv(t), "SELECT array_to_string(ftoptions, ' ') FROM pg_foreign_table")
	if err != nil {
		t.Fatal(explain(err))
	}
	if s := r.String(); strings.Contains(s, "hush") || !strings.Contains(s, "properties.sasl.password=***") {
		t.Errorf("options: %s", s)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	cat := newTestCatalog()
	path := []string{"public"}
	for name, want := range map[string]uint32{
		"customers": 16384, "customers_pkey": indexOIDs + 16384, "by_device_key": indexOIDs + 16388, "events_pkey": 0, "nothing_key": 0, "pg_class": 1259,
	} {
		oid := RelationOID(cat, "", name, path)
		if oid != want {
			t.Errorf("%s is %d, want %d", name, oid, want)
		}
		if _, got, ok := RelationName(cat, oid); oid != 0 && (!ok || got != name) {
			t.Errorf("%d is %q", oid, got)
		}
	}
	if d, _ := IndexDefinition(cat, indexOIDs+16388, 0); d != "CREATE UNIQUE INDEX by_device_key ON public.by_device USING btree (device)" {
		t.Error(d)
	}
	if d, _ := IndexDefinition(cat, indexOIDs+16384, 1); d != "id" {
		t.Error(d)
	}
	if _, ok := IndexDefinition(cat, 16384, 0); ok {
		t.Error("a table is an index")
	}
	if d, ok := ConstraintDefinition(cat, constraintOIDs+16384); !ok || d != "PRIMARY KEY (id)" {
		t.Error(d)
	}
	if _, ok := ConstraintDefinition(cat, constraintOIDs+16388); ok {
		t.Error("a view's key is a constraint")
	}
}
