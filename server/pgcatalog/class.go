package pgcatalog

import (
	"slices"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// relkind is pg_class.relkind of a relation.
func relkind(r *catalog.Relation) string {
	switch r.Kind {
	case catalog.Source:
		return "f"
	case catalog.View:
		return "v"
	case catalog.MaterializedView:
		return "m"
	case catalog.Virtual:
		if r.OID >= firstViewOID {
			return "v"
		}
	}
	return "r"
}

// classRow is the row of a relation in pg_class.
func classRow(r *catalog.Relation) cells {
	kind := relkind(r)
	am, ident := 0, "n"
	if kind == "r" || kind == "m" {
		am = heapAM
	}
	if r.Kind == catalog.Table || r.Kind == catalog.MaterializedView {
		ident = "d"
	}
	return cells{
		"oid": r.OID, "relname": r.Name, "relnamespace": NamespaceOID(r.Schema), "relowner": ownerOID,
		"relam": am, "relfilenode": 0, "reltuples": -1.0, "relhasindex": indexOf(r) != nil, "relpersistence": "p",
		"relkind": kind, "relnatts": len(r.Columns), "relhasrules": kind == "v" || kind == "m",
		"relispopulated": true, "relreplident": ident,
	}
}

func systemClasses(w *writer) {
	for _, r := range relations {
		w.row(classRow(r))
	}
}

func classes(w *writer, e *Env) {
	acls := e.acls()
	for _, r := range e.user(w.key) {
		c := classRow(r)
		if acl := acls[r.OID]; acl != nil {
			c["relacl"] = acl
		}
		w.row(c)
	}
	for _, x := range e.indexes(w.key) {
		w.row(cells{
			"oid": x.oid, "relname": x.name, "relnamespace": NamespaceOID(x.rel.Schema), "relowner": ownerOID, "relam": btreeAM,
			"reltuples": -1.0, "relpersistence": "p", "relkind": "i", "relnatts": len(x.cols), "relispopulated": true, "relreplident": "n",
		})
	}
}

// indexes lists the indexes, by OID; with only ≠ nil at most that one.
func (e *Env) indexes(only *int64) []*index {
	if only != nil {
		if x := indexByOID(e.Catalog, uint32(*only)); x != nil {
			return []*index{x}
		}
		return nil
	}
	var out []*index
	for _, r := range e.user(nil) {
		if x := indexOf(r); x != nil {
			out = append(out, x)
		}
	}
	return out
}

func indexes(w *writer, e *Env) {
	for _, x := range e.indexes(w.key) {
		n := len(x.cols)
		colls, classes, options := make([]uint32, n), make([]uint32, n), make([]int, n)
		for i, c := range x.cols {
			t := x.rel.Columns[c].Type
			colls[i], classes[i] = collationOf(t.OID), opclassOf(t)
		}
		w.row(cells{
			"indexrelid": x.oid, "indrelid": x.rel.OID, "indnatts": n, "indnkeyatts": n, "indisunique": true,
			"indisprimary": x.primary, "indimmediate": true, "indisvalid": true, "indisready": true, "indislive": true,
			"indkey": x.numbers(), "indcollation": colls, "indclass": classes, "indoption": options,
		})
	}
}

func constraints(w *writer, e *Env) {
	for _, x := range e.indexes(nil) {
		if !x.primary {
			continue
		}
		w.row(cells{
			"oid": constraintOIDs + x.rel.OID, "conname": x.name, "connamespace": NamespaceOID(x.rel.Schema), "contype": "p",
			"convalidated": true, "conrelid": x.rel.OID, "conindid": x.oid, "confupdtype": " ", "confdeltype": " ",
			"confmatchtype": " ", "conislocal": true, "connoinherit": true, "conkey": x.numbers(),
		})
	}
}

func descriptions(w *writer, e *Env) {
	for _, r := range e.user(w.key) {
		if r.Comment != "" {
			w.row(cells{"objoid": r.OID, "classoid": classClass, "objsubid": 0, "description": r.Comment})
		}
	}
}

// rewrites lists the rule _RETURN that every view has in PostgreSQL: clients
// find through it what a view depends on.
func rewrites(w *writer, e *Env) {
	for _, r := range e.views() {
		w.row(cells{
			"oid": ruleOIDs + r.OID, "rulename": "_RETURN", "ev_class": r.OID, "ev_type": "1", "ev_enabled": "O",
			"is_instead": true, "ev_qual": "<>", "ev_action": r.Query,
		})
	}
}

// views lists views and materialized views.
func (e *Env) views() []*catalog.Relation {
	return slices.DeleteFunc(e.user(nil), func(r *catalog.Relation) bool {
		return r.Kind != catalog.View && r.Kind != catalog.MaterializedView
	})
}

func depends(w *writer, e *Env) {
	on := func(class int, oid uint32, refClass int, ref uint32, sub int, kind string) {
		w.row(cells{"classid": class, "objid": oid, "objsubid": 0, "refclassid": refClass, "refobjid": ref, "refobjsubid": sub, "deptype": kind})
	}
	for _, r := range e.views() {
		on(rewriteClass, ruleOIDs+r.OID, classClass, r.OID, 0, "i")
		for _, dep := range r.DependsOn {
			on(rewriteClass, ruleOIDs+r.OID, classClass, dep, 0, "n")
		}
	}
	for _, x := range e.indexes(nil) {
		if !x.primary {
			on(classClass, x.oid, classClass, x.rel.OID, 0, "a")
			continue
		}
		on(classClass, x.oid, constraintClass, constraintOIDs+x.rel.OID, 0, "i")
		for _, n := range x.numbers() {
			on(constraintClass, constraintOIDs+x.rel.OID, classClass, x.rel.OID, n, "a")
		}
	}
	for _, d := range e.defaults(nil) {
		on(attrdefClass, d.oid, classClass, d.rel.OID, d.num, "a")
	}
}

// listed lists the user relations of one kind.
func (e *Env) listed(k catalog.Kind) []*catalog.Relation {
	return slices.DeleteFunc(e.user(nil), func(r *catalog.Relation) bool { return r.Kind != k })
}

func tables(w *writer, e *Env) {
	for _, r := range append(systemOf("r"), e.listed(catalog.Table)...) {
		w.row(cells{
			"schemaname": r.Schema, "tablename": r.Name, "tableowner": e.owner(), "hasindexes": indexOf(r) != nil,
			"hasrules": false, "hastriggers": false, "rowsecurity": false,
		})
	}
}

// systemOf lists the system relations of one relkind.
func systemOf(kind string) []*catalog.Relation {
	var out []*catalog.Relation
	for _, r := range relations {
		if relkind(r) == kind {
			out = append(out, r)
		}
	}
	return out
}

func views(w *writer, e *Env) {
	for _, r := range append(systemOf("v"), e.listed(catalog.View)...) {
		w.row(cells{"schemaname": r.Schema, "viewname": r.Name, "viewowner": e.owner(), "definition": orNull(viewText(r))})
	}
}

// viewText is a view's query as pg_get_viewdef gives it; "": computed in Go.
func viewText(r *catalog.Relation) string {
	if r.Query == "" {
		return ""
	}
	return strings.TrimRight(strings.TrimSpace(r.Query), "; \t\r\n") + ";"
}

func matviews(w *writer, e *Env) {
	for _, r := range e.listed(catalog.MaterializedView) {
		w.row(cells{
			"schemaname": r.Schema, "matviewname": r.Name, "matviewowner": e.owner(), "hasindexes": indexOf(r) != nil,
			"ispopulated": true, "definition": orNull(viewText(r)),
		})
	}
}

func indexDefs(w *writer, e *Env) {
	for _, x := range e.indexes(nil) {
		w.row(cells{"schemaname": x.rel.Schema, "tablename": x.rel.Name, "indexname": x.name, "indexdef": x.definition()})
	}
}
