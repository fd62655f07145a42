package auth

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"time"
)

// proofs are the tokens that a client may send as its password over SCRAM.
func (b *bench) proofsOf(user string) []TokenProof {
	b.t.Helper()
	a, err := b.Begin(user, home, "scram")
	if err != nil {
		b.t.Fatal(err)
	}
	return a.Tokens()
}

func TestTokenProofs(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.user("root", adminPassword, "Admin")
	if got := b.proofsOf("root"); len(got) != 0 {
		t.Fatal(got)
	}
	first := b.login("root", adminPassword)
	got := b.proofsOf("root")
	if len(got) != 1 || got[0].Token != first.Token || !got[0].Verifier.Matches(first.Token) || got[0].Verifier.Matches(adminPassword) {
		t.Fatal(got)
	}
	a, err := b.Begin("root", home, "scram")
	if err != nil {
		t.Fatal(err)
	}
	if v := a.Verifier(); !slices.Equal(v.Salt, got[0].Verifier.Salt) || v.Iterations != got[0].Verifier.Iterations {
		t.Error("the client is told another salt than the token's")
	}
	if got := b.proofsOf("nobody"); len(got) != 0 {
		t.Error(got)
	}
	next, err := b.Refresh(context.Background(), first.Token, home)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.proofsOf("root"); len(got) != 2 || got[1].Token != next.Token {
		t.Error(got)
	}
	for i := range 2 * maxProofs {
		b.proofs.add("root", TokenProof{Token: string(rune('a' + i)), until: b.clock.now().Add(time.Hour)}, b.clock.now())
	}
	if got := b.proofsOf("root"); len(got) != maxProofs || got[0].Token == first.Token {
		t.Errorf("%d proofs", len(got))
	}
	b.clock.add(time.Hour)
	if got := b.proofsOf("root"); len(got) != 0 {
		t.Errorf("%d expired proofs", len(got))
	}
}

// TestTokenProofSeen: a token of the process before is known once it was seen.
func TestTokenProofSeen(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.user("root", adminPassword, "Admin")
	tok := b.login("root", adminPassword).Token
	b.proofs = newTokenProofs() // as after a restart
	if _, err := b.VerifyRequest(context.Background(), tok, home); err != nil {
		t.Fatal(err)
	}
	for b.proofs.busy.Load() {
		select {
		case <-t.Context().Done():
			t.Fatal("the proof is not made")
		default:
			runtime.Gosched()
		}
	}
	if got := b.proofsOf("root"); len(got) != 1 || !got[0].Verifier.Matches(tok) {
		t.Fatal(got)
	}
	if _, err := b.VerifyRequest(context.Background(), tok, home); err != nil || len(b.proofsOf("root")) != 1 {
		t.Error(err)
	}
}
