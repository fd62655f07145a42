package bind

import (
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// maxParams is what the protocol can carry.
const maxParams = 65535

// params are the statement's parameters: given types, and those inferred from
// the first use.
type params struct {
	types []types.Type // OID 0 or unknown: not known yet
	uses  map[int][]*expr.Param
}

func newParams(given []types.Type) *params {
	return &params{types: append([]types.Type(nil), given...), uses: map[int][]*expr.Param{}}
}

// ref makes the expression for $n.
func (p *params) ref(n, pos int) (expr.Expr, error) {
	if n < 1 || n > maxParams {
		return nil, pgerr.New(pgerr.UndefinedParameter, "there is no parameter $%d", n).At(pos)
	}
	for len(p.types) < n {
		p.types = append(p.types, types.Unknown)
	}
	t := p.types[n-1]
	if t.OID == 0 {
		t = types.Unknown
	}
	e := &expr.Param{N: n, T: t}
	if t.OID == types.OIDUnknown {
		p.uses[n] = append(p.uses[n], e)
	}
	return e, nil
}

// settle decides the type of a parameter that had none.
func (p *params) settle(e *expr.Param, t types.Type) error {
	t = t.Base()
	if t.OID == types.OIDUnknown || polymorphic(t) {
		return nil
	}
	p.types[e.N-1] = t
	for _, u := range p.uses[e.N] {
		u.T = t
	}
	delete(p.uses, e.N)
	return nil
}

// check reports the first parameter whose type is still open.
func (p *params) check() error {
	for i, t := range p.types {
		if t.OID == types.OIDUnknown || t.OID == 0 {
			return pgerr.New(pgerr.IndeterminateDatatype, "could not determine data type of parameter $%d", i+1)
		}
	}
	return nil
}
