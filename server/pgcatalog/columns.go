package pgcatalog

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// columnsText describes the system relations: a line "@OID SCHEMA.NAME
// [KEY,…]" each, then a line "NAME TYPE [not null]" for each column. Names,
// order, OIDs and keys are PostgreSQL 15's. Types that the engine lacks are
// replaced: pg_node_tree, inet, pg_lsn and anyarray by text, aclitem[] by
// text[], int2vector by smallint[], oidvector by oid[], xid by bigint, the
// domains of information_schema by what they are over.
//
//go:embed columns.txt
var columnsText string

// firstViewOID: PostgreSQL gives its system views OIDs from here on.
const firstViewOID = 12000

// relations are all system relations, by OID order of the text.
var relations = parseColumns(columnsText)

// Relations are the system relations, of kind Virtual. Do not change them.
func Relations() []*catalog.Relation { return relations }

func parseColumns(text string) []*catalog.Relation {
	var out []*catalog.Relation
	keys := map[*catalog.Relation]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if head, ok := strings.CutPrefix(line, "@"); ok {
			f := strings.Fields(head)
			schema, name, _ := strings.Cut(f[1], ".")
			r := &catalog.Relation{OID: parseOID(f[0]), Schema: schema, Name: name, Kind: catalog.Virtual}
			if len(f) > 2 {
				keys[r] = f[2]
			}
			out = append(out, r)
			continue
		}
		r := out[len(out)-1]
		f := strings.Fields(line)
		r.Columns = append(r.Columns, catalog.Column{Name: f[0], Type: parseType(f[1]), NotNull: len(f) > 2})
	}
	for r, key := range keys {
		for name := range strings.SplitSeq(key, ",") {
			r.PrimaryKey = append(r.PrimaryKey, r.ColumnIndex(name))
		}
	}
	return out
}

// parseOID reads a number of an embedded file.
func parseOID(s string) uint32 {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		panic(fmt.Sprintf("pgcatalog: bad OID %q in an embedded file", s))
	}
	return uint32(n)
}

func parseType(s string) types.Type {
	if s == "varchar(3)" {
		return types.VarcharOf(3)
	}
	t, ok := types.ByName(s)
	if !ok {
		panic(fmt.Sprintf("pgcatalog: unknown type %q in an embedded file", s))
	}
	return t
}
