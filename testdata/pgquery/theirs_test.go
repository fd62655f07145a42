package pgquery

import (
	"fmt"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// theirs writes a libpg_query node in the common form: (kind@position parts).
type theirs struct{}

func join(parts []string) string { return strings.Join(parts, " ") }

func at(loc int32) string { return fmt.Sprintf("@%d", loc+1) }

func (w theirs) list(nodes []*pg.Node) string {
	var out []string
	for _, n := range nodes {
		out = append(out, w.node(n))
	}
	return "[" + join(out) + "]"
}

func names(nodes []*pg.Node) string {
	var out []string
	for _, n := range nodes {
		if n.GetAStar() != nil {
			out = append(out, "*")
			continue
		}
		out = append(out, n.GetString_().GetSval())
	}
	return strings.Join(out, ".")
}

// bare drops the schema that the grammar itself adds.
func bare(name string) string { return strings.TrimPrefix(name, "pg_catalog.") }

func (w theirs) node(n *pg.Node) string {
	if n == nil {
		return "-"
	}
	switch x := n.Node.(type) {
	case *pg.Node_AConst:
		return w.constant(x.AConst)
	case *pg.Node_ColumnRef:
		return "(col" + at(x.ColumnRef.Location) + " " + names(x.ColumnRef.Fields) + ")"
	case *pg.Node_ParamRef:
		return fmt.Sprintf("(param %d)", x.ParamRef.Number)
	case *pg.Node_AExpr:
		return w.aexpr(x.AExpr)
	case *pg.Node_BoolExpr:
		// x NOT IN (query) is x <> ALL (query) in our tree.
		if q := x.BoolExpr.Args[0].GetSubLink(); q != nil && x.BoolExpr.Boolop == pg.BoolExprType_NOT_EXPR && q.OperName == nil &&
			q.SubLinkType == pg.SubLinkType_ANY_SUBLINK && q.Location == x.BoolExpr.Location {
			return "(allq" + at(q.Location) + " <> " + w.node(q.Testexpr) + " " + w.node(q.Subselect) + ")"
		}
		kind := map[pg.BoolExprType]string{pg.BoolExprType_AND_EXPR: "and", pg.BoolExprType_OR_EXPR: "or", pg.BoolExprType_NOT_EXPR: "not"}[x.BoolExpr.Boolop]
		return "(" + kind + at(x.BoolExpr.Location) + " " + w.list(x.BoolExpr.Args) + ")"
	case *pg.Node_NullTest:
		return fmt.Sprintf("(isnull%s %v %s)", at(x.NullTest.Location), x.NullTest.Nulltesttype == pg.NullTestType_IS_NOT_NULL, w.node(x.NullTest.Arg))
	case *pg.Node_BooleanTest:
		t := map[pg.BoolTestType]string{pg.BoolTestType_IS_TRUE: "True false", pg.BoolTestType_IS_NOT_TRUE: "True true", pg.BoolTestType_IS_FALSE: "False false",
			pg.BoolTestType_IS_NOT_FALSE: "False true", pg.BoolTestType_IS_UNKNOWN: "Unknown false", pg.BoolTestType_IS_NOT_UNKNOWN: "Unknown true"}[x.BooleanTest.Booltesttype]
		return "(is" + at(x.BooleanTest.Location) + " " + t + " " + w.node(x.BooleanTest.Arg) + ")"
	case *pg.Node_TypeCast:
		loc := at(x.TypeCast.Location)
		if x.TypeCast.Arg.GetAConst() != nil {
			loc = "" // TYPE 'text' has none
		}
		return "(cast" + loc + " " + w.typ(x.TypeCast.TypeName) + " " + w.node(x.TypeCast.Arg) + ")"
	case *pg.Node_FuncCall:
		return w.call(x.FuncCall)
	case *pg.Node_AArrayExpr:
		return "(array" + at(x.AArrayExpr.Location) + " " + w.list(x.AArrayExpr.Elements) + ")"
	case *pg.Node_RowExpr:
		return "(row" + at(x.RowExpr.Location) + " " + w.list(x.RowExpr.Args) + ")"
	case *pg.Node_SubLink:
		return w.sublink(x.SubLink)
	case *pg.Node_CaseExpr:
		var whens []string
		for _, a := range x.CaseExpr.Args {
			whens = append(whens, w.node(a.GetCaseWhen().Expr)+" "+w.node(a.GetCaseWhen().Result))
		}
		return "(case" + at(x.CaseExpr.Location) + " " + w.node(x.CaseExpr.Arg) + " [" + join(whens) + "] " + w.node(x.CaseExpr.Defresult) + ")"
	case *pg.Node_CoalesceExpr:
		return "(func" + at(x.CoalesceExpr.Location) + " coalesce " + w.list(x.CoalesceExpr.Args) + ")"
	case *pg.Node_MinMaxExpr:
		name := "greatest"
		if x.MinMaxExpr.Op == pg.MinMaxOp_IS_LEAST {
			name = "least"
		}
		return "(func" + at(x.MinMaxExpr.Location) + " " + name + " " + w.list(x.MinMaxExpr.Args) + ")"
	case *pg.Node_GroupingFunc:
		return "(func" + at(x.GroupingFunc.Location) + " grouping " + w.list(x.GroupingFunc.Args) + ")"
	case *pg.Node_SqlvalueFunction:
		op := strings.ToLower(strings.TrimPrefix(x.SqlvalueFunction.Op.String(), "SVFOP_"))
		return "(value" + at(x.SqlvalueFunction.Location) + " " + strings.TrimSuffix(op, "_n") + ")"
	case *pg.Node_SetToDefault:
		return "(value" + at(x.SetToDefault.Location) + " default)"
	case *pg.Node_CollateClause:
		return "(collate" + at(x.CollateClause.Location) + " " + names(x.CollateClause.Collname) + " " + w.node(x.CollateClause.Arg) + ")"
	case *pg.Node_AIndirection:
		return w.indirection(x.AIndirection)
	case *pg.Node_NamedArgExpr:
		return "(named " + x.NamedArgExpr.Name + " " + w.node(x.NamedArgExpr.Arg) + ")"
	case *pg.Node_GroupingSet:
		return w.groupingSet(x.GroupingSet)
	case *pg.Node_SortBy:
		return w.sortBy(x.SortBy)
	case *pg.Node_ResTarget:
		return "(as" + at(x.ResTarget.Location) + " " + x.ResTarget.Name + " " + w.node(x.ResTarget.Val) + ")"
	case *pg.Node_SelectStmt:
		return w.sel(x.SelectStmt)
	case *pg.Node_List:
		return w.list(x.List.Items)
	}
	return w.table(n)
}

func (w theirs) constant(c *pg.A_Const) string {
	v := "null"
	switch x := c.Val.(type) {
	case *pg.A_Const_Ival:
		v = fmt.Sprint(x.Ival.GetIval())
	case *pg.A_Const_Fval:
		v = x.Fval.GetFval()
	case *pg.A_Const_Sval:
		v = fmt.Sprintf("%q", x.Sval.GetSval())
	case *pg.A_Const_Bsval:
		return "(cast" + at(c.Location) + " bit " + fmt.Sprintf("%q", x.Bsval.GetBsval()) + ")"
	case *pg.A_Const_Boolval:
		v = fmt.Sprint(x.Boolval.GetBoolval())
	}
	return "(const" + at(c.Location) + " " + v + ")"
}

func (w theirs) aexpr(x *pg.A_Expr) string {
	op := "(op" + at(x.Location) + " " + names(x.Name) + " "
	switch x.Kind {
	case pg.A_Expr_Kind_AEXPR_OP:
		if x.Lexpr == nil {
			return op + w.node(x.Rexpr) + ")"
		}
		return op + w.node(x.Lexpr) + " " + w.node(x.Rexpr) + ")"
	case pg.A_Expr_Kind_AEXPR_OP_ANY, pg.A_Expr_Kind_AEXPR_OP_ALL:
		kind := "any"
		if x.Kind == pg.A_Expr_Kind_AEXPR_OP_ALL {
			kind = "all"
		}
		return "(" + kind + at(x.Location) + " " + names(x.Name) + " " + w.node(x.Lexpr) + " " + w.node(x.Rexpr) + ")"
	case pg.A_Expr_Kind_AEXPR_DISTINCT, pg.A_Expr_Kind_AEXPR_NOT_DISTINCT:
		return fmt.Sprintf("(distinct%s %v %s %s)", at(x.Location), x.Kind == pg.A_Expr_Kind_AEXPR_NOT_DISTINCT, w.node(x.Lexpr), w.node(x.Rexpr))
	case pg.A_Expr_Kind_AEXPR_NULLIF:
		return "(func" + at(x.Location) + " nullif [" + w.node(x.Lexpr) + " " + w.node(x.Rexpr) + "])"
	case pg.A_Expr_Kind_AEXPR_IN:
		return fmt.Sprintf("(in%s %v %s %s)", at(x.Location), names(x.Name) == "<>", w.node(x.Lexpr), w.node(x.Rexpr))
	case pg.A_Expr_Kind_AEXPR_LIKE, pg.A_Expr_Kind_AEXPR_ILIKE, pg.A_Expr_Kind_AEXPR_SIMILAR:
		name := names(x.Name)
		right, esc := w.node(x.Rexpr), "-"
		if f := x.Rexpr.GetFuncCall(); f != nil && f.Location == x.Location {
			right = w.node(f.Args[0])
			if len(f.Args) > 1 {
				esc = w.node(f.Args[1])
			}
		} else if f != nil && (names(f.Funcname) == "pg_catalog.like_escape" || names(f.Funcname) == "pg_catalog.similar_to_escape") {
			right = w.node(f.Args[0])
			if len(f.Args) > 1 {
				esc = w.node(f.Args[1])
			}
		}
		return fmt.Sprintf("(like%s %d %v %s %s %s)", at(x.Location), x.Kind-pg.A_Expr_Kind_AEXPR_LIKE, strings.HasPrefix(name, "!"), w.node(x.Lexpr), right, esc)
	}
	items := x.Rexpr.GetList().Items
	not := x.Kind == pg.A_Expr_Kind_AEXPR_NOT_BETWEEN || x.Kind == pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM
	sym := x.Kind >= pg.A_Expr_Kind_AEXPR_BETWEEN_SYM
	return fmt.Sprintf("(between%s %v %v %s %s %s)", at(x.Location), not, sym, w.node(x.Lexpr), w.node(items[0]), w.node(items[1]))
}

func (w theirs) typ(t *pg.TypeName) string {
	s := bare(names(t.Names))
	if s != "interval" && s != "bpchar" && s != "bit" && len(t.Typmods) > 0 {
		var mods []string
		for _, m := range t.Typmods {
			mods = append(mods, fmt.Sprint(m.GetAConst().GetIval().GetIval()))
		}
		s += "(" + strings.Join(mods, ",") + ")"
	}
	return s + strings.Repeat("[]", len(t.ArrayBounds))
}

func (w theirs) call(f *pg.FuncCall) string {
	s := "(func" + at(f.Location) + " " + bare(names(f.Funcname))
	if f.AggStar {
		s += " *"
	}
	if f.AggDistinct {
		s += " distinct"
	}
	if f.FuncVariadic {
		s += " variadic"
	}
	s += " " + w.list(f.Args)
	if len(f.AggOrder) > 0 {
		word := " order "
		if f.AggWithinGroup {
			word = " within "
		}
		s += word + w.list(f.AggOrder)
	}
	if f.AggFilter != nil {
		s += " filter " + w.node(f.AggFilter)
	}
	if f.Over != nil {
		s += " over " + w.window(f.Over)
	}
	return s + ")"
}

// window leaves out frame options: their bits are tested by the scripts.
func (w theirs) window(d *pg.WindowDef) string {
	name := d.Refname
	if d.Name != "" {
		name = d.Name
	}
	return "(" + name + " " + w.list(d.PartitionClause) + " " + w.list(d.OrderClause) + " " + w.node(d.StartOffset) + " " + w.node(d.EndOffset) + ")"
}

func (w theirs) sublink(x *pg.SubLink) string {
	q := w.node(x.Subselect)
	loc := at(x.Location)
	switch x.SubLinkType {
	case pg.SubLinkType_EXISTS_SUBLINK:
		return "(exists" + loc + " " + q + ")"
	case pg.SubLinkType_ARRAY_SUBLINK:
		return "(arrayq" + loc + " " + q + ")"
	case pg.SubLinkType_ANY_SUBLINK, pg.SubLinkType_ALL_SUBLINK:
		op := names(x.OperName)
		if op == "" {
			op = "="
		}
		kind := "anyq"
		if x.SubLinkType == pg.SubLinkType_ALL_SUBLINK {
			kind = "allq"
		}
		return "(" + kind + loc + " " + op + " " + w.node(x.Testexpr) + " " + q + ")"
	}
	return "(scalar" + loc + " " + q + ")"
}

func (w theirs) indirection(x *pg.A_Indirection) string {
	s := w.node(x.Arg)
	for _, i := range x.Indirection {
		switch {
		case i.GetAStar() != nil:
			s = "(field * " + s + ")"
		case i.GetString_() != nil:
			s = "(field " + i.GetString_().Sval + " " + s + ")"
		default:
			ind := i.GetAIndices()
			lo, hi := ind.Lidx, ind.Uidx
			if !ind.IsSlice {
				lo, hi = hi, nil
			}
			s = fmt.Sprintf("(sub %v %s %s %s)", ind.IsSlice, s, w.node(lo), w.node(hi))
		}
	}
	return s
}

func (w theirs) groupingSet(g *pg.GroupingSet) string {
	switch g.Kind {
	case pg.GroupingSetKind_GROUPING_SET_EMPTY:
		return "(row" + at(g.Location) + " [])"
	case pg.GroupingSetKind_GROUPING_SET_ROLLUP:
		return "(func" + at(g.Location) + " rollup " + w.list(g.Content) + ")"
	case pg.GroupingSetKind_GROUPING_SET_CUBE:
		return "(func" + at(g.Location) + " cube " + w.list(g.Content) + ")"
	}
	return "(func" + at(g.Location) + " grouping sets " + w.list(g.Content) + ")"
}

func (w theirs) sortBy(s *pg.SortBy) string {
	desc := s.SortbyDir == pg.SortByDir_SORTBY_DESC
	using := names(s.UseOp)
	nulls := map[pg.SortByNulls]string{pg.SortByNulls_SORTBY_NULLS_FIRST: " first", pg.SortByNulls_SORTBY_NULLS_LAST: " last"}[s.SortbyNulls]
	return fmt.Sprintf("(by %v %s%s %s)", desc || using == ">", using, nulls, w.node(s.Node))
}

func (w theirs) sel(s *pg.SelectStmt) string {
	if s == nil {
		return "-"
	}
	out := "(query"
	if s.WithClause != nil {
		out += fmt.Sprintf(" with %v", s.WithClause.Recursive)
		for _, c := range s.WithClause.Ctes {
			cte := c.GetCommonTableExpr()
			out += " (" + cte.Ctename + " " + names(cte.Aliascolnames) + " " + w.node(cte.Ctequery) + ")"
		}
	}
	out += " " + w.body(s)
	if len(s.SortClause) > 0 {
		out += " order " + w.list(s.SortClause)
	}
	if l := s.LimitCount; l != nil && !l.GetAConst().GetIsnull() {
		out += " limit " + w.node(l)
	}
	if s.LimitOffset != nil {
		out += " offset " + w.node(s.LimitOffset)
	}
	return out + ")"
}

func (w theirs) body(s *pg.SelectStmt) string {
	if s.Op != pg.SetOperation_SETOP_NONE {
		op := map[pg.SetOperation]string{pg.SetOperation_SETOP_UNION: "Union", pg.SetOperation_SETOP_INTERSECT: "Intersect", pg.SetOperation_SETOP_EXCEPT: "Except"}[s.Op]
		return fmt.Sprintf("(%s %v %s %s)", op, s.All, w.sel(s.Larg), w.sel(s.Rarg))
	}
	if len(s.ValuesLists) > 0 {
		return "(values " + w.list(s.ValuesLists) + ")"
	}
	out := "(select"
	if len(s.DistinctClause) > 0 {
		out += " distinct"
		if s.DistinctClause[0].Node != nil {
			out += w.list(s.DistinctClause)
		}
	}
	out += " " + w.list(s.TargetList) + " from " + w.list(s.FromClause) + " where " + w.node(s.WhereClause) + " group " + w.list(s.GroupClause) + " having " + w.node(s.HavingClause)
	for _, d := range s.WindowClause {
		def := d.GetWindowDef()
		inner := &pg.WindowDef{Refname: def.Refname, PartitionClause: def.PartitionClause, OrderClause: def.OrderClause, StartOffset: def.StartOffset, EndOffset: def.EndOffset}
		out += " window " + def.Name + " " + w.window(inner)
	}
	return out + ")"
}

func (w theirs) alias(a *pg.Alias) string {
	if a == nil {
		return ""
	}
	return " as " + a.Aliasname + "(" + names(a.Colnames) + ")"
}

func (w theirs) table(n *pg.Node) string {
	switch x := n.Node.(type) {
	case *pg.Node_RangeVar:
		v := x.RangeVar
		name := v.Relname
		if v.Schemaname != "" {
			name = v.Schemaname + "." + name
		}
		return fmt.Sprintf("(table%s %s %v%s)", at(v.Location), name, !v.Inh, w.alias(v.Alias))
	case *pg.Node_RangeSubselect:
		return fmt.Sprintf("(derived %v %s%s)", x.RangeSubselect.Lateral, w.node(x.RangeSubselect.Subquery), w.alias(x.RangeSubselect.Alias))
	case *pg.Node_RangeFunction:
		f := x.RangeFunction
		return fmt.Sprintf("(tablefunc %v %v %s%s)", f.Lateral, f.Ordinality, w.node(f.Functions[0].GetList().Items[0]), w.alias(f.Alias))
	case *pg.Node_JoinExpr:
		j := x.JoinExpr
		kind := map[pg.JoinType]string{pg.JoinType_JOIN_INNER: "Inner", pg.JoinType_JOIN_LEFT: "Left", pg.JoinType_JOIN_RIGHT: "Right", pg.JoinType_JOIN_FULL: "Full"}[j.Jointype]
		if j.Jointype == pg.JoinType_JOIN_INNER && !j.IsNatural && j.UsingClause == nil && j.Quals == nil {
			kind = "Cross"
		}
		return fmt.Sprintf("(join %s %v %s %s %s %s%s)", kind, j.IsNatural, w.node(j.Larg), w.node(j.Rarg), names(j.UsingClause), w.node(j.Quals), w.alias(j.Alias))
	}
	return fmt.Sprintf("(unknown %T)", n.Node)
}
