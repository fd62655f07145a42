package plan

import (
	"encoding/json"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// arity is the number of inputs of each operator; -1: any.
var arity = map[string]int{
	"scan": 0, "values": 0, "filter": 1, "project": 1, "union": -1, "exchange": 1, "join": 2, "aggregate": 1,
	"hop": 1, "topn": 1, "closebuffer": 1, "temporal": 1, "materialize": 1, "sink": 1,
}

func corrupt(format string, args ...any) error {
	return pgerr.New(pgerr.DataCorrupted, "stored plan: "+format, args...)
}

func decode(w *wire, depth int) (Node, error) {
	if depth > maxPlanDepth {
		return nil, corrupt("nested too deep")
	}
	want, known := arity[w.Op]
	if !known {
		return nil, pgerr.New(pgerr.FeatureNotSupported, "stored plan has an operator %q that this program does not know", w.Op)
	}
	if want >= 0 && len(w.In) != want || want < 0 && len(w.In) == 0 {
		return nil, corrupt("%s has %d inputs", w.Op, len(w.In))
	}
	ins := make([]Node, len(w.In))
	for i := range w.In {
		in, err := decode(&w.In[i], depth+1)
		if err != nil {
			return nil, err
		}
		ins[i] = in
	}
	exprs := make([]expr.Expr, len(w.Exprs))
	for i, b := range w.Exprs {
		e, err := expr.Unmarshal(b)
		if err != nil {
			return nil, err
		}
		if e == nil {
			return nil, corrupt("%s has an empty expression", w.Op)
		}
		exprs[i] = e
	}
	n, err := decodeNode(w, exprs)
	if err != nil {
		return nil, err
	}
	SetInputs(n, ins)
	return n, nil
}

// fields reads the operator's own fields.
func fields[T any](w *wire) (t T, err error) {
	if err := json.Unmarshal(w.Node, &t); err != nil {
		return t, corrupt("%s: %v", w.Op, err)
	}
	return t, nil
}

func decodeNode(w *wire, exprs []expr.Expr) (Node, error) {
	switch w.Op {
	case "scan":
		f, err := fields[wireScan](w)
		return &Scan{Props: w.Props, Rel: f.Rel, Name: f.Name, Kind: f.Kind, Take: f.Take}, err
	case "values":
		return decodeValues(w, exprs)
	case "filter":
		if len(exprs) != 1 {
			return nil, corrupt("a filter needs one condition")
		}
		return &Filter{Props: w.Props, Cond: exprs[0]}, nil
	case "project":
		return &Project{Props: w.Props, Exprs: exprs}, nil
	case "union":
		return &Union{Props: w.Props}, nil
	case "exchange":
		f, err := fields[wireKeys](w)
		return &Exchange{Props: w.Props, Keys: f.Keys}, err
	case "join":
		return decodeJoin(w, exprs)
	case "aggregate":
		return decodeAggregate(w)
	case "hop":
		f, err := fields[wireHop](w)
		return &HopExpand{Props: w.Props, Time: f.Time, Size: f.Size, Slide: f.Slide, Pane: f.Pane, Offset: f.Offset}, err
	case "topn":
		f, err := fields[wireTopN](w)
		return &TopN{Props: w.Props, Partition: f.Partition, Order: f.Order, Offset: f.Offset, Limit: f.Limit,
			RowNumber: f.RowNumber, Window: f.Window, Size: f.Size, Late: f.Late, OnClose: f.OnClose}, err
	case "temporal":
		f, err := fields[wireTemporal](w)
		if err == nil && (len(f.Bounds) == 0 || len(f.Bounds) != len(exprs)) {
			err = corrupt("a filter by the clock needs bounds")
		}
		n := &TemporalFilter{Props: w.Props, Bounds: f.Bounds}
		for i := range min(len(exprs), len(f.Bounds)) {
			n.Bounds[i].X = exprs[i]
		}
		return n, err
	case "closebuffer":
		f, err := fields[wireBuffer](w)
		return &CloseBuffer{Props: w.Props, Time: f.Time, Size: f.Size, Late: f.Late}, err
	case "materialize":
		f, err := fields[wireTop](w)
		return &Materialize{Props: w.Props, Rel: f.Rel, Name: f.Name}, err
	}
	f, err := fields[wireTop](w)
	return &Sink{Props: w.Props, Rel: f.Rel, Name: f.Name, Connector: f.Connector, Options: f.Options}, err
}

func decodeValues(w *wire, exprs []expr.Expr) (Node, error) {
	f, err := fields[wireValues](w)
	if err != nil {
		return nil, err
	}
	width := len(w.Props.Cols)
	if f.Rows < 0 || f.Rows*width != len(exprs) || width == 0 && f.Rows > 1<<20 {
		return nil, corrupt("%d values are not %d rows of %d", len(exprs), f.Rows, width)
	}
	n := &Values{Props: w.Props}
	for i := range f.Rows {
		n.Rows = append(n.Rows, exprs[i*width:(i+1)*width])
	}
	return n, nil
}

func decodeJoin(w *wire, exprs []expr.Expr) (Node, error) {
	f, err := fields[wireJoin](w)
	if err != nil {
		return nil, err
	}
	n := &Join{Props: w.Props, Kind: f.Kind, LKeys: f.LKeys, RKeys: f.RKeys, NullSafe: f.NullSafe, TimeKey: f.TimeKey, Size: f.Size, Late: f.Late,
		Extreme: f.Extreme}
	if f.On {
		if len(exprs) != 1 {
			return nil, corrupt("a join lacks its condition")
		}
		n.On = exprs[0]
	}
	return n, nil
}

func decodeAggregate(w *wire) (Node, error) {
	f, err := fields[wireAggregate](w)
	if err != nil {
		return nil, err
	}
	n := &Aggregate{Props: w.Props, Group: f.Group, Scalar: f.Scalar, Window: f.Window, Size: f.Size, Late: f.Late, OnClose: f.OnClose}
	for _, a := range f.Aggs {
		fn := expr.AggregateByID(a.Fn)
		if fn == nil {
			return nil, pgerr.New(pgerr.FeatureNotSupported, "stored plan has an aggregate %q that this program does not know", a.Fn)
		}
		n.Aggs = append(n.Aggs, Agg{Fn: fn, Args: a.Args, Filter: a.Filter, Distinct: a.Distinct, OrderBy: a.OrderBy, Merge: a.Merge})
	}
	return n, nil
}

// validate checks that every column index of a decoded plan is one of its
// input's: exec relies on it.
func validate(root Node) error {
	var bad error
	Walk(root, func(n Node) {
		if bad == nil {
			bad = validateNode(n)
		}
	})
	return bad
}

func validateNode(n Node) error {
	ok := true
	in := func(width int, cols ...int) {
		for _, c := range cols {
			ok = ok && c >= 0 && c < width
		}
	}
	width := 0
	for _, i := range n.Inputs() {
		width += len(i.Base().Cols)
	}
	keys := func(ks []SortKey) {
		for _, k := range ks {
			in(width, k.Col)
		}
	}
	in(len(n.Base().Cols), n.Base().Key...)
	for _, t := range n.Base().Times {
		in(len(n.Base().Cols), t.Col)
		ok = ok && len(t.Sources) > 0
	}
	switch n := n.(type) {
	case *Scan:
		ok = ok && len(n.Take) == len(n.Cols)
	case *Project:
		ok = ok && len(n.Exprs) == len(n.Cols)
	case *Exchange:
		in(width, n.Keys...)
	case *Join:
		in(len(n.L.Base().Cols), n.LKeys...)
		in(len(n.R.Base().Cols), n.RKeys...)
		ok = ok && len(n.LKeys) == len(n.RKeys) && n.Kind <= AntiJoin && n.TimeKey < len(n.LKeys) &&
			(len(n.NullSafe) == 0 || len(n.NullSafe) == len(n.LKeys)) &&
			(n.Extreme == nil || n.Kind == InnerJoin && n.Extreme.Pair >= 0 && n.Extreme.Pair < len(n.LKeys) && n.Extreme.Pair != n.TimeKey)
	case *Aggregate:
		in(width, n.Group...)
		ok = ok && n.Window < len(n.Group) && len(n.Cols) == len(n.Group)+len(n.Aggs)
		for _, a := range n.Aggs {
			in(width, a.Args...)
			ok = ok && a.Filter >= -1 && a.Filter < width
			keys(a.OrderBy)
		}
	case *HopExpand:
		in(width, n.Time)
		ok = ok && n.Slide > 0 && n.Size > 0
	case *TopN:
		in(width, n.Partition...)
		keys(n.Order)
		ok = ok && n.Window < len(n.Partition)
	case *CloseBuffer:
		in(width, n.Time)
	}
	MapExprs(n, func(e expr.Expr) expr.Expr {
		in(width, expr.Columns(e)...)
		return e
	})
	if !ok {
		return corrupt("%T refers to columns that are not there", n)
	}
	return nil
}
