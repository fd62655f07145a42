package pgcatalog

import (
	"slices"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// OIDs of objects that follow from a relation: far above what the relations'
// own counter reaches, below 2³¹ for clients that keep OIDs in an int32.
const (
	indexOIDs      = 1_000_000_000
	constraintOIDs = 1_100_000_000
	ruleOIDs       = 1_200_000_000
	defaultOIDs    = 1_300_000_000
	derivedOIDs    = 100_000_000 // of each kind
)

// OIDs of fixed objects, PostgreSQL's where it has them.
const (
	catalogNamespace = 11
	publicNamespace  = 2200
	infoNamespace    = 13207
	heliosNamespace  = 15099
	ownerOID         = 10 // of everything, see Env.owner
	databaseOID      = 5
	heapAM           = 2
	btreeAM          = 403
	defaultSpace     = 1663
	defaultCollation = 100
	classClass       = 1259 // pg_class as an object's class
	attrdefClass     = 2604
	constraintClass  = 2606
	rewriteClass     = 2618
)

type namespace struct {
	oid  uint32
	name string
}

var schemaList = []namespace{
	{catalogNamespace, catalog.PgCatalog}, {publicNamespace, catalog.PublicSchema},
	{infoNamespace, catalog.InfoSchema}, {heliosNamespace, catalog.HeliosSchema},
}

// NamespaceOID is the OID of a schema; 0: none.
func NamespaceOID(name string) uint32 {
	for _, n := range schemaList {
		if n.name == name {
			return n.oid
		}
	}
	return 0
}

// NamespaceName is the reverse of NamespaceOID.
func NamespaceName(oid uint32) (string, bool) {
	for _, n := range schemaList {
		if n.oid == oid {
			return n.name, true
		}
	}
	return "", false
}

func namespaces(w *writer) {
	for _, n := range schemaList {
		w.row(cells{"oid": n.oid, "nspname": n.name, "nspowner": ownerOID})
	}
}

// index is the key of a relation, shown as a unique index.
type index struct {
	oid     uint32
	rel     *catalog.Relation
	name    string
	cols    []int
	primary bool
}

// maxName is PostgreSQL's limit of a name in bytes.
const maxName = 63

// indexOf is the index of a relation; nil: it has no key, or one that is not
// made of its columns alone.
func indexOf(r *catalog.Relation) *index {
	x := &index{oid: indexOIDs + r.OID, rel: r}
	suffix := "_pkey"
	switch {
	case r.Kind == catalog.Table && len(r.PrimaryKey) > 0:
		x.cols, x.primary = r.PrimaryKey, true
	case r.Kind == catalog.MaterializedView && len(r.Key) > 0:
		x.cols, suffix = r.Key, "_key"
	default:
		return nil
	}
	if slices.Max(x.cols) >= len(r.Columns) {
		return nil
	}
	base := r.Name
	if len(base)+len(suffix) > maxName {
		base = strings.ToValidUTF8(base[:maxName-len(suffix)], "")
	}
	x.name = base + suffix
	return x
}

// numbers are the attribute numbers of the index's columns.
func (x *index) numbers() []int {
	n := make([]int, len(x.cols))
	for i, c := range x.cols {
		n[i] = c + 1
	}
	return n
}

func (x *index) columnList() string {
	names := make([]string, len(x.cols))
	for i, c := range x.cols {
		names[i] = ast.QuoteIdent(x.rel.Columns[c].Name)
	}
	return strings.Join(names, ", ")
}

// definition is CREATE INDEX as PostgreSQL prints it.
func (x *index) definition() string {
	return "CREATE UNIQUE INDEX " + ast.QuoteIdent(x.name) + " ON " + ast.QuoteIdent(x.rel.Schema) + "." + ast.QuoteIdent(x.rel.Name) +
		" USING btree (" + x.columnList() + ")"
}

// indexByOID finds the index of an OID; nil: none.
func indexByOID(cat catalog.Reader, oid uint32) *index {
	if oid < indexOIDs || oid >= indexOIDs+derivedOIDs {
		return nil
	}
	if r := cat.ByOID(oid - indexOIDs); r != nil {
		return indexOf(r)
	}
	return nil
}

// IndexDefinition is CREATE INDEX … of an index, or with column > 0 the column
// at that place of it; ok is false when oid is no index.
func IndexDefinition(cat catalog.Reader, oid uint32, column int) (string, bool) {
	x := indexByOID(cat, oid)
	switch {
	case x == nil:
		return "", false
	case column == 0:
		return x.definition(), true
	case column > 0 && column <= len(x.cols):
		return ast.QuoteIdent(x.rel.Columns[x.cols[column-1]].Name), true
	}
	return "", true
}

// ConstraintDefinition is PRIMARY KEY (…) of a constraint; ok is false when
// oid is none.
func ConstraintDefinition(cat catalog.Reader, oid uint32) (string, bool) {
	if oid < constraintOIDs || oid >= constraintOIDs+derivedOIDs {
		return "", false
	}
	r := cat.ByOID(oid - constraintOIDs)
	if r == nil {
		return "", false
	}
	x := indexOf(r)
	if x == nil || !x.primary {
		return "", false
	}
	return "PRIMARY KEY (" + x.columnList() + ")", true
}

// RelationName is the schema and name of a relation or an index; ok is false
// when there is none.
func RelationName(cat catalog.Reader, oid uint32) (schema, name string, ok bool) {
	if r := cat.ByOID(oid); r != nil {
		return r.Schema, r.Name, true
	}
	if x := indexByOID(cat, oid); x != nil {
		return x.rel.Schema, x.name, true
	}
	return "", "", false
}

// RelationOID finds a relation or an index by name, as catalog.Reader.Lookup
// does; 0: none.
func RelationOID(cat catalog.Reader, schema, name string, path []string) uint32 {
	if r := cat.Lookup(schema, name, path); r != nil {
		return r.OID
	}
	if schema != "" {
		path = []string{schema}
	}
	for _, suffix := range []string{"_pkey", "_key"} {
		base, ok := strings.CutSuffix(name, suffix)
		if !ok {
			continue
		}
		for _, s := range path {
			if r := cat.Lookup(s, base, nil); r != nil {
				if x := indexOf(r); x != nil && x.name == name {
					return x.oid
				}
			}
		}
	}
	return 0
}
