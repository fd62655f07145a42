package pgcatalog

import (
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// attributeRow is one column of a relation or an index in pg_attribute.
func attributeRow(rel uint32, c *catalog.Column, num int) cells {
	t := typeByOID(c.Type.OID)
	dims, generated := 0, ""
	if c.Type.IsArray() {
		dims = 1
	}
	if c.Generated != "" {
		generated = "s"
	}
	out := cells{
		"attrelid": rel, "attname": c.Name, "atttypid": c.Type.OID, "attstattarget": -1, "attlen": t.len, "attnum": num,
		"attndims": dims, "attcacheoff": -1, "atttypmod": c.Type.Mod, "attbyval": t.byval, "attalign": t.align,
		"attstorage": t.storage, "attnotnull": c.NotNull, "atthasdef": c.Default != "" || c.Generated != "",
		"attgenerated": generated, "attislocal": true, "attcollation": t.collation,
	}
	if c.Include != "" {
		out["attfdwoptions"] = []string{"include=" + c.Include}
	}
	return out
}

// relationAttributes lists a relation's columns. What a source's column is made
// from, and its watermark, are its options as a foreign table's column.
func relationAttributes(w *writer, r *catalog.Relation) {
	for i := range r.Columns {
		c := attributeRow(r.OID, &r.Columns[i], i+1)
		for _, wm := range r.Watermarks {
			if wm.Column == i {
				options, _ := c["attfdwoptions"].([]string)
				c["attfdwoptions"] = append(options, "watermark="+wm.Expr)
			}
		}
		w.row(c)
	}
}

func systemAttributes(w *writer) {
	for _, r := range relations {
		relationAttributes(w, r)
	}
}

func attributes(w *writer, e *Env) {
	for _, r := range e.user(w.key) {
		relationAttributes(w, r)
	}
	for _, x := range e.indexes(w.key) {
		for i, c := range x.cols {
			col := catalog.Column{Name: x.rel.Columns[c].Name, Type: x.rel.Columns[c].Type}
			w.row(attributeRow(x.oid, &col, i+1))
		}
	}
}

// columnDefault is a DEFAULT, or the expression of a generated column.
type columnDefault struct {
	oid  uint32
	rel  *catalog.Relation
	num  int
	expr string
}

func (e *Env) defaults(only *int64) []columnDefault {
	var out []columnDefault
	for _, r := range e.user(only) {
		for i, c := range r.Columns {
			if x := c.Default + c.Generated; x != "" {
				out = append(out, columnDefault{defaultOIDs + (r.OID-catalog.FirstUserOID)<<11 + uint32(i), r, i + 1, x})
			}
		}
	}
	return out
}

func attrdefs(w *writer, e *Env) {
	for _, d := range e.defaults(w.key) {
		w.row(cells{"oid": d.oid, "adrelid": d.rel.OID, "adnum": d.num, "adbin": d.expr})
	}
}
