package auth

import (
	"context"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/testpg"
)

// PostgreSQL's verifiers are read here, and ours there: it keeps one as it is
// only if its own parser can read it.
func TestVerifierAgainstPostgres(t *testing.T) {
	t.Parallel()
	pg := testpg.NewOracle(t)
	pg.Exec("SET password_encryption = 'scram-sha-256'")
	stored := func() string {
		return pg.Ask("SELECT rolpassword FROM pg_authid WHERE rolname = $1", []string{"verified"})[0].Text
	}
	pg.Exec("DROP ROLE IF EXISTS verified; CREATE ROLE verified LOGIN")
	defer pg.Exec("DROP ROLE verified")
	for _, pw := range []string{"correct horse", "IX", "pässword", "a\u00adb\u00a0c", "\ufeff", "\u0627\u0031 mixed", "emoji \U0001f600", "\u2168"} {
		pg.Exec("ALTER ROLE verified PASSWORD '" + pw + "'")
		v, err := ParseVerifier(stored())
		if err != nil || !v.Matches(pw) || v.Matches(pw+"x") {
			t.Errorf("PostgreSQL's verifier of %q: %v %v", pw, v, err)
		}
		own := NewVerifier(pw, DefaultScramIterations).String()
		pg.Exec("ALTER ROLE verified PASSWORD '" + own + "'")
		if got := stored(); got != own {
			t.Errorf("PostgreSQL made %s of %s", got, own)
		}
	}
}

// Hashes that libxcrypt's crypt(3) made, in the forms of other programs.
func TestForeignHashes(t *testing.T) {
	t.Parallel()
	h, err := newHasher(4)
	if err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{
		"$2b$12$abcdefghijklmnopqrstuuWLGXQtcLzO3H6o1bUQSGds916oG1mOm", "$2y$10$abcdefghijklmnopqrstuuDKKtna4djcPtl.uT45FYrIDAI10HRNa",
	} {
		if _, ok := bcryptCost(hash); !ok {
			t.Errorf("%s is not seen as a hash", hash)
		}
		for pw, want := range map[string]bool{"viewer password": true, "viewer passwort": false} {
			if ok, err := h.check(context.Background(), pw, hash, "", true); err != nil || ok != want {
				t.Errorf("%s: %v %v", hash, ok, err)
			}
		}
	}
}
