package pgquery

import (
	"errors"
	"fmt"
	"math/rand"
	"os"
	"regexp"
	"strings"
	"testing"

	pg "github.com/pganalyze/pg_query_go/v6"
	pgparser "github.com/pganalyze/pg_query_go/v6/parser"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/parse"
)

var (
	constAt = regexp.MustCompile(`\(const@-?[0-9]+ `)
	castAt  = regexp.MustCompile(`\(cast@[0-9]+ (\S+) \(const `)
	starAt  = regexp.MustCompile(`\(as@[0-9]+  \(col@[0-9]+ \*\)\)`)
)

// TestCorpus compares trees over the scripts of package parse.
func TestCorpus(t *testing.T) {
	for _, f := range []string{"queries.txt", "expressions.txt", "psql.sql"} {
		b, err := os.ReadFile("../sqlparse/" + f)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range strings.Split(strings.TrimSpace(string(b)), "\n\n") {
			sql, _, _ := strings.Cut(p, "\n----")
			if l := strings.ToLower(sql); strings.HasPrefix(sql, "--") || strings.Contains(l, "emit") || strings.Contains(l, "hop(") {
				continue
			}
			compare(t, strings.TrimSuffix(sql, ";"), true)
		}
	}
}

// TestRandomExpressions compares trees and verdicts over random token soup that
// is mostly well-formed, without parentheses, so that precedence decides all.
func TestRandomExpressions(t *testing.T) {
	seed := rand.Int63()
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
	return stripTyped(ours{}.query(s.Query))
}

// stripTyped removes positions that the two sides define differently: of
// constants inside casts and of constants that the grammar makes up.
func stripTyped(s string) string {
	s = constAt.ReplaceAllString(s, "(const ")
	s = castAt.ReplaceAllString(s, "(cast $1 (const ")
	return starAt.ReplaceAllString(s, "(as *)")
}
