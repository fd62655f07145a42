package server

import (
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
func scramLogin(p *pgwire.StartupParams, a *auth.Attempt) (auth.Identity, error) {
	v := a.Verifier()
	// The name in the exchange is ignored, as PostgreSQL does: it was in the
	// startup packet.
	server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) {
		return scram.StoredCredentials{
			KeyFactors: scram.KeyFactors{Salt: string(v.Salt), Iters: v.Iterations}, StoredKey: v.StoredKey, ServerKey: v.ServerKey,
		}, nil
	})
	if err != nil {
		return auth.Identity{}, pgerr.Internal("%v", err)
	}
	mechanisms := []string{scramSHA256}
	conv := server.NewConversation()
	if p.TLS != nil && p.TLS.EndPoint != nil {
		mechanisms = []string{scramSHA256Plus, scramSHA256}
		conv = server.NewConversationWithChannelBinding(scram.ChannelBinding{Type: scram.ChannelBindingTLSServerEndpoint, Data: p.TLS.EndPoint})
	}
	var id auth.Identity
	started := false
	err = p.Auth.SASL(mechanisms, func(mechanism string, msg []byte) ([]byte, bool, error) {
		if !started {
			started = true
			if err := checkMechanism(mechanisms, mechanism, string(msg)); err != nil {
				return nil, false, err
			}
			reply, err := conv.Step(string(msg))
			if err != nil {
				return nil, false, malformed(err)
			}
			return []byte(reply), false, nil
		}
		reply, err := conv.Step(string(msg))
		if err != nil || !conv.Valid() {
			return nil, false, a.Fail("wrong password")
		}
		if id, err = a.Succeed(); err != nil {
			return nil, false, err
		}
		return []byte(reply), true, nil
	})
	return id, err
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
