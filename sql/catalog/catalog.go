// Package catalog describes the relations: what the binder resolves names
// against, what pg_catalog shows, and what the log and the epochs store.
package catalog

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// Kind is the kind of a relation.
type Kind uint8

// The kinds; the values are stored.
const (
	Table Kind = iota + 1
	Source
	View
	MaterializedView
	Sink
	Virtual // a system relation whose rows are computed when read
)

// FirstUserOID is where the OIDs of user relations begin, as in PostgreSQL.
const FirstUserOID uint32 = 16384

// Schema names that always exist.
const (
	PublicSchema = "public"
	PgCatalog    = "pg_catalog"
	InfoSchema   = "information_schema"
	HeliosSchema = "heliosdb"
)

// Column is one column of a relation.
type Column struct {
	Name      string     `json:"name"`
	Type      types.Type `json:"type"`
	NotNull   bool       `json:"notNull,omitempty"`
	Default   string     `json:"default,omitempty"`   // SQL text of DEFAULT
	Generated string     `json:"generated,omitempty"` // SQL text of a computed column
	// Include is where a source's column comes from when it is not a field of
	// the message: "key", "partition", "offset", "timestamp", "header:NAME".
	Include string `json:"include,omitempty"`
}

// Watermark is WATERMARK FOR Column AS Expr (SQL text over the columns).
type Watermark struct {
	Column int    `json:"column"`
	Expr   string `json:"expr"`
}

// Relation is a table, source, view, materialized view, sink or system
// relation. Immutable once published; a change makes a new value.
type Relation struct {
	OID        uint32            `json:"oid"`
	Schema     string            `json:"schema"`
	Name       string            `json:"name"`
	Kind       Kind              `json:"kind"`
	Columns    []Column          `json:"columns"`
	PrimaryKey []int             `json:"primaryKey,omitempty"` // tables
	Key        []int             `json:"key,omitempty"`        // derived key of a materialized view; nil: the whole row with its count
	Watermarks []Watermark       `json:"watermarks,omitempty"`
	Options    map[string]string `json:"options,omitempty"` // WITH (…), lower-case names
	Format     string            `json:"format,omitempty"`
	Encode     string            `json:"encode,omitempty"`
	Definition string            `json:"definition"`          // the CREATE statement as canonical SQL
	Query      string            `json:"query,omitempty"`     // the defining query of a view
	DependsOn  []uint32          `json:"dependsOn,omitempty"` // relations the definition reads, ascending
	Plan       []byte            `json:"plan,omitempty"`      // the stored physical plan (planner/plan codec)
	Comment    string            `json:"comment,omitempty"`
	// Start is where jobs on a source begin, by partition: resolved once from its
	// startup mode and kept. nil: not resolved yet.
	Start map[int32]int64 `json:"start,omitempty"`
	// CreatedAt and PausedAt are in microseconds since 2000-01-01 UTC. PausedAt is
	// since when the relation's job stands still by name; 0: it does not.
	CreatedAt int64 `json:"createdAt,omitempty"`
	PausedAt  int64 `json:"pausedAt,omitempty"`
	// MadeFor is the name of the job that a source was made for and with which it
	// goes; "": a source for all.
	MadeFor string `json:"madeFor,omitempty"`
}

// ColumnIndex finds a column by name; -1: none.
func (r *Relation) ColumnIndex(name string) int {
	for i := range r.Columns {
		if r.Columns[i].Name == name {
			return i
		}
	}
	return -1
}

// Types are the column types.
func (r *Relation) Types() []types.Type {
	ts := make([]types.Type, len(r.Columns))
	for i, c := range r.Columns {
		ts[i] = c.Type
	}
	return ts
}

// Reader resolves names at one moment: an immutable snapshot of the catalog.
type Reader interface {
	// Lookup finds schema.name; schema "" searches path in order (pg_catalog
	// first unless named). nil: none.
	Lookup(schema, name string, path []string) *Relation
	ByOID(oid uint32) *Relation
	// Relations lists every relation, system relations included, by OID.
	Relations() []*Relation
	HasSchema(name string) bool
}

// VirtualReader gives the rows of system relations (pg_catalog and so on).
type VirtualReader interface {
	// Rows appends the rows of a Virtual relation, in batches, to fn. eq holds
	// known equalities column index → value (a hint that may be ignored).
	Rows(rel *Relation, eq map[int]delta.Datum, fn func(*delta.Batch) error) error
}
