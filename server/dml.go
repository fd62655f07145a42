package server

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/memory"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/pgwire"
	"github.com/heliosdb/heliosdb-streaming/planner"
	"github.com/heliosdb/heliosdb-streaming/planner/bind"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// write is a bound INSERT, UPDATE or DELETE.
type write struct {
	verb   string
	w      bind.Write
	query  *query // of w.Plan
	params bool
}

// bindWrite binds an INSERT, UPDATE or DELETE.
func (x *session) bindWrite(p *prepared, st ast.Statement) error {
	o, cat := x.planOptionsAdHoc(p.given), x.s.catalog()
	var w *planner.Write
	var err error
	verb := ""
	switch st := st.(type) {
	case *ast.Insert:
		verb = "INSERT"
		w, err = planner.Insert(o, st, cat)
	case *ast.Update:
		verb = "UPDATE"
		w, err = planner.Update(o, st, cat)
	case *ast.Delete:
		verb = "DELETE"
		w, err = planner.Delete(o, st, cat)
	}
	if err != nil {
		return err
	}
	p.params = w.Params
	p.rights = toWrite(cat, st, w)
	if w.Returning != nil {
		p.cols = returningColumns(verb, &w.Write)
	}
	c := &write{verb: verb, w: w.Write, params: len(w.Params) > 0}
	c.query = newQuery(w.Root, c.params)
	p.cmd = c
	return nil
}

// run executes the statement: its rows go to the transaction's write set.
func (c *write) run(k *call) (pgwire.Result, error) {
	x := k.x
	if err := x.writable(c.verb); err != nil {
		return nil, err
	}
	ws := x.openWrites()
	mark := ws.mark(c.w.Rel)
	out, err := c.apply(k.ctx, x, k.args)
	if err != nil {
		ws.backTo(mark)
		return nil, err
	}
	if x.tx.explicit || x.tx.block || ws.first != nil || ws.statements > 0 {
		ws.first = nil
	} else {
		ws.first = &attempt{c: c, args: k.args, rows: out.rows, returned: len(out.returned) > 0}
	}
	ws.statements++
	r := &listResult{shape: pgwire.Shape{Columns: k.p.cols}, batches: out.returned, close: out.mem.Release}
	tag := fmt.Sprintf("%s %d", c.verb, out.rows)
	if c.verb == "INSERT" {
		tag = fmt.Sprintf("INSERT 0 %d", out.rows)
	}
	r.tag = func(int64) string { return tag }
	return r, nil
}

// outcome is what a client is told of a statement that writes.
type outcome struct {
	rows     int64
	returned []*delta.Batch
	mem      *memory.Reservation // of returned
}

// apply computes the statement's rows on the transaction's snapshot and adds
// the changes to its write set.
func (c *write) apply(ctx context.Context, x *session, args []delta.Datum) (*outcome, error) {
	wr := &writer{c: c, x: x, rel: c.w.Rel, set: x.tx.writes, out: &outcome{mem: x.s.budget.Reserve()}}
	fail := func(err error) (*outcome, error) {
		wr.out.mem.Release()
		return nil, err
	}
	if err := wr.compile(args); err != nil {
		return fail(err)
	}
	n := c.query.plan
	if c.params {
		var err error
		if n, err = withArgs(n, args); err != nil {
			return fail(err)
		}
	}
	if err := wr.open(); err != nil {
		return fail(err)
	}
	defer wr.close()
	mem := x.s.budget.Reserve()
	defer mem.Release()
	rows := exec.Query(ctx, n, &exec.QueryEnv{
		Relations: wr.rd, Session: x.exprSession(), Now: x.tx.began, Memory: mem,
	})
	if err := wr.all(ctx, rows); err != nil {
		return fail(atRunTime(err))
	}
	return wr.out, nil
}

// writer turns the rows of a statement's plan into changes of its table.
type writer struct {
	c   *write
	x   *session
	rel *catalog.Relation
	set *writes
	out *outcome
	rd  *reader

	eval      expr.Ctx
	returning []*expr.Program
	conflict  *conflictPlan
	table     *tableState // nil: a conflict is found when the transaction commits
}

func (wr *writer) compile(args []delta.Datum) error {
	wr.eval.Session, wr.eval.Now = wr.x.exprSession(), wr.x.tx.began
	program := func(e expr.Expr) (*expr.Program, error) {
		e, err := expr.Substitute(e, args)
		if err != nil {
			return nil, err
		}
		return expr.Compile(e)
	}
	for _, e := range wr.c.w.Returning {
		p, err := program(e)
		if err != nil {
			return err
		}
		wr.returning = append(wr.returning, p)
	}
	cf := wr.c.w.Conflict
	if cf == nil {
		return nil
	}
	wr.conflict = &conflictPlan{touched: map[string]bool{}}
	for _, e := range cf.Set {
		p, err := program(e)
		if err != nil {
			return err
		}
		wr.conflict.set = append(wr.conflict.set, p)
	}
	if cf.Where != nil {
		p, err := program(cf.Where)
		if err != nil {
			return err
		}
		wr.conflict.where = p
	}
	return nil
}

// open takes the snapshots that the statement reads.
func (wr *writer) open() error {
	stored := wr.c.query.stored
	keyed := len(wr.rel.PrimaryKey) > 0
	if wr.c.verb == "INSERT" && keyed && (wr.conflict != nil || wr.x.tx.explicit) {
		stored = append(stored[:len(stored):len(stored)], wr.rel.OID)
	}
	rd, err := wr.x.reader(stored)
	if err != nil {
		return err
	}
	wr.rd = rd
	if len(stored) > len(wr.c.query.stored) {
		wr.table = newTableState(wr.rel, rd.reads.snap.Relation(wr.rel.OID), wr.set.set.deltas[wr.rel.OID])
	}
	return nil
}

func (wr *writer) close() {
	if wr.rd.reads != nil {
		wr.rd.reads.release()
	}
}

func (wr *writer) all(ctx context.Context, rows iter.Seq2[*delta.Batch, error]) error {
	for b, err := range rows {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		switch wr.c.verb {
		case "INSERT":
			err = wr.insert(b)
		case "UPDATE":
			err = wr.update(b)
		default:
			err = wr.delete(b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// insert adds the rows of b to the table.
func (wr *writer) insert(b *delta.Batch) error {
	if err := wr.notNull(b, 0); err != nil {
		return err
	}
	if wr.table != nil {
		return wr.insertChecked(b)
	}
	for i := range b.N {
		if err := wr.change(b, 0, i, b.Weight(i)); err != nil {
			return err
		}
	}
	return wr.affected(b)
}

// update replaces old rows (the first columns of b) by new ones (the next).
func (wr *writer) update(b *delta.Batch) error {
	width := len(wr.rel.Columns)
	if err := wr.notNull(b, width); err != nil {
		return err
	}
	for i := range b.N {
		if err := wr.change(b, 0, i, -b.Weight(i)); err != nil {
			return err
		}
		if err := wr.change(b, width, i, b.Weight(i)); err != nil {
			return err
		}
	}
	return wr.affected(b)
}

func (wr *writer) delete(b *delta.Batch) error {
	for i := range b.N {
		if err := wr.change(b, 0, i, -b.Weight(i)); err != nil {
			return err
		}
	}
	return wr.affected(b)
}

// change adds row i of b, the table's columns beginning at column at, to the
// write set.
func (wr *writer) change(b *delta.Batch, at, i int, weight int64) error {
	return wr.set.add(wr.rel, b, at, i, weight)
}

// affected counts the rows of b and computes RETURNING over them.
func (wr *writer) affected(b *delta.Batch) error {
	for i := range b.N {
		wr.out.rows += b.Weight(i)
	}
	if wr.returning == nil || b.N == 0 {
		return nil
	}
	out := &delta.Batch{N: b.N}
	for _, p := range wr.returning {
		v := p.Eval(&wr.eval, b)
		if err := firstFailure(&wr.eval); err != nil {
			return err
		}
		c := delta.NewVec(p.Type(), b.N)
		for i := range b.N {
			c.AppendFrom(v, i)
		}
		out.Cols = append(out.Cols, c)
	}
	if b.W != nil {
		out.W = append([]int64(nil), b.W[:b.N]...)
	}
	wr.out.returned = append(wr.out.returned, out)
	return wr.out.mem.Grow(batchBytes(out))
}

// firstFailure is the error of the first row that failed, nil when none did.
func firstFailure(c *expr.Ctx) error {
	if !c.Failed() {
		return nil
	}
	failed := c.TakeErrors()
	first := failed[0]
	for _, f := range failed[1:] {
		if f.Row < first.Row {
			first = f
		}
	}
	return first.Err
}

// notNull checks the columns that must not be NULL; the table's columns begin
// at column at of b.
func (wr *writer) notNull(b *delta.Batch, at int) error {
	for _, c := range wr.c.w.NotNull {
		v := b.Cols[at+c]
		if !v.HasNulls() {
			continue
		}
		for i := range b.N {
			if v.IsNull(i) {
				return notNullViolation(wr.rel, c, b, at, i, wr.x)
			}
		}
	}
	return nil
}

func notNullViolation(rel *catalog.Relation, col int, b *delta.Batch, at, i int, x *session) error {
	e := pgerr.New(pgerr.NotNullViolation, "null value in column %q of relation %q violates not-null constraint", rel.Columns[col].Name, rel.Name)
	// at > 0: an updated row, of which the client gave a part only.
	if at == 0 || x.s.auth.PrivilegesOn(x.who(), rel.OID).Has(auth.Privileges(auth.Select)) {
		e = e.WithDetail("Failing row contains (%s).", rowText(rel, b, at, i, x))
	}
	e.Schema, e.Table, e.Column = rel.Schema, rel.Name, rel.Columns[col].Name
	return e
}

// maxShown bounds a value in an error's detail, as PostgreSQL does.
const maxShown = 64

// rowText shows a row in an error.
func rowText(rel *catalog.Relation, b *delta.Batch, at, i int, x *session) string {
	var cells []string
	for c := range rel.Columns {
		v := b.Cols[at+c]
		if v.IsNull(i) {
			cells = append(cells, "null")
			continue
		}
		s := string(values.AppendText(nil, v, i, &x.settings.wire.Text))
		if len(s) > maxShown {
			cut := maxShown
			for cut > 0 && s[cut]&0xC0 == 0x80 {
				cut--
			}
			s = s[:cut] + "..."
		}
		cells = append(cells, s)
	}
	return strings.Join(cells, ", ")
}

// batchBytes is roughly what a batch takes.
func batchBytes(b *delta.Batch) int64 {
	n := int64(0)
	for _, c := range b.Cols {
		n += int64(cap(c.B)) + 8*int64(cap(c.I)+cap(c.F)+cap(c.S)) + int64(cap(c.Data))
	}
	return n + 8*int64(len(b.W))
}
