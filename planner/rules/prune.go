package rules

import (
	"maps"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// pruneColumns lets every operator carry only the columns that something above
// it reads.
func pruneColumns(_ *Context, n plan.Node) (plan.Node, error) {
	return exactly(n, firstN(len(n.Base().Cols))), nil
}

func firstN(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// columnSet collects column indexes.
type columnSet map[int]bool

func setOf(cols []int) columnSet {
	s := columnSet{}
	s.add(cols...)
	return s
}

func (s columnSet) add(cols ...int) {
	for _, c := range cols {
		s[c] = true
	}
}

func (s columnSet) exprs(es ...expr.Expr) {
	for _, e := range es {
		s.add(expr.Columns(e)...)
	}
}

func (s columnSet) sorted() []int { return slices.Sorted(maps.Keys(s)) }

// exactly prunes n to just these columns, in this order.
func exactly(n plan.Node, cols []int) plan.Node {
	n, at := prune(n, setOf(cols))
	es, names := make([]expr.Expr, len(cols)), make([]string, len(cols))
	same := len(cols) == len(n.Base().Cols)
	for i, c := range cols {
		es[i], names[i] = plan.ColumnAt(n, at[c]), n.Base().Cols[at[c]].Name
		same = same && at[c] == i
	}
	if same {
		return n
	}
	return plan.NewProject(n, es, names)
}

// moved maps the columns of e.
func moved(e expr.Expr, at map[int]int) expr.Expr {
	return plan.ShiftColumns(e, func(c int) int { return at[c] })
}

func movedAll(cols []int, at map[int]int) []int {
	if cols == nil {
		return nil
	}
	out := make([]int, len(cols))
	for i, c := range cols {
		out[i] = at[c]
	}
	return out
}

func movedKeys(ks []plan.SortKey, at map[int]int) []plan.SortKey {
	out := slices.Clone(ks)
	for i := range out {
		out[i].Col = at[out[i].Col]
	}
	return out
}

// same is the mapping of columns that stay where they are.
func same(n int) map[int]int {
	at := map[int]int{}
	for i := range n {
		at[i] = i
	}
	return at
}

// prune drops columns of n that need does not have. The result may still have
// more than needed; at tells where each old column is now.
func prune(n plan.Node, need columnSet) (out plan.Node, at map[int]int) {
	defer func() { plan.SetCols(out) }()
	switch n := n.(type) {
	case *plan.Scan:
		return pruneScan(n, need)
	case *plan.Values:
		return pruneValues(n, need)
	case *plan.Filter:
		need.exprs(n.Cond)
		n.In, at = prune(n.In, need)
		n.Cond = moved(n.Cond, at)
		return n, at
	case *plan.Project:
		return pruneProject(n, need)
	case *plan.Sort:
		for _, k := range n.Keys {
			need.add(k.Col)
		}
		n.In, at = prune(n.In, need)
		n.Keys = movedKeys(n.Keys, at)
		return n, at
	case *plan.Union:
		return pruneUnion(n, need)
	case *plan.Join:
		return pruneJoin(n, need)
	case *plan.Aggregate:
		return pruneAggregate(n, need)
	case *plan.TopN:
		return pruneTopN(n, need)
	case *plan.HopExpand:
		return pruneHop(n, need)
	case *plan.Apply:
		return pruneApply(n, need)
	case *plan.ProjectSet:
		return pruneSets(n, need)
	}
	ins := n.Inputs()
	for i, in := range ins {
		ins[i] = exactly(in, firstN(len(in.Base().Cols)))
	}
	if len(ins) > 0 {
		plan.SetInputs(n, ins)
	}
	return n, same(len(n.Base().Cols))
}

func pruneScan(n *plan.Scan, need columnSet) (plan.Node, map[int]int) {
	at := map[int]int{}
	var take []int
	var cols []plan.Col
	for i := range n.Take {
		if need[i] {
			at[i] = len(take)
			take, cols = append(take, n.Take[i]), append(cols, n.Cols[i])
		}
	}
	n.Take, n.Cols = take, cols
	return n, at
}

func pruneValues(n *plan.Values, need columnSet) (plan.Node, map[int]int) {
	at := map[int]int{}
	keep := slices.DeleteFunc(firstN(len(n.Cols)), func(i int) bool { return !need[i] })
	var cols []plan.Col
	for k, i := range keep {
		at[i] = k
		cols = append(cols, n.Cols[i])
	}
	for r, row := range n.Rows {
		var cells []expr.Expr
		for _, i := range keep {
			cells = append(cells, row[i])
		}
		n.Rows[r] = cells
	}
	n.Cols = cols
	return n, at
}

func pruneProject(n *plan.Project, need columnSet) (plan.Node, map[int]int) {
	at := map[int]int{}
	var es []expr.Expr
	var cols []plan.Col
	below := columnSet{}
	for i, e := range n.Exprs {
		if !need[i] {
			continue
		}
		at[i] = len(es)
		es, cols = append(es, e), append(cols, n.Cols[i])
		below.exprs(e)
	}
	in, moves := prune(n.In, below)
	for i, e := range es {
		es[i] = moved(e, moves)
	}
	n.In, n.Exprs, n.Cols = in, es, cols
	return n, at
}

func pruneUnion(n *plan.Union, need columnSet) (plan.Node, map[int]int) {
	keep := need.sorted()
	at := map[int]int{}
	for k, c := range keep {
		at[c] = k
	}
	for i, in := range n.In {
		n.In[i] = exactly(in, keep)
	}
	return n, at
}

func pruneJoin(n *plan.Join, need columnSet) (plan.Node, map[int]int) {
	wl := len(n.L.Base().Cols)
	need.exprs(n.On)
	l, r := setOf(n.LKeys), setOf(n.RKeys)
	for c := range need {
		if c < wl {
			l.add(c)
		} else {
			r.add(c - wl)
		}
	}
	lc, rc := l.sorted(), r.sorted()
	n.L, n.R = exactly(n.L, lc), exactly(n.R, rc)
	at := map[int]int{}
	lAt, rAt := map[int]int{}, map[int]int{}
	for i, c := range lc {
		at[c], lAt[c] = i, i
	}
	for i, c := range rc {
		at[wl+c], rAt[c] = len(lc)+i, i
	}
	n.LKeys, n.RKeys = movedAll(n.LKeys, lAt), movedAll(n.RKeys, rAt)
	n.On = moved(n.On, at)
	return n, at
}

func pruneAggregate(n *plan.Aggregate, need columnSet) (plan.Node, map[int]int) {
	at := same(len(n.Group))
	var aggs []plan.Agg
	below := setOf(n.Group)
	for i, a := range n.Aggs {
		last := n.Scalar && len(aggs) == 0 && i == len(n.Aggs)-1 // a scalar aggregate keeps one
		if !need[len(n.Group)+i] && !last {
			continue
		}
		at[len(n.Group)+i] = len(n.Group) + len(aggs)
		aggs = append(aggs, a)
		below.add(a.Args...)
		if a.Filter >= 0 {
			below.add(a.Filter)
		}
		for _, k := range a.OrderBy {
			below.add(k.Col)
		}
	}
	cols := below.sorted()
	n.In = exactly(n.In, cols)
	moves := map[int]int{-1: -1}
	for i, c := range cols {
		moves[c] = i
	}
	n.Group = movedAll(n.Group, moves)
	for i := range aggs {
		aggs[i].Args, aggs[i].Filter = movedAll(aggs[i].Args, moves), moves[aggs[i].Filter]
		aggs[i].OrderBy = movedKeys(aggs[i].OrderBy, moves)
	}
	n.Aggs = aggs
	return n, at
}

func pruneTopN(n *plan.TopN, need columnSet) (plan.Node, map[int]int) {
	width := len(n.In.Base().Cols)
	rank := n.RowNumber && need[width]
	below := setOf(n.Partition)
	for c := range need {
		if c < width {
			below.add(c)
		}
	}
	for _, k := range n.Order {
		below.add(k.Col)
	}
	cols := below.sorted()
	n.In = exactly(n.In, cols)
	at := map[int]int{}
	for i, c := range cols {
		at[c] = i
	}
	n.Partition, n.Order = movedAll(n.Partition, at), movedKeys(n.Order, at)
	at[width] = len(cols)
	n.RowNumber = rank
	return n, at
}

func pruneHop(n *plan.HopExpand, need columnSet) (plan.Node, map[int]int) {
	width := len(n.In.Base().Cols)
	below := setOf([]int{n.Time})
	for c := range need {
		if c < width {
			below.add(c)
		}
	}
	in, at := prune(n.In, below)
	n.In, n.Time = in, at[n.Time]
	w := len(in.Base().Cols)
	at[width], at[width+1] = w, w+1
	return n, at
}

func pruneApply(n *plan.Apply, need columnSet) (plan.Node, map[int]int) {
	wi := len(n.In.Base().Cols)
	ws := len(n.Cols) - wi
	need.exprs(n.On)
	in, sub := columnSet{}, columnSet{}
	for c := range need {
		if c < wi {
			in.add(c)
		} else {
			sub.add(c - wi)
		}
	}
	in.exprs(n.Test)
	plan.MapOuter(n.Sub, func(o *expr.Outer, depth int) expr.Expr {
		if o.Level == depth {
			in.add(o.Index)
		}
		return o
	})
	node, at := prune(n.In, in)
	n.In = node
	subCols := sub.sorted()
	switch n.Kind {
	case plan.ApplyLateral:
	case plan.ApplyExists:
		subCols = nil
	default:
		subCols = []int{0}
	}
	n.Sub = exactly(n.Sub, subCols)
	plan.MapOuter(n.Sub, func(o *expr.Outer, depth int) expr.Expr {
		if o.Level != depth {
			return o
		}
		return &expr.Outer{Level: o.Level, Index: at[o.Index], T: o.T, Name: o.Name}
	})
	n.Test = moved(n.Test, at)
	w := len(node.Base().Cols)
	if n.Kind == plan.ApplyLateral {
		for i, c := range subCols {
			at[wi+c] = w + i
		}
	} else {
		for i := range ws {
			at[wi+i] = w + i
		}
	}
	n.On = moved(n.On, at)
	n.Once = !plan.Correlated(n.Sub)
	return n, at
}

// pruneSets keeps every set-returning function: each decides how many rows
// there are.
func pruneSets(n *plan.ProjectSet, need columnSet) (plan.Node, map[int]int) {
	at := map[int]int{}
	var es []expr.Expr
	var sets []*plan.SetFunc
	var cols []plan.Col
	below := columnSet{}
	for i, e := range n.Exprs {
		if n.Sets[i] == nil && !need[i] {
			continue
		}
		at[i] = len(es)
		es, sets, cols = append(es, e), append(sets, n.Sets[i]), append(cols, n.Cols[i])
		if n.Sets[i] != nil {
			below.exprs(n.Sets[i].Args...)
		} else {
			below.exprs(e)
		}
	}
	n.Exprs, n.Sets, n.Cols = es, sets, cols
	in, moves := prune(n.In, below)
	n.In = in
	plan.MapExprs(n, func(e expr.Expr) expr.Expr { return moved(e, moves) })
	return n, at
}
