package pgcatalog

import (
	"cmp"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// Where the OIDs of rows begin that no client looks up by OID: PostgreSQL's own
// are not kept.
const (
	castOIDs     = 14000
	operatorOIDs = 14300
)

// operatorRows lists the operators of the registry.
func operatorRows(w *writer) {
	type operator struct {
		name        string
		left, right uint32
		fn          *expr.Func
	}
	var all []operator
	expr.EachOperator(func(name string, f *expr.Func) {
		args := typeOIDs(f.Args)
		if len(args) == 1 {
			args = []uint32{0, args[0]}
		}
		all = append(all, operator{name, args[0], args[1], f})
	})
	slices.SortFunc(all, func(a, b operator) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.left, b.left), cmp.Compare(a.right, b.right), cmp.Compare(a.fn.ID, b.fn.ID))
	})
	for i, o := range all {
		kind := "b"
		if o.left == 0 {
			kind = "l"
		}
		w.row(cells{
			"oid": operatorOIDs + i, "oprname": o.name, "oprnamespace": catalogNamespace, "oprowner": ownerOID, "oprkind": kind,
			"oprleft": o.left, "oprright": o.right, "oprresult": o.fn.Ret.OID, "oprcode": FunctionOID(o.fn.ID),
		})
	}
}

func aggregateRows(w *writer) {
	for _, p := range procs().all {
		if p.kind == "a" {
			w.row(cells{"aggfnoid": p.oid, "aggkind": "n"})
		}
	}
}

func castRows(w *writer) {
	type pair struct {
		from, to uint32
		c        expr.CastInfo
	}
	var all []pair
	expr.EachCast(func(from, to uint32, c expr.CastInfo) { all = append(all, pair{from, to, c}) })
	slices.SortFunc(all, func(a, b pair) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	for i, p := range all {
		method := "f"
		if p.c.Fn == nil {
			method = "b"
		}
		w.row(cells{
			"oid": castOIDs + i, "castsource": p.from, "casttarget": p.to, "castfunc": 0,
			"castcontext": string(rune(p.c.Context)), "castmethod": method,
		})
	}
}
