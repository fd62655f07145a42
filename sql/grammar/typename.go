package grammar

import (
	"strconv"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

func unsupportedAt(pos ast.Pos, format string, args ...any) *pgerr.Error {
	return pgerr.Unsupported(int(pos), format, args...)
}

// TypeName reads a type with its modifiers and array dimensions.
func (r *Reader) TypeName() ast.TypeName {
	if r.At("setof") {
		r.Unsupported("SETOF")
		return ast.TypeName{}
	}
	s := typeScan{r: r, i: r.i}
	t, ok := s.simple()
	if !ok {
		if s.err != nil {
			r.Fail(s.err)
		}
		r.unexpectedAt(s.i)
		return t
	}
	r.i = s.i
	if r.Accept("array") {
		t.Array = 1
		if r.Accept("[") {
			r.arrayBound()
			r.Expect("]")
		}
		return t
	}
	for r.Accept("[") {
		t.Array++
		if !r.At("]") {
			r.arrayBound()
		}
		r.Expect("]")
	}
	return t
}

// arrayBound passes a bound, which PostgreSQL ignores too.
func (r *Reader) arrayBound() {
	if r.Tok().Kind != lex.Integer {
		r.Unexpected()
	}
	r.Advance()
}

// typeScan reads a type without dimensions, moving nothing but its own index,
// so that it can be tried: "timestamp" may be a type before a literal or a
// column. When it fails, i is the offending token.
type typeScan struct {
	r   *Reader
	i   int
	err *pgerr.Error
}

func (s *typeScan) tok() *lex.Token { return &s.r.ts.T[s.i] }

func (s *typeScan) next() {
	if s.i < len(s.r.ts.T)-1 {
		s.i++
	}
}

func (s *typeScan) accept(w string) bool {
	if s.tok().Is(w) {
		s.next()
		return true
	}
	return false
}

func (s *typeScan) simple() (t ast.TypeName, ok bool) {
	t.Pos = ast.Pos(s.tok().Pos + 1)
	if s.tok().Kind == lex.Ident {
		if known, ok := s.keyword(&t); known {
			return t, ok
		}
	}
	if !IsTypeFuncName(s.tok()) {
		return t, false
	}
	t.Names = []string{s.tok().Val}
	s.next()
	for s.tok().Is(".") {
		s.next()
		if !IsColLabel(s.tok()) {
			return t, false
		}
		t.Names = append(t.Names, s.tok().Val)
		s.next()
	}
	return t, s.mods(&t)
}

// keyword reads the types that have a grammar of their own.
func (s *typeScan) keyword(t *ast.TypeName) (known, ok bool) {
	name := func(n string) { t.Names = []string{n} }
	w := s.tok().Val
	switch w {
	case "int", "integer", "smallint", "bigint", "real", "boolean":
		s.next()
		name(w)
		return true, true
	case "double":
		if !s.r.ts.T[min(s.i+1, len(s.r.ts.T)-1)].Is("precision") {
			return false, false
		}
		s.next()
		s.next()
		name("double precision")
		return true, true
	case "float":
		s.next()
		return true, s.float(t)
	case "decimal", "dec", "numeric":
		s.next()
		name("numeric")
		return true, s.mods(t)
	case "bit":
		s.next()
		name("bit")
		if s.accept("varying") {
			name("bit varying")
		}
		return true, s.mods(t)
	case "varchar":
		s.next()
		name("varchar")
		return true, s.mods(t)
	case "national", "character", "char", "nchar":
		s.next()
		if w == "national" && !s.accept("character") && !s.accept("char") {
			return true, false
		}
		name("character")
		if s.accept("varying") {
			name("varchar")
		}
		return true, s.mods(t)
	case "timestamp", "time":
		s.next()
		name(w)
		if !s.precision(t) {
			return true, false
		}
		return true, s.zone(t, w)
	case "interval":
		s.next()
		name(w)
		if s.tok().Is("(") {
			return true, s.precision(t)
		}
		return true, s.fields(t)
	}
	return false, false
}

// zone reads WITH|WITHOUT TIME ZONE.
func (s *typeScan) zone(t *ast.TypeName, w string) bool {
	at := s.i
	with := s.tok().Is("with")
	if !with && !s.tok().Is("without") {
		return true
	}
	s.next()
	if !s.tok().Is("time") {
		// WITH of another clause.
		s.i = at
		return true
	}
	s.next()
	if !s.accept("zone") {
		return false
	}
	if with {
		t.Names = []string{w + " with time zone"}
	}
	return true
}

func (s *typeScan) float(t *ast.TypeName) bool {
	t.Names = []string{"double precision"}
	pos := ast.Pos(s.r.ts.T[min(s.i+1, len(s.r.ts.T)-1)].Pos + 1)
	if !s.precision(t) {
		return false
	}
	if len(t.Mods) == 0 {
		return true
	}
	p := t.Mods[0]
	t.Mods = nil
	switch {
	case p < 1:
		s.err = pgerr.New(pgerr.InvalidParameterValue, "precision for type float must be at least 1 bit").At(int(pos))
	case p > 53:
		s.err = pgerr.New(pgerr.InvalidParameterValue, "precision for type float must be less than 54 bits").At(int(pos))
	case p <= 24:
		t.Names = []string{"real"}
	}
	return s.err == nil
}

// precision reads an optional (n).
func (s *typeScan) precision(t *ast.TypeName) bool {
	if !s.accept("(") {
		return true
	}
	n, ok := s.integer()
	if !ok || !s.tok().Is(")") {
		return false
	}
	s.next()
	t.Mods = []int64{n}
	return true
}

func (s *typeScan) integer() (int64, bool) {
	if s.tok().Kind != lex.Integer {
		return 0, false
	}
	n, err := strconv.ParseInt(s.tok().Val, 10, 32)
	if err != nil {
		return 0, false
	}
	s.next()
	return n, true
}

// mods reads an optional (n, …). PostgreSQL takes expressions there and then
// refuses all but constants.
func (s *typeScan) mods(t *ast.TypeName) bool {
	if !s.accept("(") {
		return true
	}
	for {
		neg := s.accept("-")
		n, ok := s.integer()
		if !ok {
			return false
		}
		if neg {
			n = -n
		}
		t.Mods = append(t.Mods, n)
		if !s.accept(",") {
			break
		}
	}
	return s.accept(")")
}

// fields reads the optional fields of an interval: DAY TO SECOND(3).
func (s *typeScan) fields(t *ast.TypeName) bool {
	order := []string{"year", "month", "day", "hour", "minute", "second"}
	rank := func() int {
		if s.tok().Kind == lex.Ident {
			for i, w := range order {
				if s.tok().Val == w {
					return i
				}
			}
		}
		return -1
	}
	from := rank()
	if from < 0 {
		return true
	}
	s.next()
	t.Fields = order[from]
	last := from
	if s.tok().Is("to") && from != 1 && from != 5 {
		s.next()
		to := rank()
		if to <= from || (from == 0) != (to == 1) {
			return false
		}
		s.next()
		t.Fields += " to " + order[to]
		last = to
	}
	if last == 5 {
		return s.precision(t)
	}
	return true
}
