package auth

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// clock is a time that moves when it is told to.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// bench is an Auth with its log and everything that it says.
type bench struct {
	*Auth
	t       testing.TB
	clock   *clock
	dir     string
	opts    Options
	audit   bytes.Buffer
	auditMu sync.Mutex
	said    bytes.Buffer // the program's log

	mu      sync.Mutex
	records [][]byte
	fail    error // of Persist
	revoked []string
}

func (b *bench) Write(p []byte) (int, error) {
	b.auditMu.Lock()
	defer b.auditMu.Unlock()
	return b.audit.Write(p)
}

func (b *bench) Close() error { return nil }

func (b *bench) audited() string {
	b.auditMu.Lock()
	defer b.auditMu.Unlock()
	return b.audit.String()
}

func (b *bench) persist(p []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return b.fail
	}
	b.records = append(b.records, slices.Clone(p))
	return nil
}

const testSecret = "a secret of thirty-two bytes....."

// newBench is a server without users; change edits its options.
func newBench(t testing.TB, change func(*Options)) *bench {
	t.Helper()
	b := &bench{t: t, clock: newClock(), dir: tempDir(t)}
	b.opts = Options{
		Dir: b.dir, Persist: b.persist, Now: b.clock.now, BcryptCost: bcrypt.MinCost, ScramIterations: MinScramIterations,
		Tokens: TokenOptions{Secret: testSecret, Lifetime: time.Hour},
		Logger: slog.New(slog.NewTextHandler(&b.said, nil)),
	}
	b.opts.Audit = newAudit(b, nil, b.clock.now)
	if change != nil {
		change(&b.opts)
	}
	b.Auth = b.open(nil)
	return b
}

func tempDir(t testing.TB) string {
	dir, err := os.MkdirTemp("", "auth")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// open starts an Auth from a snapshot and the records after it.
func (b *bench) open(snapshot []byte, records ...[]byte) *Auth {
	b.t.Helper()
	a, err := New(b.opts)
	if err == nil {
		err = a.Restore(snapshot)
	}
	for _, r := range records {
		if err == nil {
			err = a.Apply(r)
		}
	}
	if err == nil {
		err = a.Start(context.Background())
	}
	if err != nil {
		b.t.Fatal(err)
	}
	a.OnRevoke(func(u string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.revoked = append(b.revoked, u)
	})
	b.t.Cleanup(a.Close)
	return a
}

// restart opens the same state again from its log.
func (b *bench) restart() {
	b.t.Helper()
	b.Auth = b.open(nil, slices.Clone(b.records)...)
}

func (b *bench) takeRevoked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.revoked
	b.revoked = nil
	return r
}

const (
	adminPassword = "correct horse"
	home          = "127.0.0.1:4000"
)

// user makes a user by hand.
func (b *bench) user(name, password string, roles ...string) {
	b.t.Helper()
	if err := b.CreateUser(context.Background(), System(), UserSpec{Name: name, Password: password, Roles: roles}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) login(name, password string) Token {
	b.t.Helper()
	tok, err := b.Login(context.Background(), name, password, home)
	if err != nil {
		b.t.Fatal(err)
	}
	return tok
}

func (b *bench) id(name string) Identity {
	b.t.Helper()
	u, ok := b.User(name)
	if !ok {
		b.t.Fatalf("no user %s", name)
	}
	return Identity{Name: name, Address: home, Roles: u.Roles, Permissions: u.Permissions}
}

func (b *bench) setupToken() string {
	b.t.Helper()
	p, err := os.ReadFile(filepath.Join(b.dir, SetupTokenFile))
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimSpace(string(p))
}

// failer is a test, or one of a property's runs.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// wantCode checks an error's SQLSTATE; "" is success.
func wantCode(t failer, what string, err error, code string) {
	t.Helper()
	switch {
	case code == "" && err != nil:
		t.Fatalf("%s: %v", what, err)
	case code != "" && !pgerr.Is(err, code):
		t.Fatalf("%s: %v, want SQLSTATE %s", what, err, code)
	}
}
