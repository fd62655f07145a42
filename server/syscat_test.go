package server

import (
	"bytes"
	"flag"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

var rewritePsql = flag.Bool("rewrite-psql", false, "write testdata/psql.txt instead of comparing")

// psqlSetup are relations of every kind that psql can show.
const psqlSetup = `
CREATE TABLE customers (id bigint PRIMARY KEY, name varchar(40) NOT NULL, balance numeric(10,2) DEFAULT 0, tags text[], since timestamptz);
CREATE TABLE events (device int, at timestamp(3), value double precision, note text);
CREATE VIEW rich AS SELECT id, name FROM customers WHERE balance > 100;
CREATE MATERIALIZED VIEW by_device AS SELECT device, count(*) AS n, max(value) AS top FROM events GROUP BY device;
CREATE SOURCE bids (auction bigint, bidder bigint, price numeric, ts timestamptz, WATERMARK FOR ts AS ts - INTERVAL '5 seconds')
  INCLUDE key AS k WITH (connector = 'kafka', topic = 'bids', properties.bootstrap.server = '127.0.0.1:1') FORMAT PLAIN ENCODE JSON;
COMMENT ON TABLE customers IS 'who buys';
`

// psqlCommands are compared by what they print.
var psqlCommands = []string{
	`\d`, `\d customers`, `\d+ customers`, `\d rich`, `\d+ rich`, `\d by_device`, `\d bids`, `\d by_device_key`, `\d customers_pkey`,
	`\dt`, `\dt+`, `\dv`, `\dm`, `\dE`, `\di`, `\ds`, `\dn`, `\dn+`, `\l`, `\du`, `\df`, `\dfS lower`, `\dT`, `\dx`, `\dp customers`, `\sv rich`,
	`\d nothing`, `\d pg_am`, `\d heliosdb.jobs`,
}

// TestPsql runs psql's own commands against a server and compares what a person
// sees with testdata/psql.txt.
func TestPsql(t *testing.T) {
	t.Parallel()
	psql, err := exec.LookPath("psql")
	if err != nil {
		if os.Getenv("REQUIRE_ALL") == "1" {
			t.Fatal("psql is required")
		}
		t.Skip("no psql to try")
	}
	if v, err := exec.Command(psql, "--version").Output(); err != nil || !bytes.Contains(v, []byte(" 15.")) {
		t.Skipf("psql is not version 15, whose output this compares: %s %v", v, err)
	}
	_, addr := startTest(t)
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	run := func(stdin string, args ...string) string {
		cmd := exec.Command(psql, append([]string{"-X", "-h", host, "-p", port, "-U", "ada", "-d", "heliosdb"}, args...)...)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "PGOPTIONS=", "PAGER=", "COLUMNS=200")
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil && !bytes.Contains(out, []byte("Did not find")) {
			t.Fatalf("psql %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	if out := run(psqlSetup, "-q", "-v", "ON_ERROR_STOP=1"); out != "" {
		t.Fatalf("setup: %s", out)
	}
	var got strings.Builder
	for _, c := range psqlCommands {
		got.WriteString("=> " + c + "\n" + run("", "-c", c) + "\n")
	}
	const file = "testdata/psql.txt"
	if *rewritePsql {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() == string(want) {
		return
	}
	w, g := strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			t.Fatalf("%s, line %d (rerun with -rewrite-psql and read the diff)\n want %s\n got  %s", file, i+1, w[i], g[i])
		}
	}
	t.Fatalf("%s has %d lines, psql printed %d", file, len(w), len(g))
}
