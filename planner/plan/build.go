package plan

import "github.com/heliosdb/heliosdb-streaming/sql/expr"

// Constructors: nodes with their columns set.

// NewFilter keeps the rows of in for which cond is true.
func NewFilter(in Node, cond expr.Expr) *Filter {
	n := &Filter{In: in, Cond: cond}
	SetCols(n)
	return n
}

// NewProject computes exprs under names.
func NewProject(in Node, exprs []expr.Expr, names []string) *Project {
	n := &Project{In: in, Exprs: exprs}
	n.Cols = make([]Col, len(exprs))
	for i := range names {
		n.Cols[i].Name = names[i]
	}
	SetCols(n)
	return n
}

// NewJoin matches l and r on a condition over the concatenated row.
func NewJoin(kind JoinKind, l, r Node, on expr.Expr) *Join {
	n := &Join{L: l, R: r, Kind: kind, On: on, TimeKey: -1}
	SetCols(n)
	return n
}

// NewAggregate groups in.
func NewAggregate(in Node, group []int, aggs []Agg) *Aggregate {
	n := &Aggregate{In: in, Group: group, Aggs: aggs, Scalar: len(group) == 0, Window: -1}
	SetCols(n)
	return n
}

// NewTopN ranks in; limit < 0: no limit.
func NewTopN(in Node, partition []int, order []SortKey, offset, limit int64) *TopN {
	n := &TopN{In: in, Partition: partition, Order: order, Offset: offset, Limit: limit, Window: -1}
	SetCols(n)
	return n
}

// NewSort orders in and cuts it.
func NewSort(in Node, keys []SortKey, offset, limit expr.Expr) *Sort {
	n := &Sort{In: in, Keys: keys, Offset: offset, Limit: limit}
	SetCols(n)
	return n
}

// NewUnion is UNION ALL.
func NewUnion(in ...Node) *Union {
	n := &Union{In: in}
	SetCols(n)
	return n
}

// NewApply runs sub for every row of in.
func NewApply(in, sub Node, kind ApplyKind) *Apply {
	n := &Apply{In: in, Sub: sub, Kind: kind}
	SetCols(n)
	return n
}

// ColumnAt is column i of in as an expression.
func ColumnAt(in Node, i int) *expr.Column {
	c := in.Base().Cols[i]
	return &expr.Column{Index: i, T: c.Type, Name: c.Name}
}

// AllColumns are the columns of in as expressions, with their names.
func AllColumns(in Node) (es []expr.Expr, names []string) {
	for i, c := range in.Base().Cols {
		es, names = append(es, ColumnAt(in, i)), append(names, c.Name)
	}
	return es, names
}
