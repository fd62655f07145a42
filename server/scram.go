package server

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"

	"github.com/xdg-go/scram"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/pgwire"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
)

// Mechanisms of SASL. The second binds the exchange to the TLS connection, so
// that nobody in between can pass it on.
const (
	scramSHA256     = "SCRAM-SHA-256"
	scramSHA256Plus = "SCRAM-SHA-256-PLUS"
)

// scramLogin does the SCRAM exchange. A user who does not exist goes through the
// same steps with a verifier that is made up, and fails like a wrong password.
// Under TLS one of the user's tokens is as good as the password.
func scramLogin(ctx context.Context, p *pgwire.StartupParams, a *auth.Attempt) (auth.Identity, error) {
	ex := &scramExchange{tls: p.TLS, nonce: scramNonce()}
	conv, err := ex.conversation(a.Verifier())
	if err != nil {
		return auth.Identity{}, err
	}
	mechanisms := []string{scramSHA256}
	if ex.bound() {
		mechanisms = []string{scramSHA256Plus, scramSHA256}
	}
	var id auth.Identity
	started := false
	err = p.Auth.SASL(mechanisms, func(mechanism string, msg []byte) ([]byte, bool, error) {
		if !started {
			started = true
			if err := checkMechanism(mechanisms, mechanism, string(msg)); err != nil {
				return nil, false, err
			}
			ex.first = string(msg)
			reply, err := conv.Step(ex.first)
			if err != nil {
				return nil, false, malformed(err)
			}
			return []byte(reply), false, nil
		}
		reply, err := conv.Step(string(msg))
		if err == nil && conv.Valid() {
			id, err = a.Succeed()
		} else {
			id, reply, err = ex.token(ctx, a, string(msg))
		}
		if err != nil {
			return nil, false, err
		}
		return []byte(reply), true, nil
	})
	return id, err
}

// scramExchange is what the two messages of an exchange are checked with. The
// nonce is chosen beforehand, so that they can be checked with another verifier
// too.
type scramExchange struct {
	tls   *pgwire.TLS // nil: not encrypted
	nonce string      // the server's part
	first string      // the client's first message
}

// scramNonce is 24 random bytes, in base64 without commas.
func scramNonce() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // it never fails
	return base64.StdEncoding.EncodeToString(b)
}

// bound reports whether the exchange can be bound to the connection.
func (x *scramExchange) bound() bool { return x.tls != nil && x.tls.EndPoint != nil }

func (x *scramExchange) conversation(v auth.Verifier) (*scram.ServerConversation, error) {
	// The name in the exchange is ignored, as PostgreSQL does: it was in the
	// startup packet.
	server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) {
		return scram.StoredCredentials{
			KeyFactors: scram.KeyFactors{Salt: string(v.Salt), Iters: v.Iterations}, StoredKey: v.StoredKey, ServerKey: v.ServerKey,
		}, nil
	})
	if err != nil {
		return nil, pgerr.Internal("%v", err)
	}
	server.WithNonceGenerator(func() string { return x.nonce })
	if x.bound() {
		return server.NewConversationWithChannelBinding(scram.ChannelBinding{Type: scram.ChannelBindingTLSServerEndpoint, Data: x.tls.EndPoint}), nil
	}
	return server.NewConversation(), nil
}

// token checks the client's last message against the user's tokens, under TLS
// alone; none fits: the password is wrong.
func (x *scramExchange) token(ctx context.Context, a *auth.Attempt, last string) (auth.Identity, string, error) {
	if x.tls != nil {
		for _, t := range a.Tokens() {
			conv, err := x.conversation(t.Verifier)
			if err != nil {
				return auth.Identity{}, "", err
			}
			if _, err := conv.Step(x.first); err != nil {
				continue // not of this salt: the password was changed
			}
			if reply, err := conv.Step(last); err == nil && conv.Valid() {
				id, err := a.Token(ctx, t.Token)
				return id, reply, err
			}
		}
	}
	return auth.Identity{}, "", a.Fail("wrong password")
}

// checkMechanism holds the client's first message against the mechanism that it
// chose: -PLUS is with a binding ("p"), the other one without.
func checkMechanism(offered []string, mechanism, first string) error {
	plus := mechanism == scramSHA256Plus
	switch {
	case mechanism != scramSHA256 && (!plus || len(offered) < 2):
		return fatal(pgerr.ProtocolViolation, "client selected an invalid SASL authentication mechanism")
	case plus != strings.HasPrefix(first, "p"):
		return fatal(pgerr.ProtocolViolation, "malformed SCRAM message").
			WithDetail("The channel binding does not fit the mechanism %s.", mechanism)
	}
	return nil
}

// malformed is the error of a first message, which holds no secret yet.
func malformed(err error) error {
	return fatal(pgerr.ProtocolViolation, "malformed SCRAM message").WithDetail("%s.", err)
}
