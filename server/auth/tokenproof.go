package auth

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of the tokens that are kept for SCRAM.
const (
	maxProofUsers = 4_096
	maxProofs     = 16 // of one user; the oldest goes
)

// TokenProof is a token of the API with what SCRAM is checked with when a client
// sends it as the password. A client that was asked for SCRAM never shows what
// it has, so the server must know beforehand which tokens there are: those that
// this process has made or has seen over HTTP.
type TokenProof struct {
	Token    string
	Verifier Verifier

	until time.Time
}

// tokenProofs are the proofs of all users.
type tokenProofs struct {
	mu    sync.Mutex
	users *lru[string, []TokenProof]
	busy  atomic.Bool // a token that was seen is being added
}

func newTokenProofs() *tokenProofs {
	return &tokenProofs{users: newLRU[string, []TokenProof](maxProofUsers)}
}

// of are a user's proofs that have not expired.
func (p *tokenProofs) of(user string, now time.Time) []TokenProof {
	p.mu.Lock()
	defer p.mu.Unlock()
	all, _ := p.users.get(user)
	var live []TokenProof
	for _, t := range all {
		if now.Before(t.until) {
			live = append(live, t)
		}
	}
	return live
}

// add keeps a proof of a user.
func (p *tokenProofs) add(user string, t TokenProof, now time.Time) {
	live := p.of(user, now)
	p.mu.Lock()
	defer p.mu.Unlock()
	live = append(live, t)
	p.users.put(user, live[max(0, len(live)-maxProofs):])
}

// prove makes the proof of a token: with the salt and the iterations of its
// user's password, as the server must name them before it knows which of the
// two the client has. A user without a SCRAM verifier is asked in clear anyway.
func prove(acc *account, tok Token) (TokenProof, bool) {
	v, err := ParseVerifier(acc.scram)
	if err != nil {
		return TokenProof{}, false
	}
	return TokenProof{Token: tok.Token, Verifier: deriveVerifier(tok.Token, v.Salt, v.Iterations), until: tok.ExpiresAt}, true
}

// made keeps a token that was made just now. Without room for the computation
// the token is none for SCRAM, which is no reason to refuse the login.
func (a *Auth) made(ctx context.Context, user string, tok Token) {
	acc := a.find(user)
	if acc == nil {
		return
	}
	var t TokenProof
	ok := false
	if err := a.hash.run(ctx, func() { t, ok = prove(acc, tok) }); err == nil && ok {
		a.proofs.add(acc.name, t, a.now())
	}
}

// seen keeps a valid token that an earlier process has made. It is computed
// beside the request, one at a time: the next request tries again.
func (a *Auth) seen(id Identity, raw string) {
	now := a.now()
	live := a.proofs.of(id.Name, now)
	known := slices.ContainsFunc(live, func(t TokenProof) bool { return t.Token == raw })
	if known || len(live) >= maxProofs {
		return
	}
	acc := a.find(id.Name)
	if acc == nil || acc.scram == "" || !a.proofs.busy.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer a.proofs.busy.Store(false)
		if t, ok := prove(acc, Token{Token: raw, ExpiresAt: id.Expires}); ok {
			a.proofs.add(acc.name, t, now)
		}
	}()
}

// Tokens are the tokens that the client may have in place of the password; one
// that fits is to be checked by Token, as it may have been logged out.
func (t *Attempt) Tokens() []TokenProof {
	if t.acc == nil {
		return nil
	}
	return t.a.proofs.of(t.acc.name, t.a.now())
}
