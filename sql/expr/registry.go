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

// RegisterFunction adds f under a SQL function name.
func registerFunction(name string, f *Func) {
	register(f)
	funcsByName[name] = append(funcsByName[name], f)
}

// registerOperator adds f under an operator name; its arity tells the form.
func registerOperator(op string, f *Func) { register(f); operators[op] = append(operators[op], f) }

// registerCast adds a cast between two base types.
func registerCast(from, to types.Type, ctx CastContext, f *Func) {
	if f != nil {
		register(f)
	}
	casts[[2]uint32{from.OID, to.OID}] = CastInfo{f, ctx}
}

// FuncByID finds a function by its permanent name; nil: none.
func FuncByID(id string) *Func { return funcsByID[id] }

// Functions returns the overloads of a SQL function name (lower case).
func Functions(name string) []*Func { return funcsByName[name] }

// Operators returns the overloads of an operator name.
func Operators(op string) []*Func { return operators[op] }

// FindCast returns the cast between two types, modifiers aside.
func FindCast(from, to types.Type) (CastInfo, bool) {
	c, ok := casts[[2]uint32{from.OID, to.OID}]
	return c, ok
}
