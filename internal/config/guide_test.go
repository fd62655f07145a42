package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// guide is a configuration exactly as the deployment guide prints it.
func guide(t testing.TB, section string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "guide", section+".toml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// refused loads what must be refused and returns the messages.
func refused(t *testing.T, text string, env ...string) string {
	t.Helper()
	c, err := Load(write(t, text), env)
	if err == nil {
		t.Fatalf("accepted:\n%s\n%s", text, c)
	}
	return err.Error()
}

// wants checks that each of the words stands in text.
func wants(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("no %q in:\n%s", w, text)
		}
	}
}

// certificate makes the files that tls_cert_file and tls_key_file name; their
// content is not looked at here.
func certificate(t *testing.T) string {
	t.Helper()
	return "tls_cert_file = " + tomlString(write(t, "cert")) + "\ntls_key_file = " + tomlString(write(t, "key")) + "\n"
}

// Section 2.2 is refused for its secret and its open ports, and runs with the
// lines that the messages ask for.
func TestGuide22(t *testing.T) {
	t.Parallel()
	text := guide(t, "2.2")
	wants(t, refused(t, text),
		`toml:2: [server] host = "0.0.0.0" opens the ports to other machines without TLS`, `tls_cert_file = "/etc/heliosdb/tls/cert.pem"`,
		"allow_plaintext = true", `toml:21: [security] jwt_secret is one from a manual`, "openssl rand -base64 32")
	const old = `jwt_secret = "your-secret-key-here-change-in-production"` + "\n"
	if !strings.Contains(text, old) {
		t.Fatal("the guide's secret is not where it was")
	}
	secret := strings.Repeat("k1", 22)
	for name, lines := range map[string]string{
		"TLS":       certificate(t) + "jwt_secret_file = " + tomlString(write(t, secret+"\n")) + "\n",
		"plaintext": "allow_plaintext = true\njwt_secret = \"" + secret + "\"\n",
	} {
		c, err := Load(write(t, strings.Replace(text, old, lines, 1)), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.Security.JWTSecret.Reveal() != secret || !c.State.EncryptionEnabled || c.Streaming.CheckpointInterval != time.Minute ||
			c.Streaming.AllowedLateness != time.Minute || c.Security.JWTExpiration != 24*time.Hour || c.State.LocalDir() != "/var/lib/heliosdb/state" ||
			c.LocalKeyFile() != "/var/lib/heliosdb/kms.key" || c.AuditLogFile() != "/var/lib/heliosdb/state/audit.log" || c.State.BucketURL() != "" {
			t.Errorf("%s: %s", name, c)
		}
		if warned := strings.Contains(strings.Join(c.Warnings, "\n"), "unencrypted"); warned != (name == "plaintext") {
			t.Errorf("%s: %q", name, c.Warnings)
		}
	}
}

// Section 3.2 with the secrets of 3.3.
func TestGuide32(t *testing.T) {
	t.Parallel()
	text := guide(t, "3.2")
	env := []string{
		"RUST_LOG=info", "RUST_BACKTRACE=1", "JWT_SECRET=your-production-secret-change-this", "KAFKA_PASSWORD=your-kafka-password",
		"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
	}
	wants(t, refused(t, text, env...), `[server] host = "0.0.0.0"`, "environment JWT_SECRET: [security] jwt_secret is one from a manual")
	env[2] = "JWT_SECRET=" + strings.Repeat("k1", 22)
	text = strings.Replace(text, "[security]\n", "[security]\nallow_plaintext = true\n", 1)
	c, err := Load(write(t, text), env)
	if err != nil {
		t.Fatal(err)
	}
	if c.State.BucketURL() != "s3://heliosdb-production/checkpoints" || c.State.LocalDir() != "/var/lib/heliosdb/state" || c.Kafka.SASLPassword == "" ||
		c.State.RetainedCheckpoints != 10 || !c.Kafka.EnableSSL || c.Logging.Level != "info" || c.Origin("logging.level") != "environment RUST_LOG" {
		t.Errorf("%s", c)
	}
	wants(t, strings.Join(c.Warnings, "\n"), "environment KAFKA_PASSWORD: [kafka] sasl_password has no effect without sasl_mechanism")
	if strings.Contains(strings.Join(c.Warnings, "\n"), "your-kafka-password") {
		t.Errorf("%q", c.Warnings)
	}
}

// Section 6.2 appends a key to the file, where it lands in the last section.
func TestGuide62(t *testing.T) {
	t.Parallel()
	wants(t, refused(t, guide(t, "2.2")+`jwt_secret = "kSy5G2a8m1uGmDqbS3MBbH0aC3o4nV8fQe2xW9tYpLk="`+"\n"),
		`unknown key "jwt_secret" in [logging]; it belongs to section [security]`)
}

// Section 6.5: each provider's keys are enough for it; the names of keys may be
// left out, as 2.2 and 3.2 do.
func TestGuide65(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{KMSAWS, KMSAzure, KMSGCP} {
		text := guide(t, "6.5-"+provider)
		if _, err := Load(write(t, text+"[state]\nencryption_enabled = true\n"), nil); err != nil {
			t.Errorf("%s: %v", provider, err)
		}
		for _, name := range []string{"aws_key_id", "azure_key_name", "gcp_keyring", "gcp_key_name"} {
			less := strings.Replace(text, "\n"+name, "\n#", 1)
			if _, err := Load(write(t, less+"[state]\nencryption_enabled = true\n"), nil); err != nil {
				t.Errorf("%s without %s: %v", provider, name, err)
			}
		}
		c, err := Load(write(t, text), nil)
		if err != nil {
			t.Errorf("%s: %v", provider, err)
			continue
		}
		wants(t, strings.Join(c.Warnings, "\n"), "[kms] provider has no effect while [state] encryption_enabled is false")
		for _, k := range kmsKeys[provider] {
			less := strings.Replace(text, "\n"+k[0], "\n#", 1)
			wants(t, refused(t, less+"[state]\nencryption_enabled = true\n"), "needs "+k[0], k[0]+` = "`)
		}
	}
}

// Section 7.3 prints alternatives one after the other.
func TestGuide73(t *testing.T) {
	t.Parallel()
	text := guide(t, "7.3")
	wants(t, refused(t, text), "toml:12: ", "state.backend", "(line 10): keep one of the two lines")
	inMemory := strings.Replace(text, `backend = "s3"`, "", 1)
	c, err := Load(write(t, inMemory), []string{"HELIOSDB_STATE_MEMORY_LIMIT_MB=4096"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Streaming.MaxParallelism != 16 || c.Streaming.CheckpointInterval != 30*time.Second || c.Streaming.WatermarkInterval != 500*time.Millisecond ||
		c.State.CacheSizeMB != 1024 || c.Kafka.FetchMinBytes != 1<<20 || c.Kafka.FetchMaxWait != 500*time.Millisecond || c.Kafka.NumConsumerThreads != 8 {
		t.Errorf("%s", c)
	}
	wants(t, strings.Join(c.Warnings, "\n"), "all state is lost when the process ends")
	inBucket := strings.Replace(text, `backend = "memory"`, "", 1)
	wants(t, refused(t, inBucket, "HELIOSDB_STATE_MEMORY_LIMIT_MB=4096"), `[state] backend = "s3" needs the bucket in path: write path = "s3://BUCKET/PREFIX"`)
	inBucket = strings.Replace(inBucket, `backend = "s3"`, "backend = \"s3\"\npath = \"s3://b/p\"\nlocal_path = '/data'", 1)
	if c, err = Load(write(t, inBucket), []string{"HELIOSDB_STATE_MEMORY_LIMIT_MB=4096"}); err != nil || c.State.LocalDir() != "/data" {
		t.Errorf("%v %s", err, c)
	}
}

// Section 9.2 and the manifests' RUST_LOG.
func TestRustLog(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]struct {
		level, components string
		warnings          int
	}{
		"heliosdb_streaming=debug":             {"debug", "", 0},
		"heliosdb_streaming::=debug":           {"info", "", 1},
		"heliosdb-streaming=TRACE":             {"trace", "", 0},
		"warn":                                 {"warn", "", 0},
		"info,heliosdb_streaming=debug":        {"debug", "", 0},
		"heliosdb_streaming=debug,warn":        {"debug", "", 0},
		"":                                     {"info", "", 0},
		"warn,heliosdb_streaming::kafka=debug": {"warn", "kafka=debug", 0},
		"heliosdb_streaming::kafka::x=debug,heliosdb_streaming::y=trace,heliosdb_streaming::pgwire=warn": {"info", "kafka=debug,pgwire=warn", 1},
		"info,rdkafka=debug,off,a=b=c/regex": {"info", "", 3},
	} {
		c, err := Load(write(t, "[security]\njwt_secret = '"+strings.Repeat("k1", 22)+"'"), []string{"RUST_LOG=" + value})
		if err != nil || c.Logging.Level != want.level || c.Logging.Components != want.components || len(c.Warnings) != want.warnings {
			t.Errorf("%q: %v %+v %q", value, err, c.Logging, c.Warnings)
		}
	}
	c, err := Load(write(t, "[logging]\nlevel = 'error'"), []string{"RUST_LOG=debug", "HELIOSDB_LOGGING_LEVEL=warn"})
	if err != nil || c.Logging.Level != "warn" {
		t.Errorf("the full name wins: %v %s", err, c.Logging.Level)
	}
}

// FuzzRustLog: what another program's variable holds never stops the start.
func FuzzRustLog(f *testing.F) {
	f.Add("info,heliosdb_streaming::kafka=debug,rdkafka=off/x")
	f.Add("heliosdb_streaming::=debug,=,::")
	f.Fuzz(func(t *testing.T, value string) {
		l := newLoader(Default())
		l.applyEnv([]string{"RUST_LOG=" + strings.ReplaceAll(value, "\x00", "")})
		if len(l.errs) == 0 {
			l.checkObservation()
		}
		if len(l.errs) > 0 {
			t.Fatalf("%q: %v", value, l.errs)
		}
	})
}
