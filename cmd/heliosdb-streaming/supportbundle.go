package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
)

// Bounds of the command.
const (
	bundleTimeout  = 2 * time.Minute
	maxBundleBytes = 1 << 30
)

var supportBundle = command{
	name:    "support-bundle",
	summary: "collect what a report needs from a running server, without secrets",
	usage:   "[--config FILE] [--token-file FILE] [--out FILE]",
	text: `Asks the running server over HTTP for its configuration without secrets, the
definitions and plans of all relations, jobs, metrics, stacks and the last lines of
its log, and writes them as one gzipped tar. No rows are in it. The token of a user
who may Manage comes from --token-file or HELIOSDB_TOKEN; login gives one:
  curl -s -X POST http://localhost:8080/api/v1/auth/login -H "Content-Type: application/json" \
    -d '{"username":"admin","password":"…"}' | jq -r .token`,
	define: func(f *flags) action {
		var from configuration
		var url, tokenFile, out, ca string
		from.define(f)
		f.text(&url, "url", "URL", "the HTTP API, for example https://streaming.example.com:8080; default: as\nthe configuration says, on this machine")
		f.text(&tokenFile, "token-file", "FILE", "a file that holds the token")
		f.text(&ca, "ca-file", "FILE", "certificates to trust besides the system's (PEM)")
		f.text(&out, "out", "FILE", "where to write (default heliosdb-support-TIME.tar.gz); - is standard output")
		return func(args []string, std stdio) error {
			if len(args) > 0 {
				return usagef("unexpected argument %q", args[0])
			}
			token, err := readToken(tokenFile)
			if err != nil {
				return err
			}
			var cfg *config.Config
			if url == "" {
				if cfg, err = from.load(); err != nil {
					return configError{err}
				}
				url = apiURL(cfg)
			}
			client, err := apiClient(cfg, ca)
			if err != nil {
				return err
			}
			return fetchBundle(client, url, token, out, std)
		}
	},
}

func readToken(file string) (string, error) {
	if file == "" {
		return os.Getenv("HELIOSDB_TOKEN"), nil
	}
	b, err := os.ReadFile(file)
	return strings.TrimSpace(string(b)), err
}

// apiURL is where the configuration's server listens, seen from this machine.
func apiURL(cfg *config.Config) string {
	host := cfg.Server.Host
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http"
	if cfg.Security.TLSCertFile != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(cfg.Server.Port))
}

// apiClient trusts the system's certificates, those of the file, and the
// configured server's own, which is on this machine.
func apiClient(cfg *config.Config, ca string) (*http.Client, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	files := []string{ca}
	if cfg != nil {
		files = append(files, cfg.Security.TLSCertFile)
	}
	for _, name := range files {
		if name == "" {
			continue
		}
		pem, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", name)
		}
	}
	tr := http.DefaultTransport.(*http.Transport).Clone()
	tr.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	return &http.Client{Timeout: bundleTimeout, Transport: tr}, nil
}

func fetchBundle(client *http.Client, url, token, out string, std stdio) error {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, strings.TrimSuffix(url, "/")+"/api/v1/admin/support-bundle", nil)
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%w\nOf a server that does not answer, send its log and what --check-config and check print", err)
	}
	defer resp.Body.Close()
	body := io.LimitReader(resp.Body, maxBundleBytes)
	if resp.StatusCode != http.StatusOK {
		return refused(resp, body)
	}
	if out == "-" {
		_, err = io.Copy(std.out, body)
		return err
	}
	if out == "" {
		out = "heliosdb-support-" + time.Now().UTC().Format("20060102T150405Z") + ".tar.gz"
	}
	f, err := os.OpenFile(out, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, body)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s: %d bytes. Look into it before you send it: names and definitions are in it.\n", out, n)
	return nil
}

// refused is the problem that the server reports.
func refused(resp *http.Response, body io.Reader) error {
	var problem struct{ Title, Detail string }
	if err := json.NewDecoder(body).Decode(&problem); err != nil || problem.Title == "" {
		return fmt.Errorf("the server answers %s", resp.Status)
	}
	return fmt.Errorf("the server answers %s: %s", resp.Status, strings.TrimSpace(problem.Title+": "+problem.Detail))
}
