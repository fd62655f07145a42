package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xdg-go/scram"
	"github.com/xdg-go/stringprep"
	"golang.org/x/crypto/bcrypt"
	"pgregory.net/rapid"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// The exchange of RFC 7677, section 3.
func TestVerifierRFC7677(t *testing.T) {
	t.Parallel()
	salt, _ := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	v := deriveVerifier("pencil", salt, 4096)
	msg := "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	if got := base64.StdEncoding.EncodeToString(hmacSHA256(v.ServerKey, msg)); got != "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" {
		t.Errorf("server signature %s", got)
	}
	if !v.Matches("pencil") || v.Matches("Pencil") {
		t.Error("Matches")
	}
	back, err := ParseVerifier(v.String())
	if err != nil || back.String() != v.String() {
		t.Errorf("%v %v", back, err)
	}
}

// An independent implementation derives the same keys, also from passwords that
// SASLprep changes or refuses.
func TestVerifierAgainstLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pw := rapid.OneOf(rapid.StringN(1, 24, 72), rapid.SampledFrom([]string{"IX", "a\u00adb", "ª", "\u2168", "pässword", "p\u00a0w"})).Draw(t, "password")
		v := NewVerifier(pw, MinScramIterations)
		c, err := scram.SHA256.NewClient("u", pw, "")
		// A password of which SASLprep leaves nothing is taken as it is (PostgreSQL's
		// pg_saslprep).
		if empty, _ := stringprep.SASLprep.Prepare(pw); err != nil || empty == "" {
			if c, err = scram.SHA256.NewClientUnprepped("u", pw, ""); err != nil {
				t.Fatal(err)
			}
		}
		k, err := c.WithMinIterations(4096).GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(v.Salt), Iters: v.Iterations})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(k.StoredKey, v.StoredKey) || !slices.Equal(k.ServerKey, v.ServerKey) {
			t.Fatalf("other keys of %q", pw)
		}
	})
}

func TestParseVerifierRefuses(t *testing.T) {
	t.Parallel()
	good := NewVerifier("x", MinScramIterations).String()
	for _, bad := range []string{"", "SCRAM-SHA-256", strings.Replace(good, "256", "1", 1), strings.Replace(good, "4096", "4095", 1),
		strings.Replace(good, "4096", "99999999", 1), good + "x", good[:len(good)-4], strings.Replace(good, ":", "", 1), "SCRAM-SHA-256$4096:$a:b"} {
		if _, err := ParseVerifier(bad); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}

// scramLogin runs the exchange as a Postgres client and server do.
func scramLogin(t testing.TB, a *Auth, user, password string) (Identity, error) {
	t.Helper()
	at, err := a.Begin(user, home, "scram")
	if err != nil {
		return Identity{}, err
	}
	v := at.Verifier()
	srv, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) {
		return scram.StoredCredentials{KeyFactors: scram.KeyFactors{Salt: string(v.Salt), Iters: v.Iterations}, StoredKey: v.StoredKey, ServerKey: v.ServerKey}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	cli, err := scram.SHA256.NewClient(user, password, "")
	if err != nil {
		t.Fatal(err)
	}
	c, s := cli.NewConversation(), srv.NewConversation()
	msg, err := c.Step("")
	for range 2 {
		if err != nil {
			t.Fatal(err)
		}
		var answer string
		if answer, err = s.Step(msg); err != nil {
			return Identity{}, at.Fail("wrong proof")
		}
		msg, err = c.Step(answer)
	}
	if err != nil || !s.Valid() || !c.Valid() {
		return Identity{}, at.Fail("wrong proof")
	}
	return at.Succeed()
}

func TestLogin(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	ctx := context.Background()
	b.user("root", adminPassword, "Admin")
	b.user("amy", "amy's password", "viewer", "Operator", "VIEWER")
	tok := b.login("amy", "amy's password")
	if !slices.Equal(tok.Roles, []string{"Operator", "Viewer"}) || !tok.ExpiresAt.Equal(b.clock.now().Add(time.Hour)) {
		t.Errorf("%+v", tok)
	}
	id, err := b.VerifyToken(ctx, tok.Token, home)
	if err != nil || id.Name != "amy" || id.Permissions != Permissions(Read|Execute|Cancel) || id.Address != home {
		t.Errorf("%+v %v", id, err)
	}
	if id, err := scramLogin(t, b.Auth, "amy", "amy's password"); err != nil || id.Name != "amy" {
		t.Errorf("scram: %+v %v", id, err)
	}
	off := false
	b.user("off", "off's password", "Viewer")
	wantCode(t, "disable", b.AlterUser(ctx, System(), "off", UserChange{Enabled: &off}), "")
	var said []string
	for _, c := range [][2]string{{"amy", "wrong password"}, {"off", "off's password"}, {"nobody", "any password"}, {"amy", strings.Repeat("x", 100)}, {strings.Repeat("n", 1000), "x"}, {"amy", ""}} {
		_, err := b.Login(ctx, c[0], c[1], home)
		wantCode(t, c[0], err, pgerr.InvalidPassword)
		said = append(said, strings.ReplaceAll(err.Error(), clip(c[0]), "?"))
		if _, err := scramLogin(t, b.Auth, c[0], c[1]+"."); !pgerr.Is(err, pgerr.InvalidPassword) {
			t.Errorf("scram of %s: %v", c[0], err)
		}
		b.clock.add(loginMemory)
	}
	if len(slices.Compact(said)) != 1 {
		t.Errorf("failures differ: %q", said)
	}
	if log := b.audited(); strings.Count(log, `"event":"login"`) != 14 || strings.Contains(log, "'s password") {
		t.Errorf("audit: %s", log)
	}
	// A stranger sees the same salt each time, also after a restart.
	salt := func() []byte {
		at, err := b.Begin("stranger", home, "scram")
		wantCode(t, "begin", err, "")
		return at.Verifier().Salt
	}
	first := salt()
	b.restart()
	if !slices.Equal(first, salt()) {
		t.Error("the salt of an unknown user changes")
	}
}

// The work of a failed login is the same for all users.
func TestUniformWork(t *testing.T) {
	t.Parallel()
	h, err := newHasher(5)
	if err != nil {
		t.Fatal(err)
	}
	dear, _ := bcryptHash("some password", 7)
	h.seen(dear)
	for _, cost := range []int{4, 5, 7} {
		hash, _ := bcryptHash("some password", cost)
		rounds := 1 << cost
		for c := cost; c < int(h.dearest.Load()); c++ {
			rounds += 1 << c
		}
		if rounds != 1<<7 {
			t.Errorf("cost %d: %d rounds", cost, rounds)
		}
		for pw, want := range map[string]bool{"some password": true, "another": false} {
			if ok, err := h.check(context.Background(), pw, hash, "", true); ok != want || err != nil {
				t.Errorf("%v %v", ok, err)
			}
		}
	}
	if c, err := bcrypt.Cost([]byte(h.dummy)); err != nil || c != bcrypt.MinCost {
		t.Errorf("%v %v", c, err)
	}
	full := make(chan struct{})
	var wg sync.WaitGroup
	for range cap(h.slots) {
		wg.Go(func() { _ = h.run(context.Background(), func() { <-full }) })
	}
	for len(h.slots) < cap(h.slots) { // until all have a slot
		wg.Go(func() {})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	wantCode(t, "canceled", h.run(ctx, func() {}), pgerr.QueryCanceled)
	h.waiting.Add(maxHashing)
	wantCode(t, "too many", h.run(context.Background(), func() {}), pgerr.TooManyConnections)
	h.waiting.Add(-maxHashing)
	close(full)
	wg.Wait()
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.user("root", adminPassword, "Admin")
	ctx := context.Background()
	fail := func(user, addr string) error {
		_, err := b.Login(ctx, user, "wrong password", addr)
		return err
	}
	for range freeFailures + 1 {
		wantCode(t, "free", fail("root", home), pgerr.InvalidPassword)
	}
	var tm *TooMany
	wait := firstLoginDelay
	for range 12 {
		if err := fail("root", home); !errors.As(err, &tm) || tm.RetryAfter != wait {
			t.Fatalf("%v, want a delay of %v", err, wait)
		}
		if _, err := b.Login(ctx, "root", adminPassword, home); !errors.As(err, &tm) {
			t.Fatalf("the right password within the delay: %v", err)
		}
		b.clock.add(wait)
		wantCode(t, "after the delay", fail("root", home), pgerr.InvalidPassword)
		wait = min(2*wait, maxLoginDelay)
	}
	// Another address is free, and so is another user here.
	if _, err := b.Login(ctx, "root", adminPassword, "10.0.0.1:1"); err != nil {
		t.Error(err)
	}
	wantCode(t, "another user", fail("other", home), pgerr.InvalidPassword)
	b.clock.add(maxLoginDelay)
	if _, err := b.Login(ctx, "root", adminPassword, home); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "forgotten", fail("root", home), pgerr.InvalidPassword)
	// Many names from one address.
	for i := range freeAddressFailures + 1 {
		if err := fail("name"+string(rune('A'+i)), "[2001:db8::1]:5"); err != nil && !pgerr.Is(err, pgerr.InvalidPassword) {
			t.Fatalf("%d: %v", i, err)
		}
	}
	if err := fail("fresh", "[2001:db8::2]:5"); !errors.As(err, &tm) {
		t.Errorf("spraying is not slowed down: %v", err)
	}
	if n := strings.Count(b.audited(), EventThrottled); n == 0 || n > 14 {
		t.Errorf("%d lines about refusals", n)
	}
}

// A user with one kind of hash gets the other at a login in clear.
func TestCompleteCredentials(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	ctx := context.Background()
	b.user("root", adminPassword, "Admin")
	v := NewVerifier("pre-hashed password", MinScramIterations)
	wantCode(t, "create", b.CreateUser(ctx, System(), UserSpec{Name: "pre", Verifier: v.String()}), "")
	if id, err := scramLogin(t, b.Auth, "pre", "pre-hashed password"); err != nil || id.Name != "pre" {
		t.Fatal(id, err)
	}
	_, err := b.Login(ctx, "pre", "wrong password", home)
	wantCode(t, "wrong", err, pgerr.InvalidPassword)
	if acc := b.find("pre"); acc.bcrypt != "" {
		t.Fatal("a hash of a wrong password")
	}
	tok := b.login("pre", "pre-hashed password")
	if acc := b.find("pre"); acc.bcrypt == "" || acc.scram != v.String() {
		t.Fatalf("%+v", acc)
	}
	if _, err := b.VerifyToken(ctx, tok.Token, home); err != nil {
		t.Errorf("completing ended the token: %v", err)
	}
	b.restart()
	b.login("pre", "pre-hashed password")
	wantCode(t, "no password", b.CreateUser(ctx, System(), UserSpec{Name: "cert"}), "")
	_, err = b.Login(ctx, "cert", "", home)
	wantCode(t, "empty", err, pgerr.InvalidPassword)
	at, err := b.Begin("cert", home, "certificate")
	wantCode(t, "begin", err, "")
	if id, err := at.Succeed(); err != nil || id.Name != "cert" || at.NeedsCleartext() {
		t.Errorf("%+v %v", id, err)
	}
}

// What changes between the two halves of a login ends it.
func TestChangedMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.user("root", adminPassword, "Admin")
	b.user("amy", "amy's password")
	at, err := b.Begin("amy", home, "scram")
	wantCode(t, "begin", err, "")
	wantCode(t, "alter", b.AlterUser(context.Background(), System(), "amy", UserChange{AddRoles: []string{"Viewer"}}), "")
	_, err = at.Succeed()
	wantCode(t, "succeed", err, pgerr.InvalidPassword)
}

func TestTokenAsPassword(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.user("root", adminPassword, "Admin")
	b.user("amy", "amy's password")
	tok := b.login("amy", "amy's password").Token
	for user, code := range map[string]string{"amy": "", "root": pgerr.InvalidPassword} {
		at, err := b.Begin(user, home, "token")
		wantCode(t, "begin", err, "")
		_, err = at.Token(context.Background(), tok)
		wantCode(t, user, err, code)
	}
}
