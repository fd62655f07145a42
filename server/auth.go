package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
)

// SetupTokenFile is the file of the setup token in the data directory.
const SetupTokenFile = auth.SetupTokenFile

// openAuth makes the state of users and roles, still empty; recovery fills it.
func (s *Server) openAuth() error {
	sec := &s.cfg.Security
	if sec.AuthenticationEnabled || sec.AuditLogFile != "" {
		audit, err := auth.OpenAudit(auth.AuditOptions{
			Path: s.cfg.AuditLogFile(), MaxSizeMB: s.cfg.Logging.MaxSizeMB, MaxFiles: s.cfg.Logging.MaxFiles, Logger: s.logger("auth"),
		})
		if err != nil {
			return err
		}
		s.audit = audit
	}
	a, err := auth.New(auth.Options{
		Disabled: !sec.AuthenticationEnabled,
		Dir:      s.cfg.State.LocalDir(),
		RBACFile: sec.RBACFile,
		Tokens: auth.TokenOptions{
			Secret: sec.JWTSecret.Reveal(), Previous: sec.JWTSecretPrevious.Reveal(), Lifetime: sec.JWTExpiration,
			Issuer: sec.JWTIssuer, Audience: sec.JWTAudience,
		},
		OIDC:   auth.OIDCOptions{URL: sec.OIDCJWKSURL, Issuer: sec.OIDCIssuer, Audience: sec.OIDCAudience, RolesClaim: sec.OIDCRolesClaim},
		Limits: rateLimit(s.cfg),
		Persist: func(record []byte) error {
			pos, err := s.append(recordAuth, record)
			s.authLogged.Store(pos)
			return err
		},
		Confirm: func() error { return s.confirm(s.closing, s.authLogged.Load()) },
		Audit:   s.audit, Logger: s.logger("auth"),
	})
	if err != nil {
		return errors.Join(err, s.audit.Close())
	}
	a.OnRevoke(s.endSessions)
	s.auth = a
	s.countLogins()
	return nil
}

func rateLimit(cfg *config.Config) auth.RateLimit {
	return auth.RateLimit{Enabled: cfg.Security.RateLimitEnabled, PerMinute: cfg.Security.RateLimitRequestsPerMinute}
}

// startAuth reads the RBAC file and makes the setup token where it is needed;
// from then on both follow reloads.
func (s *Server) startAuth(ctx context.Context) error {
	if err := s.auth.Start(ctx); err != nil {
		return fmt.Errorf("users and roles: %w", err)
	}
	s.OnReload(func(c *config.Config) error {
		s.auth.SetRateLimit(rateLimit(c))
		s.auth.SetTokenLifetime(c.Security.JWTExpiration)
		return errors.Join(
			s.auth.SetSecrets(c.Security.JWTSecret.Reveal(), c.Security.JWTSecretPrevious.Reveal()),
			s.auth.LoadRBAC(c.Security.RBACFile),
			s.audit.Reopen(c.AuditLogFile()),
		)
	})
	return nil
}

func (s *Server) closeAuth() error {
	s.auth.Close()
	return s.audit.Close()
}

// countLogins registers the metrics of logins and of the audit log.
func (s *Server) countLogins() {
	for outcome, value := range map[string]func() int64{
		"ok":        func() int64 { n, _, _ := s.auth.Logins(); return n },
		"failed":    func() int64 { _, n, _ := s.auth.Logins(); return n },
		"throttled": func() int64 { _, _, n := s.auth.Logins(); return n },
	} {
		s.reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "heliosdb_logins_total", Help: "Logins over all protocols; throttled ones came too soon after failures and were refused unread.",
			ConstLabels: prometheus.Labels{"outcome": outcome},
		}, func() float64 { return float64(value()) }))
	}
	s.reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "heliosdb_audit_failures_total", Help: "Events that could not be written to the audit log; they are in the program's log.",
	}, func() float64 { return float64(s.audit.Failures()) }))
}

// Auth is who may do what.
func (s *Server) Auth() *auth.Auth { return s.auth }
