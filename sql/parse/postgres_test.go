package parse

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/testpg"
	"github.com/heliosdb/heliosdb-streaming/internal/testseed"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// TestErrorsAsPostgres compares verdict, message and position of syntax errors
// with PostgreSQL's, over the corpus and over random damage to it.
func TestErrorsAsPostgres(t *testing.T) {
	t.Parallel()
	cn, err := pgconn.Connect(context.Background(), testpg.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cn.Close(context.Background()) })
	seed := testseed.Of(t)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewSource(seed))
	texts := corpus(t)
	originals := len(texts)
	for _, s := range texts[:originals:originals] {
		for range mutants {
			texts = append(texts, mutate(rng, s, texts))
		}
	}
	compared, bad := 0, 0
	for i, s := range texts {
		if strings.Contains(s, ";") || ownDialect[s] {
			continue // prepared statements hold one command
		}
		theirs := postgresVerdict(t, cn, s)
		ours := verdict(s)
		compared++
		if ours == theirs || strings.HasPrefix(ours, "0A000") || theirs == "ok" && strings.Contains(ours, "improper qualified name") {
			continue
		}
		bad++
		if i < originals {
			t.Errorf("%s\n ours:       %s\n PostgreSQL: %s", s, ours, theirs)
		} else if bad <= 10 || testing.Verbose() {
			t.Logf("%s\n ours:       %s\n PostgreSQL: %s", s, ours, theirs)
		}
	}
	t.Logf("%d texts compared, %d differ", compared, bad)
	// yacc with one token of lookahead sometimes stops a token later than we do.
	if bad*100 > compared*maxDiffer {
		t.Errorf("more than %d %% differ", maxDiffer)
	}
}

// maxDiffer is the percentage of damaged texts whose error may stand elsewhere
// than PostgreSQL's.
const maxDiffer = 2

// ownDialect are texts that are errors here and unfinished commands there.
var ownDialect = map[string]bool{"CREATE TABLE t (a)": true}

// mutants is the number of damaged copies made of each statement.
const mutants = 8

// verdict is "ok", or the error as far as it concerns syntax.
func verdict(s string) string {
	_, err := Parse(s)
	if err == nil {
		return "ok"
	}
	e := pgerr.From(err)
	switch e.Code {
	case pgerr.FeatureNotSupported:
		return e.Code + " " + e.Message
	case pgerr.InvalidTableDefinition:
		return "ok" // PostgreSQL finds these after parsing
	}
	pos := e.Pos
	if pos > 0 {
		// PostgreSQL counts characters.
		pos = len([]rune(s[:min(pos-1, len(s))])) + 1
	}
	return fmt.Sprintf("%s @%d %s", e.Code, pos, e.Message)
}

func postgresVerdict(t *testing.T, cn *pgconn.PgConn, s string) string {
	_, err := cn.Prepare(context.Background(), "", s, nil)
	var pe *pgconn.PgError
	switch {
	case err == nil:
		return "ok"
	case !errors.As(err, &pe):
		t.Fatalf("%s: %v", s, err)
	}
	switch pe.File {
	case "scan.l", "gram.y", "parser.c", "mbutils.c":
		return fmt.Sprintf("%s @%d %s", pe.Code, pe.Position, pe.Message)
	}
	return "ok" // refused after parsing
}

// mutate damages s: a token lost, doubled, exchanged or taken from elsewhere.
func mutate(rng *rand.Rand, s string, texts []string) string {
	ts, err := lex.Scan(s)
	if err != nil || len(ts.T) < 3 {
		return s
	}
	n := len(ts.T) - 1
	word := func(i int) string { return s[ts.T[i].Pos:ts.T[i].End] }
	var words []string
	for i := range n {
		words = append(words, word(i))
	}
	i := rng.Intn(n)
	switch rng.Intn(5) {
	case 0:
		words = append(words[:i], words[i+1:]...)
	case 1:
		words[i] += " " + words[i]
	case 2:
		j := rng.Intn(n)
		words[i], words[j] = words[j], words[i]
	case 3:
		words = words[:i]
	case 4:
		other := strings.Fields(texts[rng.Intn(len(texts))])
		if len(other) > 0 {
			words[i] = other[rng.Intn(len(other))]
		}
	}
	return strings.Join(words, " ")
}
