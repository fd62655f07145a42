package auth

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

func TestSetupTokenFile(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	path := filepath.Join(b.dir, SetupTokenFile)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	if !strings.Contains(b.said.String(), path) {
		t.Errorf("the path is not in the log: %s", b.said.String())
	}
	token := b.setupToken()
	if strings.Contains(b.said.String()+b.audited(), token) {
		t.Error("the token is in a log")
	}
	b.restart()
	if next := b.setupToken(); next == token || len(next) < 32 {
		t.Errorf("a restart gives token %q after %q", next, token)
	}
	b.user("root", adminPassword, "admin")
	b.restart()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the token outlives the first user: %v", err)
	}
	_, err = b.Register(context.Background(), nil, home, Registration{Username: "x", Password: adminPassword, Roles: []string{"Admin"}, SetupToken: ""})
	wantCode(t, "empty token", err, pgerr.InvalidAuthorization)
}

func TestRegister(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	ctx := context.Background()
	token := b.setupToken()
	try := func(what string, by *Identity, r Registration, code string) {
		t.Helper()
		if r.Username == "" {
			r.Username = "admin"
		}
		if r.Password == "" {
			r.Password = adminPassword
		}
		n := len(b.Users())
		_, err := b.Register(ctx, by, home, r)
		wantCode(t, what, err, code)
		if made := len(b.Users()) - n; (made == 1) != (code == "") {
			t.Fatalf("%s: %d users made", what, made)
		}
	}
	admin := []string{"Admin"}
	try("without token", nil, Registration{Roles: admin}, pgerr.InvalidAuthorization)
	try("wrong token", nil, Registration{Roles: admin, SetupToken: token + "x"}, pgerr.InvalidAuthorization)
	try("no role", nil, Registration{SetupToken: token}, pgerr.InvalidParameterValue)
	try("viewer first", nil, Registration{Roles: []string{"Viewer"}, SetupToken: token}, pgerr.InvalidParameterValue)
	try("unknown role", nil, Registration{Roles: []string{"Chief"}, SetupToken: token}, pgerr.InvalidParameterValue)
	try("short password", nil, Registration{Roles: admin, Password: "short", SetupToken: token}, pgerr.InvalidParameterValue)
	try("bad name", nil, Registration{Roles: admin, Username: "a b", SetupToken: token}, pgerr.InvalidName)
	b.fail = pgerr.New(pgerr.IOError, "disk")
	try("disk", nil, Registration{Roles: admin, SetupToken: token}, pgerr.IOError)
	b.fail = nil
	try("the guide's", nil, Registration{Roles: admin, SetupToken: token + "\n"}, "")
	try("used token", nil, Registration{Roles: admin, Username: "second", SetupToken: token}, pgerr.InvalidAuthorization)
	root := b.id("admin")
	try("by admin", &root, Registration{Username: "viewer", Roles: []string{"viewer"}}, "")
	try("twice", &root, Registration{Username: "viewer"}, pgerr.DuplicateObject)
	viewer := b.id("viewer")
	try("by viewer", &viewer, Registration{Username: "third", Roles: admin}, pgerr.InsufficientPrivilege)
	try("by viewer with a token", &viewer, Registration{Username: "third", Roles: admin, SetupToken: token}, pgerr.InsufficientPrivilege)
	ghost := Identity{Name: "ghost", Permissions: AllPermissions}
	try("by nobody known", &ghost, Registration{Username: "third"}, pgerr.InsufficientPrivilege)
	if log := b.audited(); strings.Contains(log, adminPassword) || strings.Contains(log, token) {
		t.Error("a secret is in the audit log")
	}
}

func TestRegisterGuessing(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	var tm *TooMany
	for range freeFailures + 1 {
		_, err := b.Register(context.Background(), nil, home, Registration{Username: "a", Password: adminPassword, SetupToken: "guess"})
		wantCode(t, "guess", err, pgerr.InvalidAuthorization)
	}
	_, err := b.Register(context.Background(), nil, home, Registration{Username: "a", Password: adminPassword, SetupToken: b.setupToken()})
	if !errors.As(err, &tm) {
		t.Fatalf("no delay after many guesses: %v", err)
	}
}

func TestFirstRegistrationsInParallel(t *testing.T) {
	t.Parallel()
	for _, same := range []bool{true, false} {
		b := newBench(t, nil)
		token := b.setupToken()
		var won atomic.Int32
		var wg sync.WaitGroup
		begin := make(chan struct{})
		for i := range 100 {
			wg.Go(func() {
				name := "admin"
				if !same {
					name += string(rune('a' + i%26))
				}
				<-begin
				_, err := b.Register(context.Background(), nil, home, Registration{Username: name, Password: adminPassword, Roles: []string{"Admin"}, SetupToken: token})
				if err == nil {
					won.Add(1)
				}
			})
		}
		close(begin)
		wg.Wait()
		if won.Load() != 1 || len(b.Users()) != 1 || len(b.records) != 1 {
			t.Errorf("%d registrations succeeded, %d users, %d records", won.Load(), len(b.Users()), len(b.records))
		}
	}
}
