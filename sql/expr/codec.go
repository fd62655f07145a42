package expr

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// wire is a node as stored plans hold it. The plan carries the version; a
// field is only ever added. Kinds: col, const, param, outer, call, and, or,
// not, isnull, case, coalesce, array, anyall.
type wire struct {
	Kind  string      `json:"k"`
	Index int         `json:"i,omitempty"`
	Level int         `json:"l,omitempty"`
	Name  string      `json:"n,omitempty"`
	Type  *types.Type `json:"t,omitempty"`
	Fn    string      `json:"f,omitempty"` // Func.ID
	Pos   int         `json:"p,omitempty"`
	Flag  bool        `json:"x,omitempty"` // case: the last operand is ELSE; anyall: ALL
	Value *wireDatum  `json:"v,omitempty"`
	Args  []*wire     `json:"a,omitempty"`
}

// wireDatum is a constant; the float is text so that NaN and the infinities
// survive.
type wireDatum struct {
	T    types.Type `json:"t"`
	Null bool       `json:"null,omitempty"`
	B    bool       `json:"b,omitempty"`
	I    int64      `json:"i,omitempty"`
	F    string     `json:"f,omitempty"`
	S    []byte     `json:"s,omitempty"`
}

// maxStoredDepth bounds the nesting that Unmarshal follows.
const maxStoredDepth = 10_000

// Marshal encodes e (nil allowed) as JSON for a stored plan.
func Marshal(e Expr) ([]byte, error) {
	w, err := toWire(e)
	if err != nil {
		return nil, err
	}
	return json.Marshal(w)
}

// Unmarshal is the reverse of Marshal. An unknown function or kind is an
// error: the plan is newer than the program.
func Unmarshal(b []byte) (Expr, error) {
	var w *wire
	if err := json.Unmarshal(b, &w); err != nil {
		return nil, pgerr.New(pgerr.DataCorrupted, "stored expression: %v", err)
	}
	return fromWire(w, 0)
}

// toWire encodes a node; operands come in children's order.
func toWire(e Expr) (*wire, error) {
	if e == nil {
		return nil, nil
	}
	w := &wire{}
	switch e := e.(type) {
	case *Column:
		*w = wire{Kind: "col", Index: e.Index, Type: &e.T, Name: e.Name}
	case *Const:
		w.Kind, w.Value = "const", datumToWire(e.Value)
	case *Param:
		*w = wire{Kind: "param", Index: e.N, Type: &e.T}
	case *Outer:
		*w = wire{Kind: "outer", Level: e.Level, Index: e.Index, Type: &e.T, Name: e.Name}
	case *Call:
		*w = wire{Kind: "call", Fn: e.Fn.ID, Type: &e.T, Pos: e.Pos}
	case *And:
		w.Kind = "and"
	case *Or:
		w.Kind = "or"
	case *Not:
		w.Kind = "not"
	case *IsNull:
		w.Kind = "isnull"
	case *Case:
		*w = wire{Kind: "case", Type: &e.T, Flag: e.Else != nil}
	case *Coalesce:
		*w = wire{Kind: "coalesce", Type: &e.T}
	case *Array:
		*w = wire{Kind: "array", Type: &e.T}
	case *AnyAll:
		*w = wire{Kind: "anyall", Fn: e.Fn.ID, Flag: e.All}
	default:
		return nil, pgerr.Internal("cannot store an expression of kind %T", e)
	}
	for _, k := range children(e) {
		c, err := toWire(k)
		if err != nil {
			return nil, err
		}
		w.Args = append(w.Args, c)
	}
	return w, nil
}

func datumToWire(d delta.Datum) *wireDatum {
	w := &wireDatum{T: d.T, Null: d.Null, B: d.B, I: d.I, S: d.S}
	if d.T.Phys() == types.Float64 && !d.Null {
		w.F = strconv.FormatFloat(d.F, 'g', -1, 64)
	}
	return w
}

func fromWire(w *wire, depth int) (Expr, error) {
	if w == nil {
		return nil, nil
	}
	if depth > maxStoredDepth {
		return nil, badStored("nested too deeply")
	}
	args := make([]Expr, len(w.Args))
	for i, a := range w.Args {
		x, err := fromWire(a, depth+1)
		if err == nil && x == nil {
			err = badStored("an operand is missing")
		}
		if err != nil {
			return nil, err
		}
		args[i] = x
	}
	e, err := nodeFromWire(w, args)
	if err != nil {
		return nil, err
	}
	return e, nil
}

func badStored(format string, a ...any) error {
	return pgerr.New(pgerr.DataCorrupted, "stored expression: %s", fmt.Sprintf(format, a...))
}

func nodeFromWire(w *wire, args []Expr) (Expr, error) {
	var t types.Type
	if w.Type != nil {
		t = *w.Type
	}
	need := map[string]int{"not": 1, "isnull": 1, "anyall": 2}[w.Kind]
	if len(args) < need || w.Index < 0 || w.Level < 0 {
		return nil, badStored("%s is incomplete", w.Kind)
	}
	switch w.Kind {
	case "col":
		return &Column{Index: w.Index, T: t, Name: w.Name}, nil
	case "const":
		return constFromWire(w.Value)
	case "param":
		return &Param{N: w.Index, T: t}, nil
	case "outer":
		return &Outer{Level: w.Level, Index: w.Index, T: t, Name: w.Name}, nil
	case "call":
		f, err := storedFunc(w.Fn)
		if err == nil && !arityFits(f, len(args)) {
			err = badStored("%s with %d arguments", w.Fn, len(args))
		}
		return &Call{Fn: f, Args: args, T: t, Pos: w.Pos}, err
	case "and":
		return &And{Args: args}, nil
	case "or":
		return &Or{Args: args}, nil
	case "not":
		return &Not{X: args[0]}, nil
	case "isnull":
		return &IsNull{X: args[0]}, nil
	case "case":
		return caseFromWire(w, args, t)
	case "coalesce":
		return &Coalesce{Args: args, T: t}, nil
	case "array":
		return &Array{Elems: args, T: t}, nil
	case "anyall":
		f, err := storedFunc(w.Fn)
		return &AnyAll{Fn: f, X: args[0], Array: args[1], All: w.Flag}, err
	}
	return nil, badStored("unknown kind %q", w.Kind)
}

func caseFromWire(w *wire, args []Expr, t types.Type) (Expr, error) {
	e := &Case{T: t}
	if w.Flag && len(args) > 0 {
		e.Else, args = args[len(args)-1], args[:len(args)-1]
	}
	if len(args)%2 != 0 {
		return nil, badStored("case is incomplete")
	}
	for i := 0; i < len(args); i += 2 {
		e.Whens = append(e.Whens, When{args[i], args[i+1]})
	}
	return e, nil
}

func constFromWire(w *wireDatum) (Expr, error) {
	if w == nil {
		return nil, badStored("a constant has no value")
	}
	d := delta.Datum{T: w.T, Null: w.Null, B: w.B, I: w.I, S: w.S}
	if w.F != "" {
		f, err := strconv.ParseFloat(w.F, 64)
		if err != nil {
			return nil, badStored("float %q", w.F)
		}
		d.F = f
	}
	return &Const{Value: d}, nil
}

func storedFunc(id string) (*Func, error) {
	if f := FuncByID(id); f != nil {
		return f, nil
	}
	return nil, pgerr.New(pgerr.UndefinedFunction, "the stored plan uses function %q, which this version does not have", id)
}

// arityFits reports whether f takes n arguments.
func arityFits(f *Func, n int) bool {
	if f.Variadic {
		return n >= len(f.Args)-1
	}
	return n == len(f.Args)
}
