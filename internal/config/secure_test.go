package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is unsafe or contradicts itself is refused, with what to write instead.
func TestUnsafe(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t"
	for _, c := range []struct{ text, want string }{
		{"[server]\nhost = '::'", `:2: [server] host = "::" opens the ports to other machines without TLS`},
		{"[server]\nhost = 'example.org'\n[security]\nauthentication_enabled = false\nallow_plaintext = true", `:4: [security] authentication_enabled = false makes everybody an administrator`},
		{"[security]\ntls_cert_file = '/dev/null'", `:2: [security] tls_cert_file needs its private key: tls_key_file`},
		{"[security]\ntls_key_file = '/dev/null'", `[security] tls_key_file needs its certificate: tls_cert_file`},
		{"[security]\ntls_client_ca_file = '/dev/null'", `tls_client_ca_file needs tls_cert_file`},
		{"[security]\ntls_cert_file = '/nonexistent'\ntls_key_file = '/'", `:2: [security] tls_cert_file: /nonexistent: no such file`},
		{"[security]\ntls_cert_file = '/nonexistent'\ntls_key_file = '/'", `:3: [security] tls_key_file: / is a directory`},
		{"[security]\nrbac_file = 'none.yaml'", `none.yaml: no such file`},
		{"[security]\njwt_secret = 'short'", `jwt_secret must have at least 32 bytes, not 5`},
		{"[security]\njwt_secret_previous = 'change-this-in-production'", `jwt_secret_previous is one from a manual`},
		{"[security]\njwt_secret_previous = '" + secret + "'", `jwt_secret_previous needs jwt_secret`},
		{"[security]\njwt_secret = '" + secret + "'\njwt_secret_file = '/dev/null'", `:3: [security] jwt_secret and jwt_secret_file are both set`},
		{"[security]\njwt_secret_file = '/dev/null'", `:2: [security] jwt_secret_file: /dev/null is empty`},
		{"[security]\njwt_secret_file = '/nonexistent'", `/nonexistent: no such file`},
		{"[security]\njwt_issuer = ''", `jwt_issuer must not be empty`},
		{"[security]\noidc_jwks_url = 'https://id.example/keys'", `needs oidc_issuer and oidc_audience`},
		{"[security]\noidc_jwks_url = 'http://id.example/keys'\noidc_issuer='a'\noidc_audience='b'", `must begin with https://`},
		{"[state]\nbackend = 's3'\npath = '/var/lib/x'", `:3: [state] backend = "s3" needs the bucket in path: write path = "s3://BUCKET/PREFIX"`},
		{"[state]\nbackend = 'gcs'", `:2: [state] backend = "gcs" needs the bucket in path: write path = "gs://BUCKET/PREFIX"`},
		{"[state]\nbackend = 'azure'\npath = 'gs://b'", `:3: [state] path = "gs://b" belongs to backend = "gcs", not "azure"`},
		{"[state]\npath = 's3://b/p'", `belongs to backend = "s3", not "file"`},
		{"[state]\npath = 'hdfs://b/p'", `begins with hdfs://, which is no known object store`},
		{"[state]\npath = 'file://b/p'", `must be file:///DIRECTORY`},
		{"[state]\npath = 'file:///var/lib/heliosdb/state/'", `and local_path are one directory`},
		{"[state]\nbackend = 's3'\npath = 's3:///p'", `names no bucket`},
		{"[state]\nbackend = 's3'\npath = 's3://b/p?region=x'", `must not hold a query`},
		{"[state]\nendpoint = 'minio:9000'", `endpoint must be a URL`},
		{"[state]\nendpoint = 'http://u:p@localhost:9000'", `endpoint must not hold a password`},
		{"[kafka]\nssl_ca_file = '/dev/null'", `:2: [kafka] ssl_ca_file needs enable_ssl = true`},
		{"[kafka]\nenable_ssl = true\nssl_cert_file = '/dev/null'", `ssl_cert_file needs its private key: ssl_key_file`},
		{"[kafka]\nsasl_mechanism = 'PLAIN'", `= "PLAIN" needs sasl_username`},
		{"[kafka]\nsasl_mechanism = 'SCRAM-SHA-512'\nsasl_username = 'u'", `needs a password: set KAFKA_PASSWORD, or write sasl_password_file`},
		{"[kafka]\nsasl_mechanism = 'GSSAPI'", `sasl_mechanism must be one of ["" "PLAIN"`},
		{"[kafka]\nsasl_mechanism = 'OAUTHBEARER'", `needs sasl_oauth_token_file, or sasl_oauth_token_url`},
		{"[kafka]\nsasl_mechanism = 'OAUTHBEARER'\nsasl_oauth_token_url = 'https://x/y'", `needs sasl_oauth_client_id and sasl_oauth_client_secret`},
		{"[kafka]\nsasl_mechanism = 'OAUTHBEARER'\nsasl_oauth_token_url = 'https://x/y'\nsasl_oauth_token_file = '/dev/null'", `are both set: keep one`},
		{"[kafka]\nsasl_oauth_token_url = 'http://u:hush@localhost/y'", `must not hold a password`},
		{"[kafka]\nbootstrap_servers = 'u:hush@localhost:9092'", `must be host:port, not "[redacted]@localhost:9092"`},
		{"[state]\nbackend = 'azure'\npath = 'gs://u:hush@b'", `[state] path = "[redacted]@b" belongs to backend = "gcs"`},
		{"[state]\nbackend = 's3'\npath = 's3://u:hush/x@b/p'", `must not hold a login`},
		{"[state]\nbackend = 's3'\npath = 'hdfs://u:hush@b/p'", `path`},
		{"[logging]\ncomponents = 'pgwire'", `is not COMPONENT=LEVEL with a component of api`},
		{"[logging]\ncomponents = 'pgwire=loud'", `is not COMPONENT=LEVEL with a component of api`},
		{"[tracing]\notlp_endpoint = 'http://jaeger:4317'", `must be host:port without a scheme`},
		{"[tracing]\nheaders = 'hush'", `item 1 is not`},
		{"[tracing]\nsample_ratio = 1.5", `must be between 0 and 1, not 1.5`},
		{"[tracing]\nsample_ratio = 'x'", `sample_ratio must be a number, not "x"`},
	} {
		got := refused(t, c.text)
		wants(t, got, c.want)
		if strings.Contains(got, secret) || strings.Contains(got, "hush") {
			t.Errorf("a secret shows in %s", got)
		}
	}
}

// What has no effect or is doubtful is accepted and said.
func TestWarnings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"", "tokens are signed with a random one"},
		{"[kms]\naws_region = 'x'", `:2: [kms] aws_region has no effect: it belongs to provider = "aws"`},
		{"[state]\nlocal_path = '/x'", "[state] local_path has no effect: it belongs to object stores"},
		{"[kafka]\nsasl_username = 'x'", "[kafka] sasl_username has no effect without sasl_mechanism"},
		{"[kafka]\nsasl_mechanism = 'PLAIN'\nsasl_username = 'x'\nsasl_password = 'y'", `= "PLAIN" without enable_ssl = true shows the secret`},
		{"[security]\noidc_issuer = 'x'", "oidc_issuer has no effect without oidc_jwks_url"},
		{"[tracing]\nenabled = true\ninsecure = true\nheaders = 'a=b'", "[tracing] insecure = true sends [tracing] headers unencrypted"},
	} {
		cfg, err := Load(write(t, c.text), nil)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		wants(t, strings.Join(cfg.Warnings, "\n"), c.want)
	}
}

// A secret is read from a file, and a stronger place wins over it.
func TestSecretFiles(t *testing.T) {
	t.Parallel()
	const secret, other = "file-file-file-file-file-file-file", "env-env-env-env-env-env-env-env-env"
	dir := t.TempDir()
	for name, text := range map[string]string{"secret": secret + "\r\n", "streaming.toml": "[security]\njwt_secret_file = 'secret'\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "streaming.toml")
	for _, c := range []struct {
		env  []string
		want string
	}{
		{nil, secret},
		{[]string{"JWT_SECRET="}, secret},
		{[]string{"JWT_SECRET=" + other}, other},
		{[]string{"JWT_SECRET=" + secret, "HELIOSDB_SECURITY_JWT_SECRET=" + other}, other},
		{[]string{"JWT_SECRET_FILE=" + filepath.Join(dir, "secret")}, secret},
	} {
		cfg, err := Load(file, c.env)
		if err != nil || cfg.Security.JWTSecret.Reveal() != c.want {
			t.Errorf("%q: %v", c.env, err)
		}
	}
	for _, env := range []string{"KAFKA_PASSWORD", "HELIOSDB_KAFKA_SASL_PASSWORD"} {
		cfg, err := Load("", []string{env + "=pw", "HELIOSDB_KAFKA_SASL_MECHANISM=SCRAM-SHA-256", "HELIOSDB_KAFKA_SASL_USERNAME=u"})
		if err != nil || cfg.Kafka.SASLPassword.Reveal() != "pw" || len(cfg.Warnings) != 1 {
			t.Errorf("%s: %v", env, err)
		}
	}
	if _, err := Load("", []string{"JWT_SECRET=" + secret, "JWT_SECRET_FILE=" + filepath.Join(dir, "secret")}); err == nil || !strings.Contains(err.Error(), "both set") {
		t.Errorf("both: %v", err)
	}
}

// A file with secrets that everybody reads is worth a warning.
func TestReadableSecrets(t *testing.T) {
	t.Parallel()
	file := write(t, "[security]\njwt_secret = 's3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t'\n")
	key := write(t, "s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t")
	byKey := write(t, "[security]\njwt_secret_file = '"+key+"'\ntls_cert_file = '"+key+"'\ntls_key_file = '"+key+"'\n")
	for mode, want := range map[os.FileMode]bool{0o644: true, 0o640: false} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(key, mode); err != nil {
			t.Fatal(err)
		}
		k, err := Load(byKey, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"jwt_secret_file", "tls_key_file"} {
			if got := strings.Contains(strings.Join(k.Warnings, "\n"), "[security] "+name+": everybody on this machine can read "+key); got != want {
				t.Errorf("mode %v: %q", mode, k.Warnings)
			}
		}
		c, err := Load(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(c.Warnings, "\n"), "chmod 640"); got != want {
			t.Errorf("mode %v: %q", mode, c.Warnings)
		}
	}
}

// DataDir is path, or local_path beside a bucket.
func TestDataDir(t *testing.T) {
	t.Parallel()
	over := Override{Key: DataDir, Value: "/d", Origin: "flag --data-dir"}
	for text, want := range map[string]string{
		"":                     "/d",
		"[state]\npath = '/e'": "/d",
		"[state]\nbackend = 's3'\npath = 's3://b/p'\nlocal_path = '/l'": "/d",
		"[state]\npath = 'file:///b'":                                   "/d",
	} {
		c, err := Load(write(t, text), nil, over)
		if err != nil || c.State.LocalDir() != want || strings.Contains(text, "://") != (c.State.BucketURL() != "") {
			t.Errorf("%q: %v", text, err)
		}
	}
	c := Default()
	c.State.Backend, c.State.Path = BackendMemory, "/m"
	if c.State.LocalDir() != "/m" || c.State.BucketURL() != "" {
		t.Errorf("%+v", c.State)
	}
}
