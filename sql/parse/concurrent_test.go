package parse

import (
	"sync"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

// TestConcurrent: parsers are pooled, and one statement's tree must not be
// touched by the parser that made it when it goes on with another.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	texts := []string{
		"UPDATE counter SET n = n + 1 WHERE id = 1 AND a < b OR c > d",
		"SELECT a + b * c, d - e FROM t WHERE f = g AND h <> i ORDER BY j + k",
		"SELECT x || y || z, (p + q)::int FROM s JOIN r ON s.a = r.b WHERE s.c IS DISTINCT FROM r.d",
	}
	var want []string
	for _, s := range texts {
		st, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, ast.Dump(st))
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for n := range 300 {
				i := (g + n) % len(texts)
				st, err := Parse(texts[i])
				if err != nil {
					t.Error(err)
					return
				}
				if got := ast.Dump(st); got != want[i] {
					t.Errorf("%s\n%s\nwant\n%s", texts[i], got, want[i])
					return
				}
			}
		})
	}
	wg.Wait()
}
