package plan

import (
	"encoding/json"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// FormatVersion is the version of stored plans that this program writes. It
// reads this one and all before it. A field that is added needs no new version
// as long as its zero value means what was there before.
const FormatVersion = 1

// maxPlanDepth bounds the nesting that Decode follows.
const maxPlanDepth = 10_000

// document is a stored plan.
type document struct {
	Version int  `json:"version"`
	Root    wire `json:"root"`
}

// wire is one stored node: its operator's name, what json makes of its fields,
// its expressions apart, and its inputs.
type wire struct {
	Op    string            `json:"op"`
	Props Props             `json:"props"`
	Node  json.RawMessage   `json:"node,omitempty"`
	Exprs []json.RawMessage `json:"exprs,omitempty"`
	In    []wire            `json:"in,omitempty"`
}

// Encode writes a continuous plan for the catalog. Nodes that only ad-hoc plans
// have are an error.
func Encode(n Node) ([]byte, error) {
	w, err := encode(n)
	if err != nil {
		return nil, err
	}
	return json.Marshal(document{FormatVersion, *w})
}

// Decode reads what Encode of this version or an older one wrote. A newer
// version is 0A000; damage is XX001.
func Decode(b []byte) (Node, error) {
	var d document
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, pgerr.New(pgerr.DataCorrupted, "stored plan: %v", err)
	}
	if d.Version > FormatVersion {
		return nil, pgerr.New(pgerr.FeatureNotSupported, "stored plan has format version %d, this program reads up to %d", d.Version, FormatVersion).
			WithHint("Start the newer program that wrote it.")
	}
	if d.Version < 1 {
		return nil, pgerr.New(pgerr.DataCorrupted, "stored plan has no format version")
	}
	n, err := decode(&d.Root, 0)
	if err != nil {
		return nil, err
	}
	return n, validate(n)
}

// The fields of nodes that are neither properties, expressions nor inputs.
type (
	wireScan struct {
		Rel  uint32 `json:"rel"`
		Name string `json:"name"`
		Kind uint8  `json:"kind"`
		Take []int  `json:"take"`
	}
	wireValues struct {
		Rows int `json:"rows"` // the expressions are the cells, row by row
	}
	wireKeys struct {
		Keys []int `json:"keys"`
	}
	wireJoin struct {
		Kind     JoinKind `json:"kind"`
		LKeys    []int    `json:"lkeys"`
		RKeys    []int    `json:"rkeys"`
		NullSafe []bool   `json:"nullSafe,omitempty"`
		On       bool     `json:"on,omitempty"` // the expression is ON
		TimeKey  int      `json:"timeKey"`
		Size     int64    `json:"size,omitempty"`
		Late     int64    `json:"late,omitempty"`
		Extreme  *Extreme `json:"extreme,omitempty"`
	}
	wireAggregate struct {
		Group   []int     `json:"group"`
		Aggs    []wireAgg `json:"aggs"`
		Scalar  bool      `json:"scalar,omitempty"`
		Window  int       `json:"window"`
		Size    int64     `json:"size,omitempty"`
		Late    int64     `json:"late,omitempty"`
		OnClose bool      `json:"onClose,omitempty"`
	}
	wireAgg struct {
		Fn       string    `json:"fn"` // expr.Aggregate.ID
		Args     []int     `json:"args,omitempty"`
		Filter   int       `json:"filter"`
		Distinct bool      `json:"distinct,omitempty"`
		OrderBy  []SortKey `json:"orderBy,omitempty"`
		Merge    bool      `json:"merge,omitempty"`
	}
	wireHop struct {
		Time   int   `json:"time"`
		Size   int64 `json:"size"`
		Slide  int64 `json:"slide"`
		Pane   int64 `json:"pane,omitempty"`
		Offset int64 `json:"offset,omitempty"`
	}
	wireTopN struct {
		Partition []int     `json:"partition"`
		Order     []SortKey `json:"order"`
		Offset    int64     `json:"offset,omitempty"`
		Limit     int64     `json:"limit"`
		RowNumber bool      `json:"rowNumber,omitempty"`
		Window    int       `json:"window"`
		Size      int64     `json:"size,omitempty"`
		Late      int64     `json:"late,omitempty"`
		OnClose   bool      `json:"onClose,omitempty"`
	}
	wireBuffer struct {
		Time int   `json:"time"`
		Size int64 `json:"size,omitempty"`
		Late int64 `json:"late,omitempty"`
	}
	wireTemporal struct {
		Bounds []ClockBound `json:"bounds"`
	}
	wireTop struct {
		Rel       uint32            `json:"rel"`
		Name      string            `json:"name"`
		Connector string            `json:"connector,omitempty"`
		Options   map[string]string `json:"options,omitempty"`
	}
)

func encode(n Node) (*wire, error) {
	w := &wire{Props: *n.Base()}
	var node any
	var exprs []expr.Expr
	switch n := n.(type) {
	case *Scan:
		w.Op, node = "scan", wireScan{n.Rel, n.Name, n.Kind, n.Take}
		if len(n.Eq) > 0 {
			return nil, pgerr.Internal("a read by key cannot be stored")
		}
	case *Values:
		w.Op, node = "values", wireValues{len(n.Rows)}
		for _, r := range n.Rows {
			exprs = append(exprs, r...)
		}
	case *Filter:
		w.Op, exprs = "filter", []expr.Expr{n.Cond}
	case *Project:
		w.Op, exprs = "project", n.Exprs
	case *Union:
		w.Op = "union"
	case *Exchange:
		w.Op, node = "exchange", wireKeys{n.Keys}
	case *Join:
		w.Op, node = "join", wireJoin{n.Kind, n.LKeys, n.RKeys, n.NullSafe, n.On != nil, n.TimeKey, n.Size, n.Late, n.Extreme}
		if n.On != nil {
			exprs = []expr.Expr{n.On}
		}
	case *Aggregate:
		a := wireAggregate{n.Group, []wireAgg{}, n.Scalar, n.Window, n.Size, n.Late, n.OnClose}
		for _, g := range n.Aggs {
			a.Aggs = append(a.Aggs, wireAgg{g.Fn.ID, g.Args, g.Filter, g.Distinct, g.OrderBy, g.Merge})
		}
		w.Op, node = "aggregate", a
	case *HopExpand:
		w.Op, node = "hop", wireHop{n.Time, n.Size, n.Slide, n.Pane, n.Offset}
	case *TopN:
		w.Op, node = "topn", wireTopN{n.Partition, n.Order, n.Offset, n.Limit, n.RowNumber, n.Window, n.Size, n.Late, n.OnClose}
	case *TemporalFilter:
		w.Op, node = "temporal", wireTemporal{n.Bounds}
		for _, b := range n.Bounds {
			exprs = append(exprs, b.X)
		}
	case *CloseBuffer:
		w.Op, node = "closebuffer", wireBuffer{n.Time, n.Size, n.Late}
	case *Materialize:
		w.Op, node = "materialize", wireTop{Rel: n.Rel, Name: n.Name}
	case *Sink:
		w.Op, node = "sink", wireTop{n.Rel, n.Name, n.Connector, n.Options}
	default:
		return nil, pgerr.Internal("a plan with a %T cannot be stored", n)
	}
	return w, w.fill(n, node, exprs)
}

// fill encodes what the operators have in common.
func (w *wire) fill(n Node, node any, exprs []expr.Expr) (err error) {
	if node != nil {
		if w.Node, err = json.Marshal(node); err != nil {
			return err
		}
	}
	for _, e := range exprs {
		b, err := expr.Marshal(e)
		if err != nil {
			return err
		}
		w.Exprs = append(w.Exprs, b)
	}
	for _, in := range n.Inputs() {
		x, err := encode(in)
		if err != nil {
			return err
		}
		w.In = append(w.In, *x)
	}
	return nil
}
