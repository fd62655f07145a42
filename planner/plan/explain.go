package plan

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// Explain writes a plan as the lines of EXPLAIN: an operator a line, its inputs
// indented below it with an arrow, what is to say about it in between.
func Explain(n Node) []string {
	var p printer
	p.node(n, 0, true)
	return p.lines
}

type printer struct{ lines []string }

func (p *printer) node(n Node, depth int, root bool) {
	head, details := describe(n)
	if id := n.Base().ID; id != 0 {
		head += fmt.Sprintf("  (id %d)", id)
	}
	pad := ""
	if !root {
		pad = strings.Repeat(" ", 6*depth-4)
		head = "->  " + head
	}
	p.lines = append(p.lines, pad+head)
	pad = strings.Repeat(" ", 6*depth+2)
	for _, d := range append(details, common(n)...) {
		p.lines = append(p.lines, pad+d)
	}
	for _, in := range n.Inputs() {
		p.node(in, depth+1, false)
	}
}

// common are the properties that matter for a kept-up-to-date result.
func common(n Node) []string {
	var out []string
	b := n.Base()
	switch n.(type) {
	case *Materialize, *Join, *TopN:
		if b.Key != nil {
			out = append(out, "Key: ("+list(b.Cols, b.Key)+")")
		} else if _, ok := n.(*Materialize); ok {
			out = append(out, "Key: whole row")
		}
	}
	switch b.State.Kind {
	case "", "none":
	case "input":
		out = append(out, "State: grows with input, "+b.State.Reason)
	default:
		out = append(out, "State: bounded by "+b.State.Kind+", "+b.State.Reason)
	}
	switch n.(type) {
	case *Scan, *HopExpand, *Aggregate, *Join, *Union:
		if w := watermarks(b); w != "" {
			out = append(out, "Watermark: "+w)
		}
	}
	return out
}

// watermarks lists the columns that a watermark reaches.
func watermarks(b *Props) string {
	var s []string
	for _, t := range b.Times {
		d := t.Sources[0].Delay
		for _, x := range t.Sources[1:] {
			d = max(d, x.Delay)
		}
		text := name(b.Cols, t.Col)
		switch {
		case d > 0:
			text += " (watermark − " + Duration(d) + ")"
		case d < 0:
			text += " (watermark + " + Duration(-d) + ")"
		}
		s = append(s, text)
	}
	return strings.Join(s, ", ")
}

func name(cols []Col, i int) string {
	if i < 0 || i >= len(cols) {
		return "?"
	}
	if cols[i].Name == "" {
		return "$" + strconv.Itoa(i)
	}
	return cols[i].Name
}

func list(cols []Col, at []int) string {
	s := make([]string, len(at))
	for i, c := range at {
		s[i] = name(cols, c)
	}
	return strings.Join(s, ", ")
}

func exprList(es []expr.Expr) string {
	s := make([]string, len(es))
	for i, e := range es {
		s[i] = expr.String(e)
	}
	return strings.Join(s, ", ")
}

func sortList(cols []Col, keys []SortKey) string {
	s := make([]string, len(keys))
	for i, k := range keys {
		s[i] = name(cols, k.Col)
		if k.Desc {
			s[i] += " DESC"
		}
		if k.NullsFirst != k.Desc {
			s[i] += map[bool]string{true: " NULLS FIRST", false: " NULLS LAST"}[k.NullsFirst]
		}
	}
	return strings.Join(s, ", ")
}

var scanNames = map[uint8]string{1: "Table Scan", 2: "Source Scan", 4: "Materialized View Scan", 6: "System Scan"}

// describe is an operator's head line and its own details.
func describe(n Node) (string, []string) {
	switch n := n.(type) {
	case *Scan:
		return describeScan(n)
	case *Values:
		if len(n.Rows) == 1 && len(n.Cols) == 0 {
			return "Result", nil
		}
		return fmt.Sprintf("Values (%d rows)", len(n.Rows)), nil
	case *Filter:
		return "Filter", []string{"Condition: " + expr.String(n.Cond)}
	case *Project:
		return "Project", []string{"Output: " + outputs(n)}
	case *Union:
		return "Union All", nil
	case *Exchange:
		if len(n.Keys) == 0 {
			return "Exchange to one worker", nil
		}
		return "Exchange by (" + list(n.In.Base().Cols, n.Keys) + ")", nil
	case *Join:
		return describeJoin(n)
	case *Aggregate:
		return describeAggregate(n)
	case *HopExpand:
		return describeHop(n)
	case *TopN:
		return describeTopN(n)
	case *TemporalFilter:
		var d []string
		for _, b := range n.Bounds {
			d = append(d, "Condition: "+b.String())
		}
		return "Filter By Clock", d
	case *CloseBuffer:
		return "Hold Until Closed", []string{"Time: " + name(n.In.Base().Cols, n.Time)}
	case *Materialize:
		return "Materialize " + n.Name, nil
	case *Sink:
		return "Sink " + n.Name, []string{"Connector: " + n.Connector}
	}
	return describeAdHoc(n)
}

func describeAdHoc(n Node) (string, []string) {
	switch n := n.(type) {
	case *Sort:
		var d []string
		if len(n.Keys) > 0 {
			d = append(d, "Sort Key: "+sortList(n.In.Base().Cols, n.Keys))
		}
		if n.Limit != nil {
			d = append(d, "Limit: "+expr.String(n.Limit))
		}
		if n.Offset != nil {
			d = append(d, "Offset: "+expr.String(n.Offset))
		}
		if len(n.Keys) == 0 {
			return "Limit", d
		}
		return "Sort", d
	case *Apply:
		return describeApply(n)
	case *TableFunc:
		s := make([]string, len(n.Fns))
		for i, f := range n.Fns {
			s[i] = f.Name + "(" + exprList(f.Args) + ")"
		}
		return "Function Scan on " + strings.Join(s, ", "), nil
	case *ProjectSet:
		return "Project Set", nil
	}
	return fmt.Sprintf("%T", n), nil
}

func describeScan(n *Scan) (string, []string) {
	head := scanNames[n.Kind] + " on " + n.Name
	cols := make([]string, len(n.Cols))
	for i := range n.Cols {
		cols[i] = name(n.Cols, i)
	}
	d := []string{"Columns: " + strings.Join(cols, ", ")}
	if len(n.Eq) > 0 {
		d = append(d, "Key Prefix: "+exprList(n.Eq))
	}
	return head, d
}

// outputs are a projection's expressions, with AS where the name says more.
func outputs(n *Project) string {
	s := make([]string, len(n.Exprs))
	for i, e := range n.Exprs {
		s[i] = expr.String(e)
		if n.Cols[i].Name != "" && n.Cols[i].Name != s[i] {
			s[i] += " AS " + n.Cols[i].Name
		}
	}
	return strings.Join(s, ", ")
}

var joinNames = []string{"Join", "Left Join", "Right Join", "Full Join", "Semi Join", "Anti Join"}

func describeJoin(n *Join) (string, []string) {
	var d []string
	if len(n.LKeys) > 0 {
		s := make([]string, len(n.LKeys))
		for i := range n.LKeys {
			op := " = "
			if i < len(n.NullSafe) && n.NullSafe[i] {
				op = " IS NOT DISTINCT FROM "
			}
			s[i] = name(n.L.Base().Cols, n.LKeys[i]) + op + name(n.R.Base().Cols, n.RKeys[i])
		}
		d = append(d, "Match: "+strings.Join(s, " AND "))
	}
	if n.On != nil {
		d = append(d, "Condition: "+expr.String(n.On))
	}
	if x := n.Extreme; x != nil {
		kept, op, best := name(n.L.Base().Cols, n.LKeys[x.Pair]), " >= ", name(n.R.Base().Cols, n.RKeys[x.Pair])
		if !x.Right {
			kept, best = best, kept
		}
		if x.Falls {
			op = " <= "
		}
		d = append(d, "Keeps Only: "+kept+op+best)
	}
	head := joinNames[n.Kind]
	if len(n.LKeys) == 0 && n.Kind == InnerJoin {
		head = "Cross Join"
	}
	return head, d
}

func describeAggregate(n *Aggregate) (string, []string) {
	in := n.In.Base().Cols
	head := "Aggregate"
	if len(n.Aggs) == 0 {
		head = "Distinct"
	}
	if len(n.Group) > 0 {
		head += " by (" + list(in, n.Group) + ")"
	}
	var d []string
	if len(n.Aggs) > 0 {
		s := make([]string, len(n.Aggs))
		for i := range n.Aggs {
			s[i] = call(&n.Aggs[i], in)
		}
		d = append(d, "Calls: "+strings.Join(s, ", "))
	}
	if n.OnClose {
		d = append(d, "Emit: when "+name(in, n.Group[n.Window])+" closes")
	}
	return head, d
}

func call(a *Agg, in []Col) string {
	args := list(in, a.Args)
	if len(a.Args) == 0 {
		args = "*"
	}
	if a.Distinct {
		args = "DISTINCT " + args
	}
	if len(a.OrderBy) > 0 {
		args += " ORDER BY " + sortList(in, a.OrderBy)
	}
	s := a.Fn.Name + "(" + args + ")"
	if a.Merge {
		s = "merge " + s
	}
	if a.Filter >= 0 {
		s += " FILTER (WHERE " + name(in, a.Filter) + ")"
	}
	return s
}

func describeHop(n *HopExpand) (string, []string) {
	in := n.In.Base().Cols
	if n.Size == n.Slide {
		return "Tumble", []string{fmt.Sprintf("Windows: of %s by %s", Duration(n.Size), name(in, n.Time))}
	}
	d := fmt.Sprintf("Windows: of %s every %s by %s", Duration(n.Size), Duration(n.Slide), name(in, n.Time))
	if n.Pane > 0 {
		d += ", from panes of " + Duration(n.Pane)
	}
	return "Hop", []string{d}
}

func describeTopN(n *TopN) (string, []string) {
	in := n.In.Base().Cols
	head := "Rank"
	if n.Limit >= 0 {
		head = fmt.Sprintf("Top %d", n.Limit)
		if n.Offset > 0 {
			head += fmt.Sprintf(" after %d", n.Offset)
		}
	}
	if len(n.Partition) > 0 {
		head += " per (" + list(in, n.Partition) + ")"
	}
	var d []string
	if len(n.Order) > 0 {
		d = append(d, "Order: "+sortList(in, n.Order))
	}
	if n.OnClose {
		d = append(d, "Emit: when "+name(in, n.Partition[n.Window])+" closes")
	}
	return head, d
}

func describeApply(n *Apply) (string, []string) {
	head := map[ApplyKind]string{ApplyScalar: "Scalar Subquery", ApplyExists: "Exists Subquery", ApplyArray: "Array Subquery",
		ApplyAny: "Any Subquery", ApplyAll: "All Subquery", ApplyLateral: "Lateral Join"}[n.Kind]
	if n.Kind == ApplyLateral && n.LeftOuter {
		head = "Lateral Left Join"
	}
	var d []string
	if n.Test != nil {
		d = append(d, "Test: "+expr.String(n.Test))
	}
	if n.On != nil {
		d = append(d, "Condition: "+expr.String(n.On))
	}
	if n.Once {
		d = append(d, "Subquery: once")
	}
	return head, d
}
