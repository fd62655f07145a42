package expr

import (
	"fmt"

	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// The registry is filled by init functions of this package's files and is
// read-only afterwards.
var (
	funcsByID   = map[string]*Func{}
	funcsByName = map[string][]*Func{} // SQL function name → overloads
	operators   = map[string][]*Func{} // "+": binary (2 args) and prefix (1 arg) overloads
	casts       = map[[2]uint32]CastInfo{}
	names       = map[*Func]nameInfo{} // how String writes a call
)

// nameInfo is the first name a function was registered under.
type nameInfo struct {
	kind nameKind
	name string
}

type nameKind uint8

const (
	functionName nameKind = iota
	operatorName
	castName
)

// CastContext is where a cast applies by itself (pg_cast.castcontext).
type CastContext byte

const (
	ExplicitCast   CastContext = 'e'
	AssignmentCast CastContext = 'a'
	ImplicitCast   CastContext = 'i'
)

// CastInfo is one entry of pg_cast. Fn nil: binary coercible.
type CastInfo struct {
	Fn      *Func
	Context CastContext
}

func register(f *Func) *Func {
	if _, dup := funcsByID[f.ID]; dup {
		panic(fmt.Sprintf("expr: function %s registered twice", f.ID))
	}
	funcsByID[f.ID] = f
	return f
}

// registerFunction adds f under a SQL function name.
func registerFunction(name string, f *Func) {
	register(f)
	names[f] = nameInfo{functionName, name}
	funcsByName[name] = append(funcsByName[name], f)
}

// registerOperator adds f under an operator name; its arity tells the form.
func registerOperator(op string, f *Func) {
	register(f)
	names[f] = nameInfo{operatorName, op}
	operators[op] = append(operators[op], f)
}

// registerCast adds a cast between two base types; f is nil for a binary
// coercible pair and may be registered already.
func registerCast(from, to types.Type, ctx CastContext, f *Func) {
	if f != nil && funcsByID[f.ID] != f {
		register(f)
		names[f] = nameInfo{castName, ""}
	}
	casts[[2]uint32{from.OID, to.OID}] = CastInfo{f, ctx}
}

// FuncByID finds a function by its permanent name; nil: none.
func FuncByID(id string) *Func {
	deriveArrayCasts()
	return funcsByID[id]
}

// Functions returns the overloads of a SQL function name (lower case).
func Functions(name string) []*Func { return funcsByName[name] }

// Operators returns the overloads of an operator name.
func Operators(op string) []*Func { return operators[op] }

// FindCast returns the cast between two types, modifiers aside: an entry of
// pg_cast, one between arrays made of the elements' cast, or the conversion
// through text that PostgreSQL implies for every type. From a type to itself it
// is the length coercion, whose function takes the value, the modifier (int4)
// and for some types whether the cast is explicit (boolean).
func FindCast(from, to types.Type) (CastInfo, bool) {
	deriveArrayCasts()
	if c, ok := casts[[2]uint32{from.OID, to.OID}]; ok {
		return c, true
	}
	if from.OID == to.OID {
		return CastInfo{}, false
	}
	return ioCast(from, to)
}

// Candidates are the overloads of a SQL function name (lower case) for the
// binder to choose from. Polymorphic arguments are declared as types.AnyElement,
// AnyArray, AnyNonArray (which agree within a call) or Any; their result is
// Ret resolved by the same rule, or RetFor.
func Candidates(name string) []*Func { return funcsByName[name] }

// EachFunction calls fn for every SQL function name and overload, in no set
// order: what pg_proc lists.
func EachFunction(fn func(name string, f *Func)) {
	for name, fs := range funcsByName {
		for _, f := range fs {
			fn(name, f)
		}
	}
}

// EachOperator calls fn for every operator name and overload.
func EachOperator(fn func(name string, f *Func)) {
	for name, fs := range operators {
		for _, f := range fs {
			fn(name, f)
		}
	}
}

// EachCast calls fn for every cast of pg_cast: the implied ones are left out.
func EachCast(fn func(from, to uint32, c CastInfo)) {
	for k, c := range casts {
		if types.Lookup(k[0]).Elem == 0 { // casts of arrays are derived
			fn(k[0], k[1], c)
		}
	}
}
