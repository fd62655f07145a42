package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

func TestAuditFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(tempDir(t), "logs", "audit.log")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("{}\n"), 0o644); err != nil { // by an administrator, too openly
		t.Fatal(err)
	}
	clock := newClock()
	l, err := OpenAudit(AuditOptions{Path: path, MaxSizeMB: 1, MaxFiles: 100, Now: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				l.Record(Event{Event: EventDDL, User: "u\n\"", Address: home, Outcome: OutcomeOK, Detail: strings.Repeat("é\n", maxDetail)})
			}
		})
	}
	wg.Wait()
	if err := l.Reopen(filepath.Join(filepath.Dir(path), "second.log")); err != nil {
		t.Fatal(err)
	}
	l.Record(Event{Event: EventLogout, User: "u"})
	if err := l.Reopen(filepath.Join(path, "not a directory")); err == nil {
		t.Error("a file as a directory")
	}
	l.Record(Event{Event: EventLogout, User: "u"})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l.Failures() != 0 {
		t.Errorf("%d failures", l.Failures())
	}
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if len(files) < 3 {
		t.Errorf("not put aside: %v", files)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil || info.Mode().Perm() != 0o600 || info.Size() > 1<<20 {
			t.Errorf("%s: %v %v", f, info, err)
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		if filepath.Base(f) == "second.log" && len(lines) != 2 {
			t.Errorf("%d lines after reopening", len(lines))
		}
		for _, line := range lines {
			var e Event
			if err := json.Unmarshal([]byte(line), &e); err != nil || len(e.Detail) > maxDetail+40 || e.Event != "" && !e.Time.Equal(clock.now()) {
				t.Fatalf("%q %v", line, err)
			}
		}
	}
}

// brokenFile fails as a full disk does.
type brokenFile struct{}

func (brokenFile) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }
func (brokenFile) Close() error              { return nil }

func TestAuditFileBroken(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	l := newAudit(brokenFile{}, slog.New(slog.NewTextHandler(&said, nil)), time.Now)
	l.Record(Event{Event: EventLogin, User: "amy", Outcome: OutcomeFailed})
	if l.Failures() != 1 || !strings.Contains(said.String(), "user=amy") || !strings.Contains(said.String(), "no space left") {
		t.Errorf("%d %s", l.Failures(), said.String())
	}
	_, err := OpenAudit(AuditOptions{Path: "/proc/nothing/audit.log"})
	wantCode(t, "open", err, pgerr.ConfigFileError)
	var none *Audit
	none.Record(Event{})
	if none.Failures() != 0 || none.Close() != nil || none.Reopen("x") != nil {
		t.Error("a nil log")
	}
}

func TestRedactSQL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"CREATE VIEW v AS SELECT 'text' FROM t":                                                             "CREATE VIEW v AS SELECT 'text' FROM t",
		"CREATE USER u PASSWORD 'hidden'":                                                                   "CREATE USER u PASSWORD '***'",
		"alter role u with encrypted password E'hid\\'den'":                                                 "alter role u with encrypted password '***'",
		"ALTER USER u PASSWORD $x$hidden$x$ VALID UNTIL '2030-01-01'":                                       "ALTER USER u PASSWORD '***' VALID UNTIL '2030-01-01'",
		"CREATE USER u PASSWORD /* 'a' */ 'hid'\n'den'":                                                     "CREATE USER u PASSWORD /* 'a' */ '***'",
		"CREATE SOURCE s (a int) WITH (connector = 'kafka', sasl_password = 'hidden', topic = 'passwords')": "CREATE SOURCE s (a int) WITH (connector = 'kafka', sasl_password = '***', topic = 'passwords')",
		"CREATE SOURCE s WITH (sasl.password = 'hidden', 'ssl.key.password' = 'hidden', group_id = 'g')":    "CREATE SOURCE s WITH (sasl.password = '***', 'ssl.key.password' = '***', group_id = 'g')",
		`CREATE SOURCE s WITH ("oauth Token" 'hidden')`:                                                     `CREATE SOURCE s WITH ("oauth Token" '***')`,
		"CREATE SOURCE s WITH (url = 'https://me:hidden@example.com/x')":                                    "CREATE SOURCE s WITH (url = '***')",
		"SELECT 'SCRAM-SHA-256$4096:hidden', '$2b$12$hidden', 'eyJhbGciOiJIUzI1NiJ9.hidden', '5 $2 bills'":  "SELECT '***', '***', '***', '5 $2 bills'",
		"CREATE USER u PASSWORD 'hidden":                                                                    "CREATE USER u PASSWORD (not readable)",
		"SET x.secret TO 'hidden'":                                                                          "SET x.secret TO '***'",
		"SELECT 'hidden' \xff":                                                                              "(not readable)",
		"SELECT password, 'shown' FROM t WHERE x = 'shown'":                                                 "SELECT password, 'shown' FROM t WHERE x = 'shown'",
	} {
		if got := RedactSQL(in); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

func FuzzRedactSQL(f *testing.F) {
	f.Add("CREATE USER u PASSWORD 'x'", "y")
	f.Add("a.password = 'x'", "$1$")
	f.Fuzz(func(t *testing.T, before, secret string) {
		if RedactSQL(before) == before && strings.Contains(before, "'SCRAM-SHA-256$") {
			t.Fatalf("%q", before)
		}
		if len(secret) < 12 || strings.ContainsAny(secret, "'\\\x00") {
			return
		}
		const stmt = "; ALTER USER u PASSWORD '"
		if out := RedactSQL(before + stmt + secret + "'"); strings.Contains(out, stmt+secret) && !strings.Contains(out, "PASSWORD '***'") && !inQuotes(before) {
			t.Fatalf("%q", out)
		}
	})
}

// inQuotes reports whether text may leave a quote or comment open, so that what
// follows is no statement.
func inQuotes(s string) bool { return strings.ContainsAny(s, "'\"$-/&") }

func TestRateLimit(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(o *Options) { o.Limits = RateLimit{Enabled: true, PerMinute: 60} })
	take := func(n int, user, addr string) (done int, wait time.Duration) {
		for range n {
			var tm *TooMany
			if err := b.Allow(user, addr); errors.As(err, &tm) {
				if !pgerr.Is(err, pgerr.ConfigurationLimitExceeded) {
					t.Fatal(err)
				}
				wait = tm.RetryAfter
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			done++
		}
		return done, wait
	}
	if n, wait := take(100, "amy", home); n != 60 || wait != time.Second {
		t.Errorf("%d at once, then %v", n, wait)
	}
	if n, _ := take(10, "amy", "10.0.0.1:1"); n != 0 {
		t.Errorf("%d more from another address", n)
	}
	if n, _ := take(10, "bob", home); n != 0 {
		t.Errorf("%d more of another user there", n)
	}
	// What was refused took nothing from the other bucket.
	if n, _ := take(70, "bob", "10.0.0.1:1"); n != 60 {
		t.Errorf("%d of bob", n)
	}
	b.clock.add(10 * time.Second)
	if n, _ := take(20, "amy", "127.0.0.1:9"); n != 10 {
		t.Errorf("%d after ten seconds", n)
	}
	if n, _ := take(70, "", "[2001:db8:0:1::1]:1"); n != 60 {
		t.Errorf("%d unknown", n)
	}
	if n, _ := take(1, "", "[2001:db8:0:1:ffff::2]:1"); n != 0 {
		t.Error("another address of one network")
	}
	b.SetRateLimit(RateLimit{Enabled: true, PerMinute: 5})
	if n, _ := take(20, "amy", home); n != 5 {
		t.Errorf("%d after a reload", n)
	}
	b.SetRateLimit(RateLimit{})
	if n, _ := take(200, "amy", home); n != 200 {
		t.Errorf("%d without a limit", n)
	}
	if n := strings.Count(b.audited(), EventRateLimited); n < 3 || n > 8 {
		t.Errorf("%d lines about refusals", n)
	}
}

func TestTablesAreBounded(t *testing.T) {
	t.Parallel()
	l := newLRU[int, int](3)
	for i := range 10 {
		l.put(i, i)
		l.get(0) // in use, so that it stays
	}
	if _, ok := l.get(0); !ok || l.len() != 3 {
		t.Errorf("%d entries", l.len())
	}
	if _, ok := l.get(5); ok {
		t.Error("an old entry stays")
	}
	l.remove(0)
	l.remove(0)
	if l.put(0, 1); l.len() != 3 {
		t.Errorf("%d entries", l.len())
	}
}
