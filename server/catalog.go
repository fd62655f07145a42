package server

import (
	"cmp"
	"maps"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// catalogView is the catalog at one moment. It is immutable: DDL publishes a
// new one, and whoever read the old one goes on with it.
type catalogView struct {
	version uint64
	byOID   map[uint32]*catalog.Relation
	byName  map[string]*catalog.Relation // schema + "." + name
	nextOID uint32
	nextOp  uint64
	// pausedAt is since when all jobs stand still, see PauseAll; 0: they do not.
	pausedAt int64
	// logged is the log position of the last change, 0 if that is in an epoch.
	logged uint64
}

var _ catalog.Reader = (*catalogView)(nil)

// schemas that exist; there is no CREATE SCHEMA yet.
var schemas = []string{catalog.PgCatalog, catalog.PublicSchema, catalog.InfoSchema, catalog.HeliosSchema}

// newCatalog holds the system relations only.
func newCatalog(system []*catalog.Relation) *catalogView {
	c := &catalogView{byOID: map[uint32]*catalog.Relation{}, byName: map[string]*catalog.Relation{}, nextOID: catalog.FirstUserOID, nextOp: 1}
	for _, r := range system {
		c.add(r)
	}
	return c
}

func (c *catalogView) add(r *catalog.Relation) {
	c.byOID[r.OID] = r
	c.byName[r.Schema+"."+r.Name] = r
}

func (c *catalogView) remove(oid uint32) {
	if r := c.byOID[oid]; r != nil {
		delete(c.byOID, oid)
		delete(c.byName, r.Schema+"."+r.Name)
	}
}

// clone is a copy to be changed before it is published.
func (c *catalogView) clone() *catalogView {
	n := *c
	n.version++
	n.byOID, n.byName = maps.Clone(c.byOID), maps.Clone(c.byName)
	return &n
}

// Lookup implements catalog.Reader.
func (c *catalogView) Lookup(schema, name string, path []string) *catalog.Relation {
	if schema != "" {
		return c.byName[schema+"."+name]
	}
	if !slices.Contains(path, catalog.PgCatalog) {
		if r := c.byName[catalog.PgCatalog+"."+name]; r != nil {
			return r
		}
	}
	for _, s := range path {
		if r := c.byName[s+"."+name]; r != nil {
			return r
		}
	}
	return nil
}

// ByOID implements catalog.Reader.
func (c *catalogView) ByOID(oid uint32) *catalog.Relation { return c.byOID[oid] }

// Relations implements catalog.Reader.
func (c *catalogView) Relations() []*catalog.Relation {
	return slices.SortedFunc(maps.Values(c.byOID), func(a, b *catalog.Relation) int { return cmp.Compare(a.OID, b.OID) })
}

// HasSchema implements catalog.Reader.
func (c *catalogView) HasSchema(name string) bool { return slices.Contains(schemas, name) }

// user lists the relations that people made, by OID.
func (c *catalogView) user() []*catalog.Relation {
	var out []*catalog.Relation
	for _, r := range c.Relations() {
		if r.Kind != catalog.Virtual {
			out = append(out, r)
		}
	}
	return out
}

// dependents are the relations whose definitions read oid, directly, by OID.
func (c *catalogView) dependents(oid uint32) []*catalog.Relation {
	var out []*catalog.Relation
	for _, r := range c.user() {
		if slices.Contains(r.DependsOn, oid) {
			out = append(out, r)
		}
	}
	return out
}
