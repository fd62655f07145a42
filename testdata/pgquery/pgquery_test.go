package pgquery

import (
	"errors"
	"fmt"
	"math/rand"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	pg "github.com/pganalyze/pg_query_go/v6"
	pgparser "github.com/pganalyze/pg_query_go/v6/parser"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
	"github.com/heliosdb/heliosdb-streaming/sql/parse"
)

var (
	constAt = regexp.MustCompile(`\(const@-?[0-9]+ `)
	starAt  = regexp.MustCompile(`\(as@[0-9]+  \(col@[0-9]+ \*\)\)`)
)

// corpus is the queries of package parse's scripts that are PostgreSQL's too.
func corpus(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, f := range []string{"queries.txt", "expressions.txt", "psql.sql", "clients.sql"} {
		b, err := os.ReadFile("../sqlparse/" + f)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range strings.Split(strings.TrimSpace(string(b)), "\n\n") {
			sql, _, _ := strings.Cut(p, "\n----")
			if l := strings.ToLower(sql); strings.HasPrefix(sql, "--") || isUtility(l) || strings.Contains(l, "emit") || strings.Contains(l, "hop(") {
				continue
			}
			out = append(out, strings.TrimSuffix(sql, ";"))
		}
	}
	return out
}

// isUtility: statements whose trees have no common form here.
func isUtility(sql string) bool {
	return strings.HasPrefix(sql, "set ") || strings.HasPrefix(sql, "show ") || strings.HasPrefix(sql, "declare ")
}

// TestCorpus compares trees over the scripts.
func TestCorpus(t *testing.T) {
	for _, sql := range corpus(t) {
		compare(t, sql, true)
	}
}

// TestTokens compares where tokens begin and end.
func TestTokens(t *testing.T) {
	for _, sql := range corpus(t) {
		theirs, err := pg.Scan(sql)
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for _, k := range theirs.Tokens {
			if k.Token != pg.Token_SQL_COMMENT && k.Token != pg.Token_C_COMMENT {
				want = append(want, sql[k.Start:k.End])
			}
		}
		ours, err := lex.Scan(sql)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range ours.T[:len(ours.T)-1] {
			got = append(got, sql[k.Pos:k.End])
		}
		// UESCAPE is one token with its string here.
		if strings.Contains(sql, "UESCAPE") {
			continue
		}
		if strings.Join(got, "\x00") != strings.Join(want, "\x00") {
			t.Errorf("%s\n ours:       %q\n PostgreSQL: %q", sql, got, want)
		}
	}
}

// seedOf is HELIOSDB_TEST_SEED, or a fixed one: among damaged queries a new seed
// finds a rare difference now and then (operators with two schemas, lists that
// PostgreSQL reads further into), which is worth a look but no reason for a
// build to fail on another day.
func seedOf(t *testing.T) int64 {
	t.Helper()
	text := os.Getenv("HELIOSDB_TEST_SEED")
	if text == "" {
		return 1
	}
	seed, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("HELIOSDB_TEST_SEED: %v", err)
	}
	return seed
}

// castPlace is where a cast stands in a dump. PostgreSQL gives none to the casts
// that it makes up (SUBSTRING … FOR) and to those of bit strings.
var castPlace = regexp.MustCompile(`cast(@\d+)?`)

// sameButCasts reports whether two trees differ only in where casts stand.
func sameButCasts(a, b string) bool {
	return castPlace.ReplaceAllString(a, "cast") == castPlace.ReplaceAllString(b, "cast")
}

// TestMixedQueries exchanges parts between the queries of the corpus. Texts that
// both sides take must have one tree.
func TestMixedQueries(t *testing.T) {
	seed := seedOf(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewSource(seed))
	texts := corpus(t)
	var pieces [][]string
	for _, s := range texts {
		ts, err := lex.Scan(s)
		if err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, k := range ts.T[:len(ts.T)-1] {
			words = append(words, s[k.Pos:k.End])
		}
		pieces = append(pieces, words)
	}
	part := func() []string {
		p := pieces[rng.Intn(len(pieces))]
		from := rng.Intn(len(p))
		return p[from:min(len(p), from+1+rng.Intn(6))]
	}
	took, verdicts := 0, 0
	for range 30000 {
		p := pieces[rng.Intn(len(pieces))]
		from := rng.Intn(len(p))
		to := min(len(p), from+rng.Intn(4))
		words := append(append(append([]string{}, p[:from]...), part()...), p[to:]...)
		sql := strings.Join(words, " ")
		if strings.Contains(sql, ";") {
			continue
		}
		want, got := theirSide(t, sql), ourSide(sql)
		switch {
		case got == want:
			took++
		case strings.HasPrefix(got, "0A000"):
		case sameButCasts(got, want), strings.HasPrefix(got, "error"), strings.HasPrefix(want, "error"):
			if verdicts++; verdicts <= 5 {
				t.Logf("verdict: %s\n ours:       %.300s\n PostgreSQL: %.300s", sql, got, want)
			}
		default:
			t.Errorf("%s\n ours:       %s\n PostgreSQL: %s", sql, got, want)
		}
	}
	t.Logf("%d the same, %d with another verdict or position", took, verdicts)
	// PostgreSQL 17 and 15 differ in keywords, and yacc may stop a token later.
	if verdicts*100 > took*2 {
		t.Errorf("more than 2 %% have another verdict")
	}
}

// TestRandomExpressions compares trees and verdicts over random token soup that
// is mostly well-formed, without parentheses, so that precedence decides all.
func TestRandomExpressions(t *testing.T) {
	seed := seedOf(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewSource(seed))
	bad := 0
	for range 20000 {
		if !compare(t, "SELECT "+soup(rng), bad < 5) {
			bad++
		}
	}
	t.Logf("%d differ", bad)
}

var (
	operands = []string{"a", "b.c", "1", "2.5", "'x'", "f(d)", "NULL", "$1", "(e)", "ARRAY[1]", "CASE WHEN a THEN b END", "(SELECT 1)", "DATE 'x'", "ROW(1)"}
	prefixes = []string{"NOT", "-", "+", "@", "~", "OPERATOR(s.!)"}
	infixes  = []string{"OR", "AND", "=", "<", ">", "<=", ">=", "<>", "!=", "+", "-", "*", "/", "%", "^", "||", "->", "~", "OPERATOR(s.+)",
		"LIKE", "NOT LIKE", "ILIKE", "SIMILAR TO", "IS DISTINCT FROM", "IS NOT DISTINCT FROM", "AT TIME ZONE", "= ANY (x) +", "< ALL (SELECT 1) AND", "|| SOME (y) ||"}
	suffixes = []string{"IS NULL", "IS NOT TRUE", "ISNULL", "NOTNULL", "IS UNKNOWN", "::int", "::text[]", `COLLATE "C"`, "IN (1, 2)", "NOT IN (SELECT 1)",
		"BETWEEN b AND c", "NOT BETWEEN 1 + 2 AND 3", "BETWEEN SYMMETRIC 1 < 2 AND c", "= ANY (x)", "LIKE ANY (x)", "LIKE 'x' ESCAPE 'y'"}
)

func soup(rng *rand.Rand) string {
	pick := func(list []string) string { return list[rng.Intn(len(list))] }
	var out []string
	for n := 1 + rng.Intn(6); n > 0; n-- {
		for rng.Intn(4) == 0 {
			out = append(out, pick(prefixes))
		}
		out = append(out, pick(operands))
		for rng.Intn(4) == 0 {
			out = append(out, pick(suffixes))
		}
		if n > 1 {
			out = append(out, pick(infixes))
		}
	}
	return strings.Join(out, " ")
}

// compare reports whether both sides agree on sql; if show is set, a difference
// fails the test.
func compare(t *testing.T, sql string, show bool) bool {
	t.Helper()
	want, got := theirSide(t, sql), ourSide(sql)
	if strings.HasPrefix(got, "0A000") || got == want {
		return true
	}
	if show {
		t.Errorf("%s\n ours:       %s\n PostgreSQL: %s", sql, got, want)
	} else {
		t.Fail()
	}
	return false
}

func theirSide(t *testing.T, sql string) string {
	tree, err := pg.Parse(sql)
	var pe *pgparser.Error
	switch {
	case errors.As(err, &pe):
		return fmt.Sprintf("error @%d %s", pe.Cursorpos, pe.Message)
	case err != nil:
		t.Fatal(err)
	case len(tree.Stmts) != 1:
		return "no single statement"
	}
	// Constants of typed literals carry a position of their own there.
	return stripTyped(theirs{}.node(tree.Stmts[0].Stmt))
}

func ourSide(sql string) string {
	stmts, err := parse.Parse(sql)
	if err != nil {
		e := pgerr.From(err)
		if e.Code == pgerr.FeatureNotSupported {
			return e.Code
		}
		return fmt.Sprintf("error @%d %s", len([]rune(sql[:e.Pos-1]))+1, e.Message)
	}
	s, ok := stmts[0].AST.(*ast.SelectStmt)
	if !ok {
		return fmt.Sprintf("%T", stmts[0].AST)
	}
	form := stripTyped(ours{}.query(s.Query))
	if back := reparsed(s.Query); noPos(form) != back {
		return "round trip: " + ast.Format(s.Query) + "\n  " + noPos(form) + "\n  " + back
	}
	return form
}

// reparsed is q written as SQL and parsed again, without positions.
func reparsed(q *ast.Query) string {
	q, err := parse.ParseQuery(ast.Format(q))
	if err != nil {
		return err.Error()
	}
	return noPos(stripTyped(ours{}.query(q)))
}

var anyPos = regexp.MustCompile(`@[0-9]+`)

func noPos(s string) string { return anyPos.ReplaceAllString(s, "") }

// stripTyped removes positions that the two sides define differently: of
// constants inside casts and of constants that the grammar makes up.
func stripTyped(s string) string {
	s = constAt.ReplaceAllString(s, "(const ")
	return starAt.ReplaceAllString(s, "(as *)")
}
