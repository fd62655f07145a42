package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/testtls"
)

// With a certificate the API speaks HTTP/2 and HTTP/1.1 over TLS, and nothing
// without.
func TestAPIOverTLS(t *testing.T) {
	t.Parallel()
	ca := testtls.NewCA(t)
	cert, key := ca.Issue("server", "server")
	c := startAPI(t, "", func(cfg *config.Config) { cfg.Security.TLSCertFile, cfg.Security.TLSKeyFile = cert, key })
	addr := strings.TrimPrefix(c.url, "http://")
	for _, h2 := range []bool{true, false} {
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}, ForceAttemptHTTP2: h2}
		if !h2 {
			tr.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
		}
		resp, err := (&http.Client{Transport: tr}).Post("https://"+addr+"/api/v1/sql", "application/json", strings.NewReader(`{"sql":"SELECT g FROM generate_series(1, 50000) AS g"}`))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || !bytes.Contains(b, []byte(`"row_count":50000`)) || (resp.ProtoMajor == 2) != h2 {
			t.Errorf("%s %s: %v …%s", resp.Proto, resp.Status, err, b[max(0, len(b)-100):])
		}
		if resp.Header.Get("Strict-Transport-Security") == "" {
			t.Error("no Strict-Transport-Security")
		}
		tr.CloseIdleConnections()
	}
	resp, err := http.Get(c.url + "/api/v1/jobs")
	if err == nil {
		_ = resp.Body.Close()
		if resp.StatusCode < 400 {
			t.Errorf("without TLS: %s", resp.Status)
		}
	}
}

// A stop lets a statement that runs end, and ends it when the time is up.
func TestAPIStops(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Server.Port, cfg.Server.PgwirePort, cfg.Server.HealthCheckPort, cfg.Server.MetricsPort = 0, 0, 0, 0
	cfg.State.Backend, cfg.State.Path = config.BackendMemory, t.TempDir()
	cfg.Security.AuthenticationEnabled, cfg.Security.RateLimitEnabled = false, false
	s, err := Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	c := &apiClient{t: t, s: s, url: "http://" + l.API}
	type answer struct {
		status int
		err    error
		body   map[string]any
	}
	done := make(chan answer, 1)
	go func() {
		resp, err := http.Post(c.url+"/api/v1/sql", "application/json", strings.NewReader(`{"sql":"SELECT count(*) FROM generate_series(1, 1000000000)"}`))
		if err != nil {
			done <- answer{err: err}
			return
		}
		defer resp.Body.Close()
		a := answer{status: resp.StatusCode}
		a.err = json.NewDecoder(resp.Body).Decode(&a.body)
		done <- a
	}()
	c.becomes("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT count(*) FROM generate_series%'", "[[1]]")
	soon, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Close(soon); err == nil {
		t.Error("a statement ran, and the stop did not wait")
	}
	if a := <-done; a.err != nil || a.status != 503 || a.body["sqlstate"] != "57P01" {
		t.Errorf("%+v", a)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
