package planner

import (
	"github.com/heliosdb/heliosdb-streaming/planner/bind"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// Write is a planned INSERT, UPDATE or DELETE; see bind.Write for the layout of
// its rows.
type Write struct {
	bind.Write
	Result
}

// Insert plans INSERT: the rows of Root are the new rows.
func Insert(o *Options, x *ast.Insert, cat catalog.Reader) (*Write, error) {
	w, st, err := bind.Insert(o.bind(), x, cat)
	return finishWrite(o, w, st, cat, err)
}

// Update plans UPDATE: the rows of Root are old row, new row, further columns.
func Update(o *Options, x *ast.Update, cat catalog.Reader) (*Write, error) {
	w, st, err := bind.Update(o.bind(), x, cat)
	return finishWrite(o, w, st, cat, err)
}

// Delete plans DELETE: the rows of Root are old row, further columns.
func Delete(o *Options, x *ast.Delete, cat catalog.Reader) (*Write, error) {
	w, st, err := bind.Delete(o.bind(), x, cat)
	return finishWrite(o, w, st, cat, err)
}

func finishWrite(o *Options, w *bind.Write, st *bind.Statement, cat catalog.Reader, err error) (*Write, error) {
	if err != nil {
		return nil, err
	}
	var root plan.Node
	if root, err = optimize(o, st, cat); err != nil {
		return nil, err
	}
	w.Plan = root
	return &Write{*w, Result{Root: root, Params: st.Params, DependsOn: st.DependsOn, Reads: st.Reads}}, nil
}
