package pgwire

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// fakeHandler serves sessions that know a handful of statements, each written
// so that PostgreSQL gives the same answer: the wire scripts can be run
// against both.
type fakeHandler struct {
	batch   int // rows a batch; 0: 2
	connect func(ctx context.Context, c Conn, p StartupParams) error
	mu      sync.Mutex
	calls   []string // Begin, Commit and Abort that changed something, of all sessions
	open    int      // results and sessions not closed
	waiting chan struct{}
}

func newFake() *fakeHandler { return &fakeHandler{waiting: make(chan struct{}, 1000)} }

func (h *fakeHandler) add(n int) { h.mu.Lock(); h.open += n; h.mu.Unlock() }

func (h *fakeHandler) note(s string) { h.mu.Lock(); h.calls = append(h.calls, s); h.mu.Unlock() }

// Connect implements Handler.
func (h *fakeHandler) Connect(ctx context.Context, c Conn, p StartupParams) (Session, error) {
	if h.connect != nil {
		if err := h.connect(ctx, c, p); err != nil {
			return nil, err
		}
	}
	app := ""
	for _, s := range p.Settings {
		if s.Name == "application_name" {
			app = s.Value
		}
	}
	for _, s := range [][2]string{
		{"application_name", app}, {"client_encoding", "UTF8"}, {"DateStyle", "ISO, MDY"}, {"integer_datetimes", "on"},
		{"server_encoding", "UTF8"}, {"server_version", "15.0 (HeliosDB Streaming)"}, {"standard_conforming_strings", "on"},
	} {
		c.ReportParameter(s[0], s[1])
	}
	h.add(1)
	return &fakeSession{h: h, c: c, p: p, pid: p.PID}, nil
}

type fakeSession struct {
	h        *fakeHandler
	c        Conn
	p        StartupParams
	pid      int32
	set      Settings
	explicit byte // 'T' or 'E' inside BEGIN … COMMIT
	implicit bool
	block    bool
}

var (
	reRows   = regexp.MustCompile(`(?i)^SELECT g::int4 AS i, 'r'\|\|g AS s FROM generate_series\(1, (\d+)\) g$`)
	reEcho   = regexp.MustCompile(`(?i)^SELECT (\$\d+::\w+(?:, \$\d+::\w+)*)$`)
	reCopy   = regexp.MustCompile(`(?i)^COPY +(?:\((.*)\)|t) TO STDOUT(?: WITH \((.*)\))?$`)
	reSet    = regexp.MustCompile(`(?i)^SET (\w+) = '([^']*)'$`)
	reNotice = regexp.MustCompile(`(?i)^DO \$\$BEGIN RAISE NOTICE '(.*)'; END\$\$$`)
)

// Parse implements Session.
func (s *fakeSession) Parse(_ context.Context, sql string) ([]Statement, error) {
	var out []Statement
	off := 0
	for _, part := range splitSQL(sql) {
		text := strings.TrimLeft(part, " \n")
		at := off + len(part) - len(text)
		off += len(part) + 1
		text = strings.TrimRight(text, " \n")
		if text == "" || strings.HasPrefix(text, "--") {
			continue
		}
		if i := strings.Index(text, "SELEC "); i >= 0 {
			return nil, pgerr.New(pgerr.SyntaxError, "syntax error at or near \"SELEC\"").At(at + i + 1)
		}
		word := strings.ToUpper(strings.Fields(text)[0])
		out = append(out, Statement{SQL: text, Offset: at, EndsTx: word == "COMMIT" || word == "ROLLBACK", AST: word})
	}
	return out, nil
}

// splitSQL splits at semicolons outside $$ quotes.
func splitSQL(sql string) []string {
	var out []string
	from, in := 0, false
	for i := 0; i < len(sql); i++ {
		switch {
		case strings.HasPrefix(sql[i:], "$$"):
			in = !in
			i++
		case sql[i] == ';' && !in:
			out = append(out, sql[from:i])
			from = i + 1
		}
	}
	return append(out, sql[from:])
}

type fakePlan struct {
	st     Statement
	params []types.Type
	cols   []Column
	run    func(ctx context.Context, s *fakeSession, args []delta.Datum) (*fakeResult, error)
}

func (p *fakePlan) Params() []types.Type { return p.params }
func (p *fakePlan) Columns() []Column    { return p.cols }

var rowCols = []Column{{Name: "i", Type: types.Int4}, {Name: "s", Type: types.Text}}

// Prepare implements Session.
func (s *fakeSession) Prepare(_ context.Context, st Statement, _ []uint32) (Prepared, error) {
	p := &fakePlan{st: st}
	sql := st.SQL
	if i := strings.Index(sql, "nope"); i >= 0 {
		return nil, pgerr.New(pgerr.UndefinedColumn, "column \"nope\" does not exist").At(i + 1)
	}
	if m := reRows.FindStringSubmatch(sql); m != nil {
		n, _ := strconv.Atoi(m[1])
		p.cols = rowCols
		p.run = func(_ context.Context, s *fakeSession, _ []delta.Datum) (*fakeResult, error) {
			return s.rows(n), nil
		}
		return p, nil
	}
	if m := reEcho.FindStringSubmatch(sql); m != nil {
		return s.echo(p, m[1])
	}
	if m := reCopy.FindStringSubmatch(sql); m != nil {
		return s.copyOut(p, m[1], m[2])
	}
	if m := reNotice.FindStringSubmatch(sql); m != nil {
		p.run = func(_ context.Context, s *fakeSession, _ []delta.Datum) (*fakeResult, error) {
			s.c.Notice(pgerr.New("00000", "%s", m[1]))
			return &fakeResult{tag: "DO"}, nil
		}
		return p, nil
	}
	if m := reSet.FindStringSubmatch(sql); m != nil {
		p.run = func(_ context.Context, s *fakeSession, _ []delta.Datum) (*fakeResult, error) {
			s.setParam(m[1], m[2])
			return &fakeResult{tag: "SET"}, nil
		}
		return p, nil
	}
	return s.prepareWord(p)
}

func (s *fakeSession) setParam(name, value string) {
	d, _ := time.ParseDuration(value)
	switch name {
	case "statement_timeout":
		s.set.StatementTimeout = d
	case "idle_session_timeout":
		s.set.IdleSessionTimeout = d
	case "idle_in_transaction_session_timeout":
		s.set.IdleInTransactionTimeout = d
	default:
		s.c.ReportParameter(name, value)
	}
}

func (s *fakeSession) prepareWord(p *fakePlan) (Prepared, error) {
	sql := p.st.SQL
	switch {
	case sql == "SELECT":
		p.cols = []Column{}
		p.run = func(context.Context, *fakeSession, []delta.Datum) (*fakeResult, error) {
			return &fakeResult{cols: p.cols, left: 1, per: 1, tag: "SELECT"}, nil
		}
	case sql == "SELECT 1/0":
		p.cols = rowCols[:1]
		p.run = func(context.Context, *fakeSession, []delta.Datum) (*fakeResult, error) {
			return nil, pgerr.New(pgerr.DivisionByZero, "division by zero")
		}
	case sql == "SELECT 1/(3-g) AS i FROM generate_series(1, 5) g":
		p.cols = rowCols[:1]
		p.run = func(_ context.Context, s *fakeSession, _ []delta.Datum) (*fakeResult, error) {
			return &fakeResult{cols: p.cols, left: 2, per: 1, next: -1, fail: pgerr.New(pgerr.DivisionByZero, "division by zero")}, nil
		}
	case sql == "SELECT pg_sleep(1000)":
		p.cols = []Column{{Name: "pg_sleep", Type: types.Void}}
		p.run = func(ctx context.Context, s *fakeSession, _ []delta.Datum) (*fakeResult, error) {
			s.h.waiting <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		}
	case sql == "SUBSCRIBE", sql == "WEIGHTS", sql == "SUBZERO":
		p.cols = rowCols
		p.run = func(_ context.Context, s *fakeSession, _ []delta.Datum) (*fakeResult, error) {
			r := s.rows(2)
			r.shape.Live = sql == "SUBSCRIBE"
			r.weight = map[string]int64{"SUBSCRIBE": -1, "WEIGHTS": 3, "SUBZERO": -1}[sql]
			r.forever = r.shape.Live
			return r, nil
		}
	case sql == "PANIC":
		p.run = func(context.Context, *fakeSession, []delta.Datum) (*fakeResult, error) { panic("on purpose") }
	case sql == "DEALLOCATE ALL":
		p.run = func(_ context.Context, s *fakeSession, _ []delta.Datum) (*fakeResult, error) {
			s.c.Statements().DropAll()
			return &fakeResult{tag: sql}, nil
		}
	case strings.HasPrefix(sql, "INSERT"):
		p.run = func(context.Context, *fakeSession, []delta.Datum) (*fakeResult, error) {
			return &fakeResult{tag: "INSERT 0 1"}, nil
		}
	case p.st.AST == "BEGIN", p.st.AST == "COMMIT", p.st.AST == "ROLLBACK":
		p.run = func(_ context.Context, s *fakeSession, _ []delta.Datum) (*fakeResult, error) {
			return &fakeResult{tag: s.transaction(sql)}, nil
		}
	default:
		return nil, pgerr.Unsupported(1, "this statement")
	}
	return p, nil
}

func (s *fakeSession) echo(p *fakePlan, list string) (Prepared, error) {
	for _, item := range strings.Split(list, ", ") {
		_, name, _ := strings.Cut(item, "::")
		t, ok := types.ByName(name)
		if !ok {
			return nil, pgerr.New(pgerr.UndefinedObject, "type \"%s\" does not exist", name)
		}
		p.params = append(p.params, t)
		p.cols = append(p.cols, Column{Name: name, Type: t})
	}
	p.run = func(_ context.Context, _ *fakeSession, args []delta.Datum) (*fakeResult, error) {
		return &fakeResult{cols: p.cols, left: 1, per: 1, tag: "SELECT", args: args}, nil
	}
	return p, nil
}

func (s *fakeSession) copyOut(p *fakePlan, query, options string) (Prepared, error) {
	o := DefaultCopyOptions(CopyText)
	if strings.Contains(options, "FORMAT csv") {
		o = DefaultCopyOptions(CopyCSV)
	}
	if query == "" {
		query = "SELECT g::int4 AS i, 'r'||g AS s FROM generate_series(1, 2) g"
	}
	o.Header = strings.Contains(options, "HEADER")
	inner, err := s.Prepare(context.Background(), Statement{SQL: query}, nil)
	if err != nil {
		return nil, err
	}
	p.run = func(ctx context.Context, s *fakeSession, _ []delta.Datum) (*fakeResult, error) {
		r, err := inner.(*fakePlan).run(ctx, s, nil)
		if err == nil {
			r.tag, r.shape.Copy = "COPY", &o
		}
		return r, err
	}
	return p, nil
}

// transaction executes a transaction statement and gives its tag.
func (s *fakeSession) transaction(sql string) string {
	was := s.explicit
	switch {
	case sql == "BEGIN":
		if was != 0 {
			s.c.Notice(&pgerr.Error{Severity: "WARNING", Code: pgerr.ActiveSQLTransaction, Message: "there is already a transaction in progress"})
		}
		s.explicit, s.implicit = 'T', false
		s.h.note("begin")
		return "BEGIN"
	case was == 0:
		s.c.Notice(&pgerr.Error{Severity: "WARNING", Code: pgerr.NoActiveSQLTransaction, Message: "there is no transaction in progress"})
	}
	s.explicit, s.implicit = 0, false
	if was == 'E' || sql == "ROLLBACK" {
		s.h.note("rollback")
		return "ROLLBACK"
	}
	s.h.note("commit")
	return "COMMIT"
}

// Execute implements Session.
func (s *fakeSession) Execute(ctx context.Context, p Prepared, args []delta.Datum, _ ExecOptions) (Result, error) {
	r, err := p.(*fakePlan).run(ctx, s, args)
	if err != nil {
		return nil, err
	}
	r.s = s
	r.shape.Columns = r.cols
	s.h.add(1)
	return r, nil
}

// Begin implements Session.
func (s *fakeSession) Begin(_ context.Context, block bool) error {
	if s.explicit == 0 && !s.implicit {
		s.implicit, s.block = true, block
		s.h.note("begin implicit")
	}
	return nil
}

// Commit implements Session.
func (s *fakeSession) Commit(context.Context) error {
	if s.implicit {
		s.implicit = false
		s.h.note("commit implicit")
	}
	return nil
}

// Abort implements Session.
func (s *fakeSession) Abort() {
	if s.implicit {
		s.implicit = false
		s.h.note("abort implicit")
	}
	if s.explicit != 0 {
		s.explicit = 'E'
		s.h.note("abort block")
	}
}

// TxStatus implements Session.
func (s *fakeSession) TxStatus() byte {
	switch {
	case s.explicit != 0:
		return s.explicit
	case s.implicit && s.block:
		return 'T'
	}
	return 'I'
}

// Settings implements Session.
func (s *fakeSession) Settings() *Settings { return &s.set }

// Close implements Session.
func (s *fakeSession) Close() { s.h.add(-1) }

func (s *fakeSession) rows(n int) *fakeResult {
	per := s.h.batch
	if per == 0 {
		per = 2
	}
	return &fakeResult{cols: rowCols, left: n, per: per, tag: "SELECT"}
}

// fakeResult counts up.
type fakeResult struct {
	s         *fakeSession
	cols      []Column
	shape     Shape
	left, per int
	next      int64
	args      []delta.Datum // the single row
	fail      error         // after the rows
	weight    int64         // of each row, unless zero
	forever   bool
	closed    bool
	tag       string
	b         *delta.Batch
}

// Shape implements Result.
func (r *fakeResult) Shape() Shape { return r.shape }

// Next implements Result.
func (r *fakeResult) Next(ctx context.Context) (*delta.Batch, error) {
	if r.closed {
		return nil, errors.New("Next after Close")
	}
	n := min(r.left, r.per)
	if n == 0 {
		if r.forever {
			r.s.h.waiting <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return nil, r.fail
	}
	r.left -= n
	if r.b == nil {
		ts := make([]types.Type, len(r.cols))
		for i := range ts {
			ts[i] = r.cols[i].Type
		}
		r.b = delta.NewBatch(ts, n)
	}
	r.b.Reset()
	for range n {
		r.appendRow()
	}
	return r.b, nil
}

func (r *fakeResult) appendRow() {
	r.next++
	for c, v := range r.b.Cols {
		switch {
		case r.args != nil:
			v.AppendDatum(r.args[c])
		case v.T.Phys() == types.Int64:
			v.AppendInt(r.next)
		default:
			v.AppendBytes(strconv.AppendInt([]byte("r"), r.next, 10))
		}
	}
	w := r.weight
	if w == 0 {
		w = 1
	}
	r.b.AppendWeight(w)
}

// CommandTag implements Result.
func (r *fakeResult) CommandTag(rows int64) string {
	if r.tag == "SELECT" || r.tag == "COPY" {
		return r.tag + " " + strconv.FormatInt(rows, 10)
	}
	return r.tag
}

// Close implements Result.
func (r *fakeResult) Close() {
	if r.closed {
		panic("closed twice")
	}
	r.closed = true
	r.s.h.add(-1)
}
