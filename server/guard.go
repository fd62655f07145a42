package server

import (
	"net/http"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/server/auth"
)

// guardMetrics asks those who read metrics from other machines for a token of
// somebody who may read, unless metrics are public.
func (s *Server) guardMetrics(h http.Handler) http.Handler {
	if s.auth.Disabled() || s.cfg.Security.MetricsPublic {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if loopback(r.RemoteAddr) {
			h.ServeHTTP(w, r)
			return
		}
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "metrics need a token: Authorization: Bearer …", http.StatusUnauthorized)
			return
		}
		id, err := s.auth.VerifyToken(r.Context(), token, r.RemoteAddr)
		switch {
		case err != nil:
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			http.Error(w, "the token is not valid", http.StatusUnauthorized)
		case s.auth.Authorize(id, auth.Read) != nil:
			http.Error(w, "metrics need permission Read", http.StatusForbidden)
		default:
			h.ServeHTTP(w, r)
		}
	})
}
