package pgcatalog

import "github.com/heliosdb/heliosdb-streaming/internal/types"

func accessMethods(w *writer) {
	w.row(cells{"oid": heapAM, "amname": "heap", "amtype": "t"})
	w.row(cells{"oid": btreeAM, "amname": "btree", "amtype": "i"})
}

func languages(w *writer) {
	for i, name := range []string{"internal", "c", "sql"} {
		w.row(cells{"oid": internalLanguage + i, "lanname": name, "lanowner": ownerOID, "lanpltrusted": name == "sql"})
	}
}

func collations(w *writer) {
	for _, c := range []struct {
		oid            int
		name, provider string
		locale         any
	}{{defaultCollation, "default", "d", nil}, {950, "C", "c", "C"}, {951, "POSIX", "c", "POSIX"}} {
		w.row(cells{
			"oid": c.oid, "collname": c.name, "collnamespace": catalogNamespace, "collowner": ownerOID, "collprovider": c.provider,
			"collisdeterministic": true, "collencoding": -1, "collcollate": c.locale, "collctype": c.locale,
		})
	}
}

func tablespaces(w *writer) {
	w.row(cells{"oid": defaultSpace, "spcname": "pg_default", "spcowner": ownerOID})
	w.row(cells{"oid": 1664, "spcname": "pg_global", "spcowner": ownerOID})
}

// btreeClasses are PostgreSQL's default operator classes of btree, with their
// families.
var btreeClasses = []struct {
	oid, family uint32
	name        string
	in          uint32
}{
	{10000, 397, "array_ops", types.OIDAnyArray},
	{10003, 424, "bool_ops", types.OIDBool},
	{10006, 428, "bytea_ops", types.OIDBytea},
	{10007, 429, "char_ops", types.OIDChar},
	{3122, 434, "date_ops", types.OIDDate},
	{10012, 1970, "float4_ops", types.OIDFloat4},
	{3123, 1970, "float8_ops", types.OIDFloat8},
	{1979, 1976, "int2_ops", types.OIDInt2},
	{1978, 1976, "int4_ops", types.OIDInt4},
	{3124, 1976, "int8_ops", types.OIDInt8},
	{10022, 1982, "interval_ops", types.OIDInterval},
	{10028, 1994, "name_ops", types.OIDName},
	{3125, 1988, "numeric_ops", types.OIDNumeric},
	{1981, 1989, "oid_ops", types.OIDOid},
	{3126, 1994, "text_ops", types.OIDText},
	{3127, 434, "timestamptz_ops", types.OIDTimestamptz},
	{3128, 434, "timestamp_ops", types.OIDTimestamp},
	{10088, 4033, "jsonb_ops", types.OIDJSONB},
}

func opclasses(w *writer) {
	for _, c := range btreeClasses {
		w.row(cells{
			"oid": c.oid, "opcmethod": btreeAM, "opcname": c.name, "opcnamespace": catalogNamespace, "opcowner": ownerOID,
			"opcfamily": c.family, "opcintype": c.in, "opcdefault": true,
		})
	}
}

// opclassOf is the operator class that an index on a type has; 0: none.
func opclassOf(t types.Type) uint32 {
	want := t.OID
	switch {
	case t.IsArray():
		want = types.OIDAnyArray
	case want == types.OIDVarchar:
		want = types.OIDText
	}
	for _, c := range btreeClasses {
		if c.in == want {
			return c.oid
		}
	}
	return 0
}
