package pgwire

import (
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/testpg"
)

var rewrite = flag.Bool("rewrite", false, "write the answers into the wire scripts")

// startServer serves h on loopback until the test ends, and checks that it
// left nothing open.
func startServer(t testing.TB, h *fakeHandler, cfg Config) (*Server, string) {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	s, err := NewServer(h, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	t.Cleanup(func() {
		ctx, stop := testContext()
		defer stop()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-done; !errors.Is(err, ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.open != 0 {
			t.Errorf("%d results or sessions left open", h.open)
		}
	})
	return s, ln.Addr().String()
}

// wire is a raw client.
type wire struct {
	t  testing.TB
	nc net.Conn
}

func dial(t testing.TB, addr string) *wire {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = nc.SetDeadline(time.Now().Add(60 * time.Second))
	t.Cleanup(func() { _ = nc.Close() })
	return &wire{t, nc}
}

// connect makes a client that is ready for queries.
func connect(t testing.TB, addr string) *wire {
	t.Helper()
	w := dial(t, addr)
	w.send("Startup user=postgres database=postgres")
	w.until("ReadyForQuery", 1)
	return w
}

func (w *wire) send(lines ...string) {
	w.t.Helper()
	var all []byte
	for _, l := range lines {
		b, err := clientMessage(l)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, b...)
	}
	if _, err := w.nc.Write(all); err != nil {
		w.t.Fatal(err)
	}
}

// until reads up to the n-th message of a kind; "EOF" is the stream's end.
func (w *wire) until(name string, n int) []string {
	w.t.Helper()
	var got []string
	for {
		t, b, err := readMessage(w.nc)
		if err != nil {
			if name == "EOF" {
				return append(got, "EOF")
			}
			w.t.Fatalf("waiting for %s: %v\ngot %s", name, err, strings.Join(got, "\n"))
		}
		got = append(got, serverText(t, b))
		if serverNames[t] == name {
			if n--; n == 0 {
				return got
			}
		}
	}
}

// ask sends and reads to ReadyForQuery.
func (w *wire) ask(lines ...string) string {
	w.t.Helper()
	w.send(lines...)
	return strings.Join(w.until("ReadyForQuery", 1), "\n")
}

// TestScripts runs the conversations of testdata/*.wire. A script is blocks of
// lines: "> message" sends, "? name [n]" says how far to read (default to
// ReadyForQuery), "< message" is what must come, "! connect" starts a new
// connection. A script whose name ends in _own.wire shows what is ours alone;
// TestScriptsOnPostgreSQL gets the others' answers from PostgreSQL 15 too.
func TestScripts(t *testing.T) {
	t.Parallel()
	for name, file := range scripts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, addr := startServer(t, newFake(), Config{MaxPortals: 4, MaxStatements: 4, MaxMessageBytes: 1 << 20})
			runScript(t, file, addr, *rewrite)
		})
	}
}

func TestScriptsOnPostgreSQL(t *testing.T) {
	t.Parallel()
	addr := postgresAddr(t)
	for name, file := range scripts(t) {
		if strings.HasSuffix(name, "_own") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runScript(t, file, addr, false)
		})
	}
}

// scripts are the files of testdata by name.
func scripts(t *testing.T) map[string]string {
	files, err := filepath.Glob("testdata/*.wire")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	m := map[string]string{}
	for _, f := range files {
		m[strings.TrimSuffix(filepath.Base(f), ".wire")] = f
	}
	return m
}

func postgresAddr(t *testing.T) string {
	u, err := url.Parse(testpg.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func runScript(t *testing.T, file, addr string, rewrite bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	var w *wire
	for i, block := range strings.Split(strings.TrimRight(string(text), "\n"), "\n\n") {
		var want, keep, sends []string
		name, n := "ReadyForQuery", 1
		for _, line := range strings.Split(block, "\n") {
			kind, rest, _ := strings.Cut(line, " ")
			if kind == "<" {
				want = append(want, rest)
				continue
			}
			keep = append(keep, line)
			switch kind {
			case ">":
				sends = append(sends, rest)
			case "?":
				f := strings.Fields(rest)
				if name = f[0]; len(f) > 1 {
					n, _ = strconv.Atoi(f[1])
				}
			case "!":
				if w != nil {
					_ = w.nc.Close()
				}
				w = nil
			}
		}
		var got []string
		if len(sends) > 0 {
			if w == nil && isStartup(sends[0]) {
				w = dial(t, addr)
			} else if w == nil {
				w = connect(t, addr)
			}
			w.send(sends...)
			got = w.receive(name, n)
		}
		for _, g := range got {
			keep = append(keep, "< "+g)
		}
		out = append(out, strings.Join(keep, "\n"))
		if !rewrite && strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s, block %d:\n%s\n--- want\n%s\n--- got\n%s", file, i+1, strings.Join(sends, "\n"), strings.Join(want, "\n"), strings.Join(got, "\n"))
		}
	}
	if rewrite {
		if err := os.WriteFile(file, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func isStartup(line string) bool {
	for _, p := range []string{"Startup", "SSLRequest", "GSSEncRequest", "raw"} {
		if strings.HasPrefix(line, p) {
			return true
		}
	}
	return false
}

// receive reads what a block asks for: nothing, one byte, or messages.
func (w *wire) receive(name string, n int) []string {
	switch name {
	case "nothing":
		return nil
	case "byte":
		b := make([]byte, n)
		if _, err := io.ReadFull(w.nc, b); err != nil {
			w.t.Fatal(err)
		}
		return []string{string(b)}
	}
	return w.until(name, n)
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
