package server

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/pgwire"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/expr/like"
)

// listKinds are the relations that each SHOW lists.
var listKinds = map[ast.ShowKind]catalog.Kind{
	ast.ShowSources: catalog.Source, ast.ShowTables: catalog.Table, ast.ShowViews: catalog.View,
	ast.ShowMaterializedViews: catalog.MaterializedView, ast.ShowSinks: catalog.Sink,
}

// bindShow binds SHOW and DESCRIBE.
func (x *session) bindShow(p *prepared, st *ast.Show) error {
	list := func(rows func() ([][]*string, error), names ...string) {
		p.cols = textColumns(names...)
		p.cmd = utility(func(*call) (pgwire.Result, error) {
			r, err := rows()
			if err != nil {
				return nil, err
			}
			return textRows(p.cols, r, func(int64) string { return "SHOW" }), nil
		})
	}
	p.rights = x.toShow(st)
	switch st.Kind {
	case ast.ShowParameter:
		name := st.Name
		if q := parameters[strings.ToLower(name)]; q != nil {
			name = q.name
		} else if _, ok := x.setting(name); !ok {
			return unknownParameter(st.Name)
		}
		list(func() ([][]*string, error) {
			v, ok := x.setting(st.Name)
			if !ok {
				return nil, unknownParameter(st.Name)
			}
			return [][]*string{{&v}}, nil
		}, name)
	case ast.ShowAll:
		list(func() ([][]*string, error) { return x.allSettings(), nil }, "name", "setting", "description")
	case ast.ShowJobs:
		list(func() ([][]*string, error) { return x.jobs(st.Like) }, jobColumns...)
	case ast.ShowEncryptionKeys:
		list(x.showEncryptionKeys, encryptionKeyColumns...)
	case ast.ShowStateSavepoints:
		p.cols = textColumns(stateSavepointColumns...)
		p.cmd = utility(x.showStateSavepoints)
	case ast.ShowCreate:
		list(func() ([][]*string, error) { return x.showCreate(st) }, "Name", "Create Sql")
	case ast.Describe:
		list(func() ([][]*string, error) { return x.describe(st) }, "Column", "Type", "Nullable", "Key", "Default", "Description")
	default:
		list(func() ([][]*string, error) { return x.relations(st) }, "Name", "Schema", "Description")
	}
	return nil
}

// cells makes a row; every value is present.
func cells(values ...string) []*string {
	row := make([]*string, len(values))
	for i := range values {
		row[i] = &values[i]
	}
	return row
}

// orNone is NULL for an empty text.
func orNone(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (x *session) allSettings() [][]*string {
	names := slices.Collect(maps.Keys(parameters))
	for n := range x.settings.now {
		if parameters[n] == nil {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	var rows [][]*string
	for _, n := range names {
		v, _ := x.setting(n)
		name, about := n, ""
		if p := parameters[n]; p != nil {
			name, about = p.name, p.about
		}
		rows = append(rows, cells(name, v, about))
	}
	return rows
}

// matcher is LIKE over names; an empty pattern takes all.
func matcher(pattern string) (func(string) bool, error) {
	if pattern == "" {
		return func(string) bool { return true }, nil
	}
	return likeMatcher(pattern)
}

func (x *session) relations(st *ast.Show) ([][]*string, error) {
	match, err := matcher(st.Like)
	if err != nil {
		return nil, err
	}
	cat := x.s.catalog()
	if st.Obj.Schema != "" && !cat.HasSchema(st.Obj.Schema) {
		return nil, pgerr.New(pgerr.InvalidSchemaName, "schema %q does not exist", st.Obj.Schema).At(st.Obj.Position())
	}
	var rows [][]*string
	for _, r := range cat.user() {
		if r.Kind == listKinds[st.Kind] && match(r.Name) && (st.Obj.Schema == "" || st.Obj.Schema == r.Schema) {
			rows = append(rows, []*string{&r.Name, &r.Schema, orNone(r.Comment)})
		}
	}
	sort.Slice(rows, func(i, j int) bool { return *rows[i][0] < *rows[j][0] })
	return rows, nil
}

// named finds a relation that a statement names.
func (x *session) named(n ast.ObjectName) (*catalog.Relation, error) {
	if r := x.s.catalog().Lookup(n.Schema, n.Name, x.path()); r != nil {
		return r, nil
	}
	name := n.Name
	if n.Schema != "" {
		name = n.Schema + "." + n.Name
	}
	return nil, pgerr.New(pgerr.UndefinedTable, "relation \"%s\" does not exist", name).At(n.Position())
}

func (x *session) showCreate(st *ast.Show) ([][]*string, error) {
	r, err := x.named(st.Obj)
	if err != nil {
		return nil, err
	}
	if r.Kind != dropKinds[st.Of] {
		return nil, pgerr.New(pgerr.WrongObjectType, "\"%s\" is not a %s", r.Name, st.Of).At(st.Obj.Position())
	}
	return [][]*string{cells(r.Schema+"."+r.Name, r.Definition)}, nil
}

func (x *session) describe(st *ast.Show) ([][]*string, error) {
	r, err := x.named(st.Obj)
	if err != nil {
		return nil, err
	}
	key := r.Key
	if r.PrimaryKey != nil {
		key = r.PrimaryKey
	}
	var rows [][]*string
	for i, c := range r.Columns {
		nullable, inKey, def := "yes", "", c.Default
		if c.NotNull || slices.Contains(r.PrimaryKey, i) {
			nullable = "no"
		}
		if k := slices.Index(key, i); k >= 0 {
			inKey = strconv.Itoa(k + 1)
		}
		if c.Generated != "" {
			def = "generated always as (" + c.Generated + ")"
		}
		about := c.Include
		if about != "" {
			about = "include " + about
		}
		rows = append(rows, []*string{&c.Name, orNone(c.Type.String()), &nullable, orNone(inKey), orNone(def), orNone(about)})
	}
	return rows, nil
}

// jobColumns are the columns of SHOW JOBS.
var jobColumns = []string{"name", "kind", "status", "progress", "error", "sources", "offsets", "lag", "watermark", "rows", "state_bytes", "notices"}

func (x *session) jobs(pattern string) ([][]*string, error) {
	match, err := matcher(pattern)
	if err != nil {
		return nil, err
	}
	cat := x.s.catalog()
	var rows [][]*string
	for _, j := range x.s.jobs() {
		r := cat.ByOID(j.Rel)
		if r == nil || !match(j.Name) {
			continue
		}
		rows = append(rows, jobRow(cat, r, &j))
	}
	sort.SliceStable(rows, func(i, k int) bool { return *rows[i][0] < *rows[k][0] })
	return rows, nil
}

func jobRow(cat *catalogView, r *catalog.Relation, j *exec.JobStatus) []*string {
	var names, offsets, marks []string
	lag := int64(0)
	for _, s := range j.Sources {
		name := integerText(int64(s.Rel))
		if src := cat.ByOID(s.Rel); src != nil {
			name = src.Name
		}
		names = append(names, name)
		offsets = append(offsets, name+" "+offsetsText(s.Offsets, s.End))
		lag += s.Lag
		if s.Watermark != exec.NoWatermark {
			marks = append(marks, name+" "+timestampText(s.Watermark))
		}
	}
	status, problem := j.State, ""
	switch {
	case j.Err != nil:
		problem = pgerr.From(j.Err).Message
	case j.Waiting != "":
		problem = j.Waiting
	}
	progress := fmt.Sprintf("%.1f %%", 100*j.Progress)
	rows, bytes := integerText(int64(j.Rows)), integerText(j.Bytes)
	kind := lowerWord(r.Kind)
	row := []*string{&j.Name, &kind, &status, &progress, orNone(problem), orNone(strings.Join(names, ", ")),
		orNone(strings.Join(offsets, "; ")), nil, orNone(strings.Join(marks, "; ")), &rows, &bytes, orNone(strings.Join(j.Notices, "; "))}
	if len(j.Sources) > 0 {
		l := integerText(lag)
		row[7] = &l
	}
	return row
}

// offsetsText shows what was read of what there is, by partition.
func offsetsText(at, end source.Offsets) string {
	var parts []string
	for _, p := range slices.Sorted(maps.Keys(at)) {
		s := fmt.Sprintf("%d:%d", p, at[p])
		if e, ok := end[p]; ok && e >= 0 {
			s += fmt.Sprintf("/%d", e)
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, " ")
}

// timestampText shows microseconds since 2000 in UTC.
func timestampText(us int64) string {
	return string(values.AppendDatumText(nil, delta.IntOf(types.Timestamp, us), &values.DefaultOpts))
}

func likeMatcher(pattern string) (func(string) bool, error) {
	p := like.Compile([]byte(pattern))
	if _, err := p.Match(nil); err != nil {
		return nil, err
	}
	return func(s string) bool { ok, err := p.Match([]byte(s)); return ok && err == nil }, nil
}
