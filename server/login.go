package server

import (
	"context"
	"net"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/pgwire"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
)

// authSetting is the startup parameter (options=-c heliosdb.auth=token) with
// which a client asks to be asked for a password in clear, under TLS only: a
// token of the API, or of the OIDC provider, in place of a password.
const authSetting = "heliosdb.auth"

// login finds out who a client is: by its certificate, by SCRAM, or, under TLS,
// by a password or token in clear.
func (s *Server) login(ctx context.Context, p *pgwire.StartupParams) (auth.Identity, error) {
	if s.auth.Disabled() {
		return s.auth.Anybody(p.User, p.RemoteAddr), nil
	}
	if p.TLS == nil && s.tls != nil && !s.cfg.Security.AllowPlaintext && !loopback(p.RemoteAddr) {
		return auth.Identity{}, fatal(pgerr.InvalidAuthorization, "connections from other machines need encryption").
			WithHint("Connect with sslmode=require, or better sslmode=verify-full.")
	}
	if p.TLS != nil && p.TLS.ClientName() == p.User {
		a, err := s.auth.Begin(p.User, p.RemoteAddr, "certificate")
		if err != nil {
			return auth.Identity{}, err
		}
		return a.Succeed()
	}
	inClear := asksForClear(p.Settings)
	if inClear && p.TLS == nil {
		return auth.Identity{}, fatal(pgerr.InvalidAuthorization, "a token or password in clear needs an encrypted connection").
			WithHint("Connect with sslmode=require, or without %s.", authSetting)
	}
	method := "scram"
	if inClear {
		method = "password"
	}
	a, err := s.auth.Begin(p.User, p.RemoteAddr, method)
	if err != nil {
		return auth.Identity{}, err
	}
	if inClear || p.TLS != nil && a.NeedsCleartext() {
		return passwordLogin(ctx, p.Auth, a)
	}
	return scramLogin(ctx, p, a)
}

// asksForClear reports whether the client asks for the exchange in clear.
func asksForClear(settings []pgwire.Setting) bool {
	clear := false
	for _, kv := range settings {
		if strings.EqualFold(kv.Name, authSetting) {
			v := strings.ToLower(kv.Value)
			clear = v == "token" || v == "jwt" || v == "password"
		}
	}
	return clear
}

// passwordLogin asks for a password in clear; the connection is encrypted.
func passwordLogin(ctx context.Context, ask pgwire.Auth, a *auth.Attempt) (auth.Identity, error) {
	pw, err := ask.CleartextPassword()
	switch {
	case err != nil:
		return auth.Identity{}, err
	case pw == "":
		return auth.Identity{}, a.Fail("empty password")
	case isToken(pw):
		return a.Token(ctx, pw)
	}
	return a.Password(ctx, pw)
}

// isToken tells a JSON web token, which begins with {" in base64, from a
// password: no password is as long.
func isToken(pw string) bool {
	return len(pw) > auth.MaxPassword && strings.HasPrefix(pw, "eyJ") && strings.Count(pw, ".") == 2
}

// loopback reports whether an address is of this machine.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() || strings.HasPrefix(addr, "/") || strings.HasPrefix(addr, "@")
}

func fatal(code, format string, args ...any) *pgerr.Error {
	e := pgerr.New(code, format, args...)
	e.Severity = "FATAL"
	return e
}
