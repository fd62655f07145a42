package planner

import (
	"fmt"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// testCatalog is a catalog that CREATE statements fill.
type testCatalog struct {
	rels []*catalog.Relation
	id   uint64
	oid  uint32
}

type session struct{ cat *testCatalog }

func newTestCatalog() *testCatalog {
	return &testCatalog{oid: catalog.FirstUserOID}
}

func options(m Mode) *Options {
	return &Options{Mode: m, SearchPath: []string{"public"}, Lateness: 60_000_000}
}

func (c *testCatalog) nextID() uint64 { c.id++; return c.id }

func (c *testCatalog) newRelation(name string) *catalog.Relation {
	c.oid++
	return &catalog.Relation{OID: c.oid, Schema: catalog.PublicSchema, Name: name}
}

func (c *testCatalog) Lookup(schema, name string, path []string) *catalog.Relation {
	schemas := []string{schema}
	if schema == "" {
		schemas = append([]string{catalog.PgCatalog}, path...)
	}
	for _, s := range schemas {
		for _, r := range c.rels {
			if r.Schema == s && r.Name == name {
				return r
			}
		}
	}
	return nil
}

func (c *testCatalog) ByOID(oid uint32) *catalog.Relation {
	i := slices.IndexFunc(c.rels, func(r *catalog.Relation) bool { return r.OID == oid })
	if i < 0 {
		return nil
	}
	return c.rels[i]
}

func (c *testCatalog) Relations() []*catalog.Relation { return c.rels }

func (c *testCatalog) HasSchema(name string) bool {
	return name == catalog.PublicSchema || name == catalog.PgCatalog || name == catalog.InfoSchema
}

// apply executes a CREATE statement. CREATE TABLE pg_catalog.x makes a system
// relation.
func (c *testCatalog) apply(st ast.Statement) error {
	var rel *catalog.Relation
	switch st := st.(type) {
	case *ast.CreateSource:
		cols, key, err := BindColumns(options(AdHoc), c, st.Columns, st.PrimaryKey, 0)
		if err != nil {
			return err
		}
		rel = c.newRelation(st.Name.Name)
		rel.Kind, rel.Columns, rel.PrimaryKey = catalog.Source, cols, key
		for i := range st.Watermarks {
			at, _, err := Watermark(options(AdHoc), c, cols, &st.Watermarks[i])
			if err != nil {
				return err
			}
			rel.Watermarks = append(rel.Watermarks, catalog.Watermark{Column: at, Expr: st.Watermarks[i].Text})
		}
	case *ast.CreateTable:
		cols, key, err := BindColumns(options(AdHoc), c, st.Columns, st.PrimaryKey, st.PKPos.Position())
		if err != nil {
			return err
		}
		rel = c.newRelation(st.Name.Name)
		rel.Kind, rel.Columns, rel.PrimaryKey = catalog.Table, cols, key
		if st.Name.Schema == catalog.PgCatalog {
			rel.Kind, rel.Schema = catalog.Virtual, catalog.PgCatalog
		}
	case *ast.CreateView:
		r, err := c.view(st)
		if err != nil {
			return err
		}
		rel = r
	default:
		return fmt.Errorf("cannot apply %T", st)
	}
	c.rels = append(c.rels, rel)
	return nil
}

func (c *testCatalog) view(st *ast.CreateView) (*catalog.Relation, error) {
	rel := c.newRelation(st.Name.Name)
	rel.Kind, rel.Query = catalog.View, st.QueryText
	o := options(AdHoc)
	if st.Materialized {
		rel.Kind = catalog.MaterializedView
		o = options(Continuous)
		o.NextID = c.nextID
	}
	r, err := Query(o, st.Query, c)
	if err != nil {
		return nil, err
	}
	for _, col := range r.Root.Base().Cols {
		rel.Columns = append(rel.Columns, catalog.Column{Name: col.Name, Type: col.Type, NotNull: col.NotNull})
	}
	rel.DependsOn = r.DependsOn
	if !st.Materialized {
		return rel, nil
	}
	m := Materialize(o, r.Root, rel)
	rel.Key = m.Key
	if rel.Plan, err = plan.Encode(m); err != nil {
		return nil, err
	}
	back, err := plan.Decode(rel.Plan)
	if err != nil {
		return nil, err
	}
	if a, b := plan.Explain(m), plan.Explain(back); !slices.Equal(a, b) {
		return nil, fmt.Errorf("the stored plan differs:\n%v\n%v", a, b)
	}
	return rel, nil
}

// testSession answers what literals ask of a session; nothing else is asked.
type testSession struct {
	expr.Session
	cat *testCatalog
}

func (s testSession) Setting(string) (string, bool) { return "", false }
func (s testSession) Database() string              { return "heliosdb" }
func (s testSession) SearchPath() []string          { return []string{"public"} }
func (s testSession) TimeZone() string              { return "UTC" }

func (s testSession) RelationOID(schema, name string) uint32 {
	if r := s.cat.Lookup(schema, name, []string{"public"}); r != nil {
		return r.OID
	}
	return 0
}
