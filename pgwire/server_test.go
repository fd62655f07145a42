package pgwire

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/prometheus/client_golang/prometheus"
)

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("want\n%s\ngot\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
}

// key reads the cancel key during startup.
func (w *wire) key() (pid, secret uint32) {
	w.send("Startup user=a")
	for {
		typ, b, err := readMessage(w.nc)
		if err != nil {
			w.t.Fatal(err)
		}
		switch typ {
		case 'K':
			pid, secret = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
		case 'Z':
			return pid, secret
		}
	}
}

// sendCancel sends a cancel request and waits until the server has dealt with it.
func sendCancel(t *testing.T, addr string, pid, secret uint32) {
	c := dial(t, addr)
	b := binary.BigEndian.AppendUint32(nil, 16)
	for _, x := range []uint32{codeCancel, pid, secret} {
		b = binary.BigEndian.AppendUint32(b, x)
	}
	if _, err := c.nc.Write(b); err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(c.nc); len(rest) > 0 {
		t.Errorf("cancel request was answered: %q", rest)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	h := newFake()
	_, addr := startServer(t, h, Config{MaxConnections: 1})
	w := dial(t, addr)
	pid, secret := w.key()
	w.send(`Query "SELECT; SELECT pg_sleep(1000); SELECT"`)
	<-h.waiting
	sendCancel(t, addr, pid, secret+1) // wrong keys do nothing
	sendCancel(t, addr, pid+1, secret)
	sendCancel(t, addr, pid, secret)
	wantLines(t, w.until("ReadyForQuery", 1), `RowDescription`, `DataRow`, `CommandComplete "SELECT 1"`,
		`ErrorResponse S="ERROR" C="57014" M="canceling statement due to user request"`, "ReadyForQuery I")
	// Nothing runs: nothing happens, and the next statement is not hit.
	sendCancel(t, addr, pid, secret)
	wantLines(t, strings.Split(w.ask(`Query "SELECT"`), "\n"), `RowDescription`, `DataRow`, `CommandComplete "SELECT 1"`, "ReadyForQuery I")
}

func TestCancelAndTerminateByPID(t *testing.T) {
	t.Parallel()
	h := newFake()
	s, addr := startServer(t, h, Config{})
	w := dial(t, addr)
	pid, _ := w.key()
	w.send(`Parse query="SELECT pg_sleep(1000)"`, "Bind", "Execute", "Sync")
	<-h.waiting
	if !s.Cancel(int32(pid)) || s.Cancel(99) {
		t.Error("Cancel found the wrong connections")
	}
	wantLines(t, w.until("ReadyForQuery", 1), "ParseComplete", "BindComplete",
		`ErrorResponse S="ERROR" C="57014" M="canceling statement due to user request"`, "ReadyForQuery I")
	w.send(`Query "SELECT pg_sleep(1000)"`)
	<-h.waiting
	if !s.Terminate(int32(pid)) || s.Terminate(99) {
		t.Error("Terminate found the wrong connections")
	}
	wantLines(t, w.until("EOF", 1),
		`ErrorResponse S="FATAL" C="57P01" M="terminating connection due to administrator command"`, "EOF")
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	_, addr := startServer(t, newFake(), Config{AuthTimeout: 10 * time.Second})
	for _, c := range []struct {
		name, until string
		send, want  []string
	}{
		{"simple", "ReadyForQuery", []string{`Query "SET statement_timeout = '10ms'"`, `Query "SELECT; SELECT pg_sleep(1000)"`},
			[]string{`RowDescription`, `DataRow`, `CommandComplete "SELECT 1"`, `ErrorResponse S="ERROR" C="57014" M="canceling statement due to statement timeout"`, "ReadyForQuery I"}},
		{"extended", "ReadyForQuery", []string{`Query "SET statement_timeout = '10ms'"`, `Parse query="SELECT pg_sleep(1000)"`, "Bind", "Execute", "Sync"},
			[]string{"ParseComplete", "BindComplete", `ErrorResponse S="ERROR" C="57014" M="canceling statement due to statement timeout"`, "ReadyForQuery I"}},
		{"idle", "EOF", []string{`Query "SET idle_session_timeout = '10ms'"`},
			[]string{`ErrorResponse S="FATAL" C="57P05" M="terminating connection due to idle-session timeout"`, "EOF"}},
		{"idle in transaction", "EOF", []string{`Query "SET idle_in_transaction_session_timeout = '10ms'; BEGIN"`},
			[]string{`ErrorResponse S="FATAL" C="25P03" M="terminating connection due to idle-in-transaction timeout"`, "EOF"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := connect(t, addr)
			w.ask(c.send[0])
			if len(c.send) > 1 {
				w.send(c.send[1:]...)
			}
			wantLines(t, w.until(c.until, 1), c.want...)
		})
	}
}

func TestStalledClient(t *testing.T) {
	t.Parallel()
	_, addr := startServer(t, newFake(), Config{IOTimeout: 10 * time.Millisecond})
	w := connect(t, addr)
	w.send("raw 51 00000100 53")
	wantLines(t, w.until("EOF", 1), `ErrorResponse S="FATAL" C="08006" M="terminating connection because a message did not arrive in time"`, "EOF")
}

func TestAuthTimeout(t *testing.T) {
	t.Parallel()
	h := newFake()
	h.connect = func(_ context.Context, _ Conn, p StartupParams) error {
		_, err := p.Auth.CleartextPassword()
		return err
	}
	_, addr := startServer(t, h, Config{AuthTimeout: 20 * time.Millisecond})
	silent := dial(t, addr)
	wantLines(t, silent.until("EOF", 1), "EOF")
	w := dial(t, addr)
	w.send("Startup user=a")
	wantLines(t, w.until("EOF", 1), "Authentication 3", `ErrorResponse S="FATAL" C="57014" M="canceling authentication due to timeout"`, "EOF")

	// A handler that takes too long without reading is told by its context.
	h2 := newFake()
	h2.connect = func(ctx context.Context, _ Conn, _ StartupParams) error { <-ctx.Done(); return ctx.Err() }
	_, addr = startServer(t, h2, Config{AuthTimeout: 20 * time.Millisecond})
	w = dial(t, addr)
	w.send("Startup user=a")
	wantLines(t, w.until("EOF", 1), `ErrorResponse S="FATAL" C="57014" M="canceling authentication due to timeout"`, "EOF")
}

func TestPassword(t *testing.T) {
	t.Parallel()
	h := newFake()
	h.connect = func(_ context.Context, c Conn, p StartupParams) error {
		c.Notice(pgerr.New("00000", "welcome"))
		pw, err := p.Auth.CleartextPassword()
		if err == nil && pw != "secret" {
			err = pgerr.New(pgerr.InvalidPassword, "password authentication failed for user \"%s\"", p.User)
		}
		return err
	}
	_, addr := startServer(t, h, Config{})
	ask := func(lines ...string) []string {
		w := dial(t, addr)
		w.send("Startup user=a")
		w.until("Authentication", 1)
		w.send(lines...)
		return w.until("EOF", 1)
	}
	wantLines(t, ask("Password password=no"), `ErrorResponse S="FATAL" C="28P01" M="password authentication failed for user \"a\""`, "EOF")
	wantLines(t, ask(`Query "SELECT"`), `ErrorResponse S="FATAL" C="08P01" M="expected password response, got message type 81"`, "EOF")
	wantLines(t, ask(`raw 70 00100000`), `ErrorResponse S="FATAL" C="08P01" M="invalid message length" D="A message of type \"p\" has 1048572 bytes; at most 65535 are accepted."`, "EOF")
	wantLines(t, ask(`raw 70 00000005 61`), `ErrorResponse S="FATAL" C="08P01" M="invalid message format"`, "EOF")
	got := ask("Password password=secret", "Terminate")
	if got[0] != "Authentication 0" || got[1] != `NoticeResponse S="NOTICE" C="00000" M="welcome"` {
		t.Errorf("got %q", got)
	}
}

func TestSASL(t *testing.T) {
	t.Parallel()
	h := newFake()
	h.connect = func(_ context.Context, _ Conn, p StartupParams) error {
		n := 0
		return p.Auth.SASL([]string{"ONE", "TWO"}, func(mech string, msg []byte) ([]byte, bool, error) {
			n++
			if mech != "TWO" || string(msg) == "bad" {
				return nil, false, pgerr.New(pgerr.InvalidPassword, "no")
			}
			return append([]byte("re:"), msg...), n == 2, nil
		})
	}
	_, addr := startServer(t, h, Config{})
	w := dial(t, addr)
	w.send("Startup user=a")
	wantLines(t, w.until("Authentication", 1), `Authentication 10 "ONE\x00TWO\x00\x00"`)
	w.send("SASLInitial mechanism=TWO data=first")
	wantLines(t, w.until("Authentication", 1), `Authentication 11 "re:first"`)
	w.send("SASLResponse data=second")
	wantLines(t, w.until("Authentication", 2), `Authentication 12 "re:second"`, "Authentication 0")

	w = dial(t, addr)
	w.send("Startup user=a", "SASLInitial mechanism=TWO data=bad")
	wantLines(t, w.until("EOF", 1), `Authentication 10 "ONE\x00TWO\x00\x00"`, `ErrorResponse S="FATAL" C="28P01" M="no"`, "EOF")
	w = dial(t, addr)
	w.send("Startup user=a", "raw 70 00000009 4100000000")
	wantLines(t, w.until("EOF", 1), `Authentication 10 "ONE\x00TWO\x00\x00"`, `ErrorResponse S="FATAL" C="08P01" M="invalid message format"`, "EOF")
}

func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	_, addr := startServer(t, newFake(), Config{MaxConnections: 1, Registerer: reg})
	w := connect(t, addr)
	x := dial(t, addr)
	x.send("Startup user=a")
	wantLines(t, x.until("EOF", 1), `ErrorResponse S="FATAL" C="53300" M="sorry, too many clients already"`, "EOF")
	w.ask(`Query "SELECT; SELECT"`)
	w.ask(`Parse query="SELECT"`, "Bind", "Execute", "Sync")
	w.ask(`Query "SELECT 1/0"`)
	m := gather(t, reg)
	for name, want := range map[string]float64{
		"connections": 1, "connections_total ok": 1, "connections_total too_many": 1, "errors_total 22": 1, "errors_total 53": 1,
		"queries_total extended": 1, "queries_total simple": 3, "query_duration_seconds simple": 1, "panics_total": 0,
	} {
		if m[name] != want {
			t.Errorf("%s is %v instead of %v", name, m[name], want)
		}
	}
}

// gather reads metrics as "name label", without their prefix; a histogram is
// its count.
func gather(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	fs, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]float64{}
	for _, f := range fs {
		for _, x := range f.GetMetric() {
			name := strings.TrimPrefix(f.GetName(), "heliosdb_pgwire_")
			for _, l := range x.GetLabel() {
				name += " " + l.GetValue()
			}
			m[name] = x.GetCounter().GetValue() + x.GetGauge().GetValue() + float64(x.GetHistogram().GetSampleCount())
		}
	}
	return m
}

// Connections that say nothing keep nobody out.
func TestHandshakeLimit(t *testing.T) {
	t.Parallel()
	_, addr := startServer(t, newFake(), Config{MaxHandshakes: 1})
	silent := dial(t, addr)
	silent.send("SSLRequest")
	wantLines(t, silent.receive("byte", 1), "N") // it occupies the place now
	connect(t, addr)
	wantLines(t, silent.until("EOF", 1), "EOF")
	connect(t, addr)
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	const bye = `ErrorResponse S="FATAL" C="57P01" M="terminating connection due to administrator command"`
	h := newFake()
	h.connect = func(ctx context.Context, _ Conn, p StartupParams) error {
		if p.User != "slow" {
			return nil
		}
		h.waiting <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
	s, addr := startServer(t, h, Config{})
	slow := dial(t, addr)
	slow.send("Startup user=slow")
	<-h.waiting
	idle, busy, live, greeting := connect(t, addr), connect(t, addr), connect(t, addr), dial(t, addr)
	greeting.send("SSLRequest")
	greeting.receive("byte", 1)
	live.send(`Query "SUBSCRIBE"`)
	<-h.waiting
	busy.send(`Query "SELECT pg_sleep(1000)"`)
	<-h.waiting
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(ctx) }()
	wantLines(t, idle.until("EOF", 1), bye, "EOF")
	wantLines(t, slow.until("EOF", 1), bye, "EOF")
	wantLines(t, live.until("EOF", 1), `RowDescription "i":23/4/-1/0/0/0 "s":25/-1/-1/0/0/0`, `DataRow "1" "r1"`, `DataRow "2" "r2"`, bye, "EOF")
	wantLines(t, greeting.until("EOF", 1), "EOF")
	select {
	case err := <-done:
		t.Fatalf("Shutdown did not wait for the statement: %v", err)
	default:
	}
	stop()
	wantLines(t, busy.until("EOF", 1), bye, "EOF")
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	if n := s.Connections(); n != 0 {
		t.Errorf("%d connections left", n)
	}
	if err := s.Serve(nopListener{}); !errors.Is(err, ErrServerClosed) {
		t.Errorf("Serve after Shutdown: %v", err)
	}
}

type nopListener struct{ net.Listener }

func (nopListener) Close() error { return nil }

// TestImplicitTransactions pins which hooks a session sees.
func TestImplicitTransactions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		send []string
		want string
	}{
		{[]string{`Query "SELECT"`}, "begin implicit, commit implicit"},
		{[]string{`Query "SELECT; SELECT"`}, "begin implicit, commit implicit"},
		{[]string{`Query "SELECT; SELECT 1/0; SELECT"`}, "begin implicit, abort implicit"},
		{[]string{`Query "BEGIN; SELECT; COMMIT; SELECT"`}, "begin implicit, begin, commit, begin implicit, commit implicit"},
		{[]string{`Query "SELEC 1"`}, ""},
		{[]string{`Query ""`}, ""},
		{[]string{`Parse query="SELECT"`, "Bind", "Execute", "Bind", "Execute", "Sync"}, "begin implicit, commit implicit"},
		{[]string{`Parse query="SELECT"`, "Bind", "Execute", `Parse query="SELECT 1/0"`, "Bind", "Execute", "Sync"}, "begin implicit, abort implicit"},
		{[]string{`Query "BEGIN"`, `Query "SELECT 1/0"`, `Query "COMMIT"`}, "begin implicit, begin, abort block, rollback"},
		{[]string{"Sync"}, ""},
	} {
		h := newFake()
		_, addr := startServer(t, h, Config{})
		w := connect(t, addr)
		w.send(c.send...)
		n := 0
		for _, l := range c.send {
			if strings.HasPrefix(l, "Query") || l == "Sync" {
				n++
			}
		}
		w.until("ReadyForQuery", n)
		h.mu.Lock()
		if got := strings.Join(h.calls, ", "); got != c.want {
			t.Errorf("%s\nwant %s\ngot  %s", strings.Join(c.send, "; "), c.want, got)
		}
		h.mu.Unlock()
	}
}

// TestClientBytes: what all clients keep together is bounded, and given back.
func TestClientBytes(t *testing.T) {
	t.Parallel()
	s, addr := startServer(t, newFake(), Config{MaxClientBytes: 160 << 10})
	a, b := connect(t, addr), connect(t, addr)
	const oom = `ErrorResponse S="ERROR" C="53200" M="out of memory" D="Clients' messages, prepared statements and portals may take 163840 bytes in all."`
	long := strings.Repeat("x", 40<<10)
	a.ask(`Parse name=s query="SELECT $1::text"`, "Sync", "Query \"BEGIN\"")
	a.until("ReadyForQuery", 1)
	a.send("Bind portal=a name=s params="+long, "Sync", "Bind portal=b name=s params="+long, "Sync")
	wantLines(t, a.until("ReadyForQuery", 2), "BindComplete", "ReadyForQuery T", "BindComplete", "ReadyForQuery T")
	wantLines(t, strings.Split(a.ask("Bind portal=c name=s params="+long, "Sync"), "\n"), oom, "ReadyForQuery E")
	b.send(`Parse name=s query="SELECT --` + strings.Repeat("y", 100<<10) + `"`)
	wantLines(t, b.until("EOF", 1), strings.Replace(oom, "ERROR", "FATAL", 1), "EOF")
	a.ask(`Query "ROLLBACK"`)
	a.send("Terminate")
	a.until("EOF", 1)
	ctx, stop := testContext()
	defer stop()
	if err := s.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if n := s.mem.used.Load(); n != 0 {
		t.Errorf("%d bytes were not given back", n)
	}
}

// TestHangUp: the statement of a client that is gone is cancelled, and its
// session closed.
func TestHangUp(t *testing.T) {
	t.Parallel()
	h := newFake()
	s, addr := startServer(t, h, Config{ClientCheckInterval: time.Millisecond})
	w := dial(t, addr)
	pid, _ := w.key()
	c := s.lookup(int32(pid))
	w.send(`Query "SELECT pg_sleep(1000)"`)
	<-h.waiting
	_ = w.nc.Close()
	<-c.base.Done() // ends with the connection
}

// TestBackpressure: a client that does not read holds the result back.
func TestBackpressure(t *testing.T) {
	t.Parallel()
	h := newFake()
	h.batch = 1000
	reg := prometheus.NewRegistry()
	s, err := NewServer(h, Config{Registerer: reg})
	if err != nil {
		t.Fatal(err)
	}
	// A pipe has no buffer of its own, so what was produced is what was kept.
	client, server := net.Pipe()
	s.accept(server)
	w := &wire{t, client}
	w.send("Startup user=a")
	w.until("ReadyForQuery", 1)
	const rows = 10_000_000
	w.send(`Query "SELECT g::int4 AS i, 'r'||g AS s FROM generate_series(1, 10000000) g"`)
	w.until("DataRow", 10)
	_ = client.Close()
	ctx, stop := testContext()
	defer stop()
	if err := s.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if sent := gather(t, reg)["rows_sent_total"]; sent > flushBytes/10 || sent < 10 {
		t.Errorf("%v of %d rows were encoded for a client that read 10", sent, rows)
	}
}
