package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// makeCertificates writes ca.crt, server.crt and server.key for 127.0.0.1, good
// for a day, and returns how clients trust them.
func makeCertificates(dir string) (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nexmark soak"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(30 * 24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, text := range map[string][]byte{
		"ca.crt": certificate, "server.crt": certificate,
		"server.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return nil, err
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}, nil
}

// promServer is a real Prometheus with the shipped alert rules, if there is one.
type promServer struct {
	url     string
	missing error // why there is none
	cmd     *exec.Cmd
}

const alertRules = "deploy/prometheus/alerts.yml"

// startPrometheus scrapes the engine every second from now on.
func startPrometheus(dir string, e *engine, tls bool) *promServer {
	p := &promServer{}
	fail := func(err error) *promServer {
		p.missing = err
		return p
	}
	binary, err := exec.LookPath("prometheus")
	if err != nil {
		return fail(err)
	}
	rules, err := filepath.Abs(alertRules)
	if err != nil {
		return fail(err)
	}
	target, err := url.Parse(e.metricsURL)
	if err != nil {
		return fail(err)
	}
	config := fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 5s}\nrule_files: [%q]\nscrape_configs:\n"+
		"- job_name: heliosdb-streaming\n  scheme: %s\n  static_configs: [{targets: [%q]}]\n", rules, target.Scheme, target.Host)
	if tls {
		config += fmt.Sprintf("  tls_config: {ca_file: %q}\n", filepath.Join(dir, "ca.crt"))
	}
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return fail(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fail(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return fail(err)
	}
	p.cmd = exec.Command(binary, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "prometheus"),
		"--web.listen-address="+address, "--log.level=error")
	p.cmd.Stderr = os.Stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		p.cmd = nil
		return fail(err)
	}
	p.url = "http://" + address
	return p
}

func (p *promServer) stop() {
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		_ = p.cmd.Wait()
	}
}

// alertResult is what the rules came to.
type alertResult struct {
	rules   int
	fired   []string
	pending []string
	problem error
}

func (a alertResult) String() string {
	if a.problem != nil {
		return "not evaluated: " + a.problem.Error()
	}
	list := func(names []string) string {
		if len(names) == 0 {
			return "none"
		}
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%d rules; fired: %s; were pending: %s", a.rules, list(a.fired), list(a.pending))
}

// fired asks which alerts there were since the start.
func (p *promServer) fired() alertResult {
	if p.missing != nil {
		return alertResult{problem: p.missing}
	}
	var r alertResult
	var rules struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	if r.problem = p.get("/api/v1/rules", &rules); r.problem != nil {
		return r
	}
	for _, g := range rules.Data.Groups {
		for _, rule := range g.Rules {
			r.rules++
			if rule.Health != "ok" {
				r.problem = fmt.Errorf("rule %s is %s: %s", rule.Name, rule.Health, rule.LastError)
				return r
			}
		}
	}
	r.fired, r.problem = p.alerts("firing")
	if r.problem == nil {
		r.pending, r.problem = p.alerts("pending")
	}
	return r
}

func (p *promServer) alerts(state string) ([]string, error) {
	var answer struct {
		Data struct {
			Result []struct{ Metric map[string]string }
		}
	}
	query := fmt.Sprintf(`count by (alertname) (count_over_time(ALERTS{alertstate=%q}[1d]))`, state)
	err := p.get("/api/v1/query?query="+url.QueryEscape(query), &answer)
	var names []string
	for _, m := range answer.Data.Result {
		names = append(names, m.Metric["alertname"])
	}
	slices.Sort(names)
	return names, err
}

func (p *promServer) get(path string, into any) error {
	resp, err := http.Get(p.url + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return fmt.Errorf("prometheus: %s: %s", resp.Status, text)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}
