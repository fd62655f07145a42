package bind

import (
	"encoding/binary"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// tableFunc binds f(…) in FROM.
func (b *binder) tableFunc(at *scope, ctes *cteScope, te *ast.TableFunc) (*source, error) {
	_, name := splitFunc(te.Func)
	if te.Table != nil {
		return b.windowTable(at, ctes, te, name)
	}
	if len(te.ColumnDefs) > 0 {
		return nil, pgerr.Unsupported(te.Position(), "a column definition list")
	}
	s := b.inner(at, ctes, nil)
	s.where = inFrom
	args, err := b.exprs(s, te.Func.Args)
	if err != nil {
		return nil, err
	}
	var node plan.Node
	if fns := findSetFuncs(name); fns != nil {
		if err := b.adHocOnly(te.Position(), "set-returning function "+name+"()"); err != nil {
			return nil, err
		}
		f, err := b.chooseSet(name, fns, args, te.Position())
		if err != nil {
			return nil, err
		}
		t := &plan.TableFunc{Fns: []plan.SetFunc{f}, Ordinality: te.Ordinality}
		t.Cols = append([]plan.Col(nil), f.Cols...)
		node = t
	} else {
		if node, err = b.scalarTable(s, te); err != nil {
			return nil, err
		}
	}
	return functionSource(node, te, name)
}

// scalarTable is a scalar function in FROM: one row.
func (b *binder) scalarTable(s *scope, te *ast.TableFunc) (plan.Node, error) {
	e, err := b.call(s, te.Func)
	if err != nil {
		return nil, err
	}
	if te.Ordinality {
		return nil, pgerr.Unsupported(te.Position(), "WITH ORDINALITY of a scalar function")
	}
	return plan.NewProject(oneRow(), []expr.Expr{e}, []string{""}), nil
}

// functionSource names the columns of a function in FROM: a single unnamed one
// is called like the alias, or like the function.
func functionSource(n plan.Node, te *ast.TableFunc, name string) (*source, error) {
	cols := n.Base().Cols
	table := name
	if te.Alias != nil {
		table = te.Alias.Name
	}
	for i := range cols {
		if cols[i].Name == "" {
			cols[i].Name = table
		}
	}
	if te.Ordinality {
		n.Base().Cols = append(cols, plan.Col{Name: "ordinality", Type: types.Int8, NotNull: true})
	}
	it := &item{name: name, relName: name, colsVisible: true}
	it.setCols(n)
	if err := it.alias(te.Alias); err != nil {
		return nil, err
	}
	return &source{n, []*item{it}}, nil
}

// unixEpoch is 1970-01-01 in microseconds since 2000-01-01: windows are aligned
// to it, as in RisingWave and Flink.
const unixEpoch = -946684800 * 1_000_000

// windowTable binds TUMBLE(t, ts, size [, offset]) and HOP(t, ts, slide, size [,
// offset]): the rows of t with window_start and window_end.
func (b *binder) windowTable(at *scope, ctes *cteScope, te *ast.TableFunc, name string) (*source, error) {
	if name != "tumble" && name != "hop" {
		return nil, pgerr.Unsupported(te.Position(), "table function %s", name)
	}
	src, err := b.table(at, ctes, te.Table)
	if err != nil {
		return nil, err
	}
	args := te.Func.Args
	want := map[string]int{"tumble": 2, "hop": 3}[name]
	if len(args) < want || len(args) > want+1 {
		usage := map[string]string{"tumble": "TUMBLE(table, time column, size [, offset])", "hop": "HOP(table, time column, slide, size [, offset])"}
		return nil, pgerr.New(pgerr.UndefinedFunction, "%s takes %d or %d arguments", strings.ToUpper(name), want+1, want+2).
			WithHint("Use %s.", usage[name]).At(te.Position())
	}
	s := b.inner(at, ctes, src.items)
	s.where = inFrom
	ts, err := b.expr(s, args[0])
	if err != nil {
		return nil, err
	}
	col, ok := ts.(*expr.Column)
	if !ok || !windowable(col.T) {
		return nil, pgerr.New(pgerr.DatatypeMismatch, "the second argument of %s must be a column of type timestamp, timestamp with time zone or date", strings.ToUpper(name)).
			At(args[0].Position())
	}
	micros := make([]int64, len(args)-1)
	for i, x := range args[1:] {
		if micros[i], err = b.windowInterval(s, x, name, i < want-1); err != nil {
			return nil, err
		}
	}
	return b.windowNode(src, te, name, col, micros)
}

func windowable(t types.Type) bool {
	return t.OID == types.OIDTimestamp || t.OID == types.OIDTimestamptz || t.OID == types.OIDDate
}

// windowNode makes the node from its constants: size or slide and size, then
// perhaps the offset.
func (b *binder) windowNode(src *source, te *ast.TableFunc, name string, col *expr.Column, micros []int64) (*source, error) {
	node, at := src.node, col.Index
	if col.T.OID == types.OIDDate {
		x, err := b.castTo(col, types.Timestamp, te.Position())
		if err != nil {
			return nil, err
		}
		n, cols := withColumns(node, []expr.Expr{x})
		node, at = n, cols[0]
	}
	slide, size := micros[0], micros[0]
	if name == "hop" {
		size = micros[1]
		micros = micros[1:]
		if size < slide {
			return nil, pgerr.New(pgerr.InvalidParameterValue, "the slide of a HOP window must not be longer than its size").At(te.Position())
		}
	}
	offset := int64(unixEpoch)
	if len(micros) > 1 {
		offset += micros[1]
	}
	h := &plan.HopExpand{In: node, Time: at, Size: size, Slide: slide, Offset: ((offset % slide) + slide) % slide}
	plan.SetCols(h)
	it := &item{name: name, colsVisible: true}
	if len(src.items) == 1 {
		it.name, it.schema, it.relName = src.items[0].name, src.items[0].schema, src.items[0].relName
	}
	it.cols = append(it.cols, visibleCols(src.items)...)
	for k := len(h.Cols) - 2; k < len(h.Cols); k++ {
		it.cols = append(it.cols, itemCol{h.Cols[k].Name, plan.ColumnAt(h, k)})
	}
	if err := it.alias(te.Alias); err != nil {
		return nil, err
	}
	return &source{h, []*item{it}}, nil
}

// windowInterval is a constant interval in microseconds; positive when asked.
func (b *binder) windowInterval(s *scope, x ast.Expr, name string, positive bool) (int64, error) {
	e, err := b.expr(s, x)
	if err != nil {
		return 0, err
	}
	if e, err = b.coerceTo(e, types.Interval, expr.ImplicitCast, x.Position()); err != nil {
		return 0, err
	}
	k, ok := expr.Fold(e).(*expr.Const)
	if !ok || k.Value.Null {
		return 0, pgerr.New(pgerr.InvalidParameterValue, "the lengths of a %s window must be constant intervals", strings.ToUpper(name)).At(x.Position())
	}
	us, months := intervalMicros(k.Value)
	if months {
		return 0, pgerr.New(pgerr.FeatureNotSupported, "windows of months or years are not supported").
			WithHint("Use days or a smaller unit.").At(x.Position())
	}
	if positive && us <= 0 {
		return 0, pgerr.New(pgerr.InvalidParameterValue, "the lengths of a %s window must be positive", strings.ToUpper(name)).At(x.Position())
	}
	return us, nil
}

// intervalMicros is an interval as microseconds, a day being 24 hours; months
// tells that it has months and is no fixed length.
func intervalMicros(d delta.Datum) (us int64, months bool) {
	us = int64(binary.LittleEndian.Uint64(d.S[0:8]))
	days := int32(binary.LittleEndian.Uint32(d.S[8:12]))
	return us + int64(days)*86_400_000_000, binary.LittleEndian.Uint32(d.S[12:16]) != 0
}
