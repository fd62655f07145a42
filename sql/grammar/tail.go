package grammar

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// tail parses what follows a query's body: ORDER BY, LIMIT, OFFSET, FETCH, EMIT
// ON WINDOW CLOSE. All expressions go into the text's ORDER BY.
func (r *Reader) tail(info *queryInfo) int {
	a := &args{r: r}
	begin := func() {
		if a.count == 0 {
			r.emit("ORDER BY")
		}
	}
	if r.Accept("order") {
		r.Expect("by")
		begin()
		info.q.OrderBy = r.orderItems(a)
	}
	limit, offset := false, false
	for r.err == nil {
		switch {
		case !limit && (r.At("limit") || r.At("fetch")):
			limit = true
			if r.limit(a, begin) {
				info.after = append(info.after, &info.q.Limit)
			}
			continue
		case !offset && r.Accept("offset"):
			offset = true
			begin()
			a.expr()
			info.after = append(info.after, &info.q.Offset)
			if !r.Accept("row") {
				r.Accept("rows")
			}
			continue
		case r.Accept("for"):
			if !r.At("update") && !r.At("share") && !r.At("no") && !r.At("key") {
				r.Unexpected()
				break
			}
			r.Unsupported("SELECT FOR %s", strings.ToUpper(r.Tok().Val))
		}
		break
	}
	if r.atEmit() {
		info.q.EmitPos = r.Pos()
		r.Expect("emit", "on", "window", "close")
		info.q.EmitOnWindowClose = true
	}
	return a.height
}

// limit parses LIMIT n|ALL or FETCH FIRST [n] ROWS ONLY; false: no limit.
func (r *Reader) limit(a *args, begin func()) bool {
	pos := r.Pos()
	if r.Accept("limit") {
		if r.Accept("all") {
			return false
		}
		begin()
		a.expr()
		if r.Accept(",") {
			a.expr()
			r.Fail(pgerr.New(pgerr.SyntaxError, "LIMIT #,# syntax is not supported").At(int(pos)).
				WithHint("Use separate LIMIT and OFFSET clauses."))
		}
		return true
	}
	r.Expect("fetch")
	if !r.Accept("first") {
		r.Expect("next")
	}
	begin()
	if r.At("row") || r.At("rows") {
		a.leaf(&ast.Literal{Pos: r.Pos(), Kind: ast.Integer, Text: "1"})
	} else {
		r.comma(a.count)
		a.count++
		a.height = max(a.height, r.primary().height)
	}
	if !r.Accept("row") {
		r.Expect("rows")
	}
	if r.Accept("with") {
		if !r.At("ties") {
			r.Unexpected()
		}
		r.Unsupported("WITH TIES")
	}
	r.Expect("only")
	return true
}

// orderItems parses the keys after ORDER BY, adding their expressions to a.
func (r *Reader) orderItems(a *args) []ast.OrderItem {
	var items []ast.OrderItem
	for ok := true; ok; ok = r.Accept(",") {
		it := ast.OrderItem{Pos: r.Pos()}
		a.expr()
		switch {
		case r.Accept("asc"):
		case r.Accept("desc"):
			it.Desc = true
		case r.Accept("using"):
			if t := r.Tok(); !isAnyOp(t) && !t.Is("operator") {
				r.Unexpected()
				return items
			}
			op := r.operatorName()
			it.Using = op.Name
			it.Desc = op.Name == ">"
		}
		if r.At("nulls", "first") || r.At("nulls", "last") {
			first := r.PeekN(1).Is("first")
			it.NullsFirst = &first
			r.Advance()
			r.Advance()
		}
		items = append(items, it)
	}
	return items
}

// windowSpec parses ( [name] [PARTITION BY …] [ORDER BY …] [frame] ), adding
// its expressions to a.
func (r *Reader) windowSpec(a *args) *ast.WindowSpec {
	w := &ast.WindowSpec{}
	r.Expect("(")
	if t := r.Tok(); IsColID(t) && !(t.Kind == lex.Ident && (t.Val == "partition" || t.Val == "range" || t.Val == "rows" || t.Val == "groups")) {
		w.Name = r.ColID()
	}
	if r.Accept("partition") {
		r.Expect("by")
		for ok := true; ok; ok = r.Accept(",") {
			a.expr()
			w.PartitionBy = append(w.PartitionBy, nil)
		}
	}
	if r.Accept("order") {
		r.Expect("by")
		w.OrderBy = r.orderItems(a)
	}
	if r.At("rows") || r.At("range") || r.At("groups") {
		w.Frame = r.frame(a)
	}
	r.Expect(")")
	return w
}

// windowSlots lists the places of w's operands in the order of the text.
func windowSlots(slots []*ast.Expr, w *ast.WindowSpec) []*ast.Expr {
	slots = slotsOf(slots, w.PartitionBy)
	slots = orderSlots(slots, w.OrderBy)
	if w.Frame != nil {
		for _, b := range []*ast.FrameBound{&w.Frame.Start, &w.Frame.End} {
			if b.Offset != nil {
				slots = append(slots, &b.Offset)
			}
		}
	}
	return slots
}

const (
	unboundedPreceding = "unbounded preceding"
	unboundedFollowing = "unbounded following"
	currentRow         = "current row"
)

// frame parses ROWS|RANGE|GROUPS with its bounds and exclusion.
func (r *Reader) frame(a *args) *ast.Frame {
	f := &ast.Frame{Pos: r.Pos(), Unit: r.Tok().Val}
	r.Advance()
	if r.Accept("between") {
		startAt := r.Pos()
		f.Start = r.bound(a)
		r.Expect("and")
		endAt := r.Pos()
		f.End = r.bound(a)
		r.checkFrame(f, startAt, endAt)
	} else {
		startAt := r.Pos()
		f.Start = r.bound(a)
		f.End = ast.FrameBound{Kind: currentRow}
		switch f.Start.Kind {
		case unboundedFollowing:
			r.Fail(pgerr.New(pgerr.WindowingError, "frame start cannot be UNBOUNDED FOLLOWING").At(int(startAt)))
		case "following":
			r.Fail(pgerr.New(pgerr.WindowingError, "frame starting from following row cannot end with current row").At(int(startAt)))
		}
	}
	if r.Accept("exclude") {
		switch {
		case r.Accept("current", "row"):
			f.Exclude = currentRow
		case r.Accept("group"):
			f.Exclude = "group"
		case r.Accept("ties"):
			f.Exclude = "ties"
		default:
			r.Expect("no", "others")
		}
	}
	return f
}

func (r *Reader) checkFrame(f *ast.Frame, startAt, endAt ast.Pos) {
	if r.err != nil {
		return
	}
	s, e := f.Start.Kind, f.End.Kind
	bad := func(pos ast.Pos, msg string) {
		r.Fail(pgerr.New(pgerr.WindowingError, "%s", msg).At(int(pos)))
	}
	switch {
	case s == unboundedFollowing:
		bad(startAt, "frame start cannot be UNBOUNDED FOLLOWING")
	case e == unboundedPreceding:
		bad(endAt, "frame end cannot be UNBOUNDED PRECEDING")
	case s == currentRow && e == "preceding":
		bad(endAt, "frame starting from current row cannot have preceding rows")
	case s == "following" && e == "preceding":
		bad(endAt, "frame starting from following row cannot have preceding rows")
	case s == "following" && e == currentRow:
		bad(endAt, "frame starting from following row cannot have preceding rows")
	}
}

// bound parses one end of a frame.
func (r *Reader) bound(a *args) ast.FrameBound {
	switch {
	case r.Accept("unbounded", "preceding"):
		return ast.FrameBound{Kind: unboundedPreceding}
	case r.Accept("unbounded", "following"):
		return ast.FrameBound{Kind: unboundedFollowing}
	case r.Accept("current", "row"):
		return ast.FrameBound{Kind: currentRow}
	}
	a.expr()
	if r.Accept("preceding") {
		return ast.FrameBound{Kind: "preceding", Offset: pending}
	}
	r.Expect("following")
	return ast.FrameBound{Kind: "following", Offset: pending}
}
