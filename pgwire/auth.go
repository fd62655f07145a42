package pgwire

import (
	"errors"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/jackc/pgproto3/v2"
)

// authExchange is the Auth of a connection in its startup.
type authExchange struct {
	c    *conn
	used bool
}

// ask sends a request for authentication and reads the client's answer.
func (a *authExchange) ask(kind uint32, req encoder) (pgproto3.FrontendMessage, error) {
	c := a.c
	c.out.encode(req)
	if err := c.be.SetAuthType(kind); err != nil {
		return nil, fatal(pgerr.InternalError, "%v", err)
	}
	t, body, err := c.in.message()
	if err != nil {
		if err = c.readError(err); isProtocol(err) {
			return nil, err
		}
		return nil, errEnd // the client went away, as one without a password does
	}
	if e := checkBody(t, body, kind); e != nil {
		return nil, asFatal(e)
	}
	m, err := c.be.Receive()
	if err != nil {
		return nil, fatal(pgerr.ProtocolViolation, "invalid message format")
	}
	return m, nil
}

func isProtocol(err error) bool {
	var e *pgerr.Error
	return errors.As(err, &e)
}

func (a *authExchange) once() error {
	if a.used || a.c.in.authed {
		return fatal(pgerr.InternalError, "authentication was already asked for")
	}
	a.used = true
	return nil
}

// CleartextPassword implements Auth.
func (a *authExchange) CleartextPassword() (string, error) {
	if err := a.once(); err != nil {
		return "", err
	}
	m, err := a.ask(pgproto3.AuthTypeCleartextPassword, &pgproto3.AuthenticationCleartextPassword{})
	if err != nil {
		return "", err
	}
	return m.(*pgproto3.PasswordMessage).Password, nil
}

// maxSASLSteps bounds an exchange; SCRAM needs two.
const maxSASLSteps = 8

// SASL implements Auth.
func (a *authExchange) SASL(mechanisms []string, step func(string, []byte) ([]byte, bool, error)) error {
	if err := a.once(); err != nil {
		return err
	}
	m, err := a.ask(pgproto3.AuthTypeSASL, &pgproto3.AuthenticationSASL{AuthMechanisms: mechanisms})
	if err != nil {
		return err
	}
	first := m.(*pgproto3.SASLInitialResponse)
	mech, data := first.AuthMechanism, first.Data
	for range maxSASLSteps {
		reply, done, err := step(mech, data)
		if err != nil {
			return err
		}
		if done {
			a.c.out.encode(&pgproto3.AuthenticationSASLFinal{Data: reply})
			return nil
		}
		m, err := a.ask(pgproto3.AuthTypeSASLContinue, &pgproto3.AuthenticationSASLContinue{Data: reply})
		if err != nil {
			return err
		}
		data = m.(*pgproto3.SASLResponse).Data
	}
	return fatal(pgerr.ProtocolViolation, "too many SASL messages")
}
