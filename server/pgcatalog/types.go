package pgcatalog

import (
	_ "embed"
	"strconv"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// typesText is PostgreSQL 15's pg_type: the column names, then a line a row
// with functions by name. It has more types than the engine knows; those are
// not shown.
//
//go:embed types.txt
var typesText string

// typeRow is what pg_attribute takes from a type.
type typeRow struct {
	len            int
	byval          bool
	align, storage string
	collation      uint32
	fields         map[string]string // by column; missing: NULL
}

var typeTable = parseTypes(typesText)

// parseTable reads an embedded table: a line of column names, then rows, cells
// separated by "|", \N for NULL.
func parseTable(text string) []map[string]string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	names := strings.Split(lines[0], "|")
	out := make([]map[string]string, 0, len(lines)-1)
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, v := range strings.Split(line, "|") {
			if v != `\N` {
				row[names[i]] = v
			}
		}
		out = append(out, row)
	}
	return out
}

func parseTypes(text string) []*typeRow {
	var out []*typeRow
	for _, f := range parseTable(text) {
		n, _ := strconv.Atoi(f["typlen"])
		out = append(out, &typeRow{
			len: n, byval: f["typbyval"] == "t", align: f["typalign"], storage: f["typstorage"],
			collation: parseOID(f["typcollation"]), fields: f,
		})
	}
	return out
}

var typesByOID = func() map[uint32]*typeRow {
	m := map[uint32]*typeRow{}
	for _, t := range typeTable {
		m[parseOID(t.fields["oid"])] = t
	}
	return m
}()

// typeByOID is the row of a type; that of text when there is none.
func typeByOID(oid uint32) *typeRow {
	if t := typesByOID[oid]; t != nil {
		return t
	}
	return typesByOID[types.OIDText]
}

func collationOf(oid uint32) uint32 { return typeByOID(oid).collation }

func typeRows(w *writer) {
	for _, t := range typeTable {
		if types.Lookup(parseOID(t.fields["oid"])) == nil {
			continue
		}
		c := cells{}
		for _, col := range w.rel.Columns {
			if v, ok := t.fields[col.Name]; ok {
				c[col.Name] = textCell(col.Type, v)
			}
		}
		w.row(c)
	}
}

// textCell reads a cell of an embedded table as a value for a column.
func textCell(t types.Type, s string) any {
	switch {
	case t.OID == types.OIDRegProc:
		return procOID(s)
	case t.Phys() == types.Bool:
		return s == "t"
	case t.Phys() == types.Int64:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return s // the writer says that it does not fit
		}
		return n
	}
	return s
}
