package server

import (
	"fmt"
	"strings"
	"testing"
)

// TestSignals: a session can be stopped by its own user and by those with
// permission Cancel.
func TestSignals(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	vera, second, olga, norma := g.as("vera"), g.as("vera"), g.as("olga"), g.as("norma")
	pid := func() uint32 { return vera.PgConn().PID() }
	for _, f := range []string{"pg_cancel_backend", "pg_terminate_backend"} {
		sql := fmt.Sprintf("SELECT %s(%d)", f, pid())
		if got := fails(t, norma, sql); !strings.HasPrefix(got, "42501 permission denied") {
			t.Errorf("%s: %s", sql, got)
		}
	}
	run(t, second, fmt.Sprintf("SELECT pg_cancel_backend(%d)", pid()))
	run(t, vera, "SELECT 1")
	if got := ask1(t, olga, fmt.Sprintf("SELECT pg_terminate_backend(%d)::text", pid())); got != "true" {
		t.Error(got)
	}
	if got := fails(t, vera, "SELECT 1"); got == "" {
		t.Error("the session goes on")
	}
	if got := ask1(t, olga, "SELECT pg_terminate_backend(2000000000, 100)::text"); got != "false" {
		t.Error(got)
	}
	// Others' statements are not shown to those who may not stop them.
	if got := ask1(t, norma, "SELECT string_agg(DISTINCT query, ';') FROM pg_stat_activity WHERE usename <> 'norma'"); got != "<insufficient privilege>" {
		t.Error(got)
	}
	if got := ask1(t, olga, "SELECT string_agg(DISTINCT query, ';') FROM pg_stat_activity WHERE usename = 'vera'"); !strings.Contains(got, "pg_cancel_backend") {
		t.Error(got)
	}
}
