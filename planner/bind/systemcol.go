package bind

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// systemColumn is the column tableoid of a system relation, which clients read
// to tell catalogs apart; nil: none. It is NULL in the padding of an outer join,
// as a column that is never NULL otherwise tells.
func (it *item) systemColumn(name string) *itemCol {
	if name != "tableoid" || it.rel == nil || it.rel.Kind != catalog.Virtual {
		return nil
	}
	oid := &expr.Const{Value: delta.IntOf(types.Oid, int64(it.rel.OID))}
	for i, c := range it.rel.Columns {
		if c.NotNull {
			null := &expr.Const{Value: delta.NullOf(types.Oid)}
			return &itemCol{name, &expr.Case{Whens: []expr.When{{Cond: &expr.IsNull{X: it.cols[i].x}, Then: null}}, Else: oid, T: types.Oid}}
		}
	}
	return nil
}
