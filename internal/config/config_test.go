package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func write(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "streaming.toml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// What is wrong is said with file, line and what was probably meant.
func TestFileErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"[server]\nprot = 1", `:2: unknown key "prot" in [server]; did you mean "port"?`},
		{"[server]\n\ncheckpoint_interval_secs = 1", `:3: unknown key "checkpoint_interval_secs" in [server]; it belongs to section [streaming]`},
		{"[server]\npgwire_prt = 1\n", `did you mean "pgwire_port"?`},
		{"[streaming]\nbootstrap_server = 1", `did you mean [kafka] bootstrap_servers?`},
		{"[sever]\nport = 1", `:1: unknown section [sever]; did you mean "server"?`},
		{"port = 1", `:1: unknown key "port" outside a section; it belongs to section [server]`},
		{"server = 1", `:1: [server] must be a section`},
		{"[[server]]\nport = 1", `[server] must be a section`},
		{"[Server]\nport = 1", `unknown section [Server]; did you mean "server"?`},
		{"[server]\nPORT = 1", `unknown key "PORT" in [server]; did you mean "port"?`},
		{"[server]\nhost = localhost", `:2: expected value but found "localhost" instead`},
		{"[server]\nport = 70000", `:2: [server] port must be between 0 and 65535, not 70000`},
		{"[server]\nport = \"x\"", `:2: [server] port must be a whole number, not "x"`},
		{"[server]\nport = 1.5", `must be a whole number`},
		{"[server]\nport = 1\nport = 2", `:3: `},
		{"[server]\nport 1", `:2: `},
		{"[server]\nmetrics_port = 8080", `[server] metrics_port is 8080, as [server] port is`},
		{"[server]\nhost = \"\"", `[server] host must not be empty`},
		{"[streaming]\ncheckpoint_interval_secs = 0", `must be between 0.01 and 86400, not 0`},
		{"[streaming]\nwatermark_interval_secs = nan", `must be between`},
		{"[streaming]\nwatermark_interval_secs = inf", `must be between`},
		{"[streaming]\nallowed_lateness_secs = -1", `must be between`},
		{"[streaming]\nwatermark_interval_secs = true", `must be a number`},
		{"[state]\nbackend = \"fil\"", `must be one of ["file" "memory" "s3" "gcs" "azure"], not "fil"; did you mean "file"?`},
		{"[state]\npath = \"\"", `[state] path must not be empty`},
		{"[state]\npath = \"a\\u0000b\"", `must not contain a zero byte`},
		{"[state]\nmemory_limit_mb = 100\ncache_size_mb = 60", `more than half of the memory limit`},
		{"[kafka]\nbootstrap_servers = \"a:1,b\"", `:2: [kafka] bootstrap_servers must be host:port, not "b"`},
		{"[kafka]\nfetch_min_bytes = 2000\nfetch_max_bytes = 1024", `is more than fetch_max_bytes`},
		{"[security]\njwt_secret = \"short\"", `jwt_secret must have at least 32 bytes, not 5`},
		{"[security]\njwt_secret = 12345", `[security] jwt_secret must be a string`},
		{"[logging]\nlevel = \"inf\"", `did you mean "info"?`},
		{"[startup]\nsql_files = [1]", `must be a list of non-empty strings`},
		{"[startup]\nsql_files = \"a\"", `must be a list of strings`},
		{"sever.port = 1", `unknown section [sever]`},
		{"server.port = 70000", `:1: [server] port must be between`},
		{"[server.port]\nx = 1\n", `[server] port must be a whole number, not map`},
		{"[server]\ndeep.er = 1", `unknown key "deep" in [server]`},
		{"# c\n[startup]\nsql_files = [\n \"a]\", # ]\n]\n[server]\nx = '''\n[kafka]\n'''\ny=1", `:10: unknown key "y"`},
	} {
		name := write(t, c.text)
		_, err := Load(name, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), name) && !strings.Contains(c.want, "empty") {
			t.Errorf("%q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Load(write(t, "[server]\nport = -1\n[kms]\nx = 1\n"), []string{"HELIOSDB_SERVER_HOTS=x"})
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("want three messages: %v", err)
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.toml"), nil); err == nil {
		t.Error("a missing file is no error")
	}
	if _, err := Load(write(t, strings.Repeat("#", maxFileBytes+1)), nil); err == nil {
		t.Error("a huge file is no error")
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	file := write(t, "[server]\nport = 1\nmetrics_port = 2\nhealth_check_port = 3\n[startup]\nsql_files = ['a.sql', '/b.sql']")
	c, err := Load(file, []string{"HELIOSDB_SERVER_METRICS_PORT=20", "HELIOSDB_SERVER_HEALTH_CHECK_PORT=30", "OTHER=1", "=x"},
		Override{Key: "server.health_check_port", Value: "300", Origin: "flag --x"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Server.Port != 1 || c.Server.MetricsPort != 20 || c.Server.HealthCheckPort != 300 {
		t.Errorf("%+v", c.Server)
	}
	for key, want := range map[string]string{
		"server.port": file + ":2", "server.metrics_port": "environment HELIOSDB_SERVER_METRICS_PORT",
		"server.health_check_port": "flag --x", "server.host": "default",
	} {
		if got := c.Origin(key); got != want {
			t.Errorf("%s comes from %s, want %s", key, got, want)
		}
	}
	if want := []string{filepath.Join(filepath.Dir(file), "a.sql"), "/b.sql"}; !reflect.DeepEqual(c.Startup.SQLFiles, want) {
		t.Errorf("files %q, want %q", c.Startup.SQLFiles, want)
	}
	if _, err := Load("", nil, Override{Key: "server.prt", Value: "1", Origin: "flag --x"}); err == nil ||
		!strings.Contains(err.Error(), `flag --x: unknown key "server.prt"; did you mean "server.port"?`) {
		t.Error(err)
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	c, err := Load("", []string{
		"HELIOSDB_STREAMING_WATERMARK_INTERVAL_SECS=0.25", "HELIOSDB_STARTUP_SQL_FILES=a.sql, b.sql,", "HELIOSDB_SECURITY_RATE_LIMIT_ENABLED=TRUE",
		"HELIOSDB_LOGGING_LEVEL=debug",
		"HELIOSDB_CRASHPOINT=x", "HELIOSDB_TOKEN=t", "HELIOSDB_CRASHPOINT_N=3", "HELIOSDB_TEST_KAFKA=h:1",
		// What Kubernetes adds for services called heliosdb-streaming and heliosdb-server.
		"HELIOSDB_STREAMING_SERVICE_HOST=10.0.0.1", "HELIOSDB_STREAMING_SERVICE_PORT=8080", "HELIOSDB_STREAMING_SERVICE_PORT_HTTP=8080",
		"HELIOSDB_STREAMING_PORT=tcp://10.0.0.1:8080", "HELIOSDB_STREAMING_PORT_8080_TCP=tcp://10.0.0.1:8080",
		"HELIOSDB_STREAMING_PORT_8080_TCP_ADDR=10.0.0.1", "HELIOSDB_STREAMING_PORT_8080_TCP_PROTO=tcp", "HELIOSDB_SERVER_PORT=tcp://10.0.0.1:80",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Streaming.WatermarkInterval != 250*time.Millisecond || !reflect.DeepEqual(c.Startup.SQLFiles, []string{"a.sql", "b.sql"}) ||
		!c.Security.RateLimitEnabled || c.Server.Port != 8080 {
		t.Errorf("%s", c)
	}
	for env, want := range map[string]string{
		"HELIOSDB_SERVER_PRT=1":                   `environment: unknown variable HELIOSDB_SERVER_PRT; did you mean "HELIOSDB_SERVER_PORT"?`,
		"HELIOSDB_CRASHPOIN=1":                    `unknown variable HELIOSDB_CRASHPOIN`,
		"HELIOSDB_SERVER_PORT=x":                  `environment HELIOSDB_SERVER_PORT: [server] port must be a whole number, not "x"`,
		"HELIOSDB_STATE_ENCRYPTION_ENABLED=maybe": `must be true or false`,
		"HELIOSDB_DEV_EVENTS_PER_SECOND=-1":       `must be between`,
	} {
		if _, err := Load("", []string{env}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", env, err, want)
		}
	}
}

func TestDev(t *testing.T) {
	t.Parallel()
	c, err := LoadDev("", []string{"HELIOSDB_DEV_BROKER=[::1]:0"})
	if err != nil || c.State.Path != "heliosdb-data" || c.Logging.Format != "pretty" || c.Dev.EventsPerSecond != 10_000 {
		t.Fatalf("%v %s", err, c)
	}
	for _, env := range []string{"HELIOSDB_SERVER_HOST=0.0.0.0", "HELIOSDB_DEV_BROKER=192.168.0.1:9092", "HELIOSDB_SERVER_HOST=example.org"} {
		if _, err := LoadDev("", []string{env}); err == nil || !strings.Contains(err.Error(), "loopback") {
			t.Errorf("%s: %v", env, err)
		}
	}
}

func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t"
	c, err := Load("", []string{"HELIOSDB_SECURITY_JWT_SECRET=" + secret})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		fmt.Fprintf(&b, verb+verb+verb, c, *c, c.Security)
	}
	fmt.Fprintf(&b, "%q %x %d", c.Security.JWTSecret, c.Security.JWTSecret, c.Security.JWTSecret)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "config", c, "secret", c.Security.JWTSecret)
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "config", c, "secret", c.Security.JWTSecret)
	if err := json.NewEncoder(&b).Encode(c); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), secret) || strings.Contains(b.String(), fmt.Sprintf("%x", secret)) {
		t.Errorf("the secret shows in %s", b.String())
	}
	_, err = Load("", []string{"HELIOSDB_SECURITY_JWT_SECRET=" + secret[:10]})
	if err == nil || strings.Contains(err.Error(), secret[:10]) {
		t.Errorf("the secret shows in %v", err)
	}
}

// TestSecretsInSyntaxErrors: who forgets the quotes does not find the secret in
// the journal.
func TestSecretsInSyntaxErrors(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"[security]\njwt_secret = hunter2andmore", "[security]\njwt_secret = 99999999999999999999", "[kafka]\nsasl_password = 0xhunter",
		"[security]\n\"jwt_secret\" = truehunter", "security.jwt_secret = 12.34.hunter", "[security]\njwt_secrt = hunter",
		"[kafka]\nsasl_password = falsehunter # the password", "[tracing]\nheaders = hunter",
	} {
		_, err := Load(write(t, text), nil)
		if err == nil || strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), "9999") || strings.Contains(err.Error(), "12.") {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && !strings.Contains(err.Error(), "a text stands in double quotes") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := Load(write(t, "[[server]]\nport = 1"), nil); err == nil || strings.Contains(err.Error(), "nil") {
		t.Errorf("%v", err)
	}
}

// What String prints loads again, as the same values.
func TestStringRoundTrip(t *testing.T) {
	t.Parallel()
	text := strings.Replace(strings.Replace(guide(t, "2.2"), "jwt_secret", "# ", 1), "0.0.0.0", "::1", 1)
	c, err := Load(write(t, text), []string{`HELIOSDB_STATE_PATH=/a "b"\c`, "HELIOSDB_STARTUP_SQL_FILES=/x,/y"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load(write(t, c.String()), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, c)
	}
	a, b := fields(c), fields(again)
	for i := range a {
		if !reflect.DeepEqual(a[i].value.Interface(), b[i].value.Interface()) {
			t.Errorf("%s: %v became %v", a[i].name(), a[i].value, b[i].value)
		}
	}
}

// Every key can be set and every default passes its own check.
func TestDefaults(t *testing.T) {
	t.Parallel()
	for _, base := range []*Config{Default(), DevDefault()} {
		for _, f := range fields(base) {
			text := strings.Trim(f.toml(), `"`)
			if f.value.Kind() == reflect.Slice {
				text = ""
			}
			if err := f.setText(text); err != nil {
				t.Errorf("the default of %s: %v", f.name(), err)
			}
		}
	}
	c, err := Load("", nil)
	if err != nil || c.Streaming.MaxParallelism < 1 || c.Kafka.NumConsumerThreads < 1 || c.MemoryLimitBytes() <= 0 {
		t.Errorf("%v %s", err, c)
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"nothing known":   {nil, fallbackMemoryBytes},
		"machine":         {map[string]string{"proc/meminfo": "MemTotal: 1000 kB\n"}, 1000 << 10},
		"v2 no limit":     {map[string]string{"proc/meminfo": "MemTotal: 1000 kB\n", "proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, 1000 << 10},
		"v2 own group":    {map[string]string{"proc/meminfo": "MemTotal: 1000 kB\n", "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "5000\n"}, 5000},
		"v2 parent":       {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "5000\n", "sys/fs/cgroup/a/memory.max": "4000\n"}, 4000},
		"v2 container":    {map[string]string{"proc/self/cgroup": "0::/hidden\n", "sys/fs/cgroup/memory.max": "4000\n"}, 4000},
		"v1":              {map[string]string{"proc/self/cgroup": "5:cpu:/x\n4:memory:/a\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "3000\n"}, 3000},
		"v1 no limit":     {map[string]string{"proc/meminfo": "MemTotal: 1 kB\n", "proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 1 << 10},
		"odd cgroup file": {map[string]string{"proc/meminfo": "MemTotal: 1 kB\n", "proc/self/cgroup": "::\nx\n\n"}, 1 << 10},
	} {
		root := t.TempDir()
		for file, text := range c.files {
			path := filepath.Join(root, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := availableMemory(root); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	c := Default()
	c.State.MemoryLimitMB = 3
	if c.MemoryLimitBytes() != 3<<20 {
		t.Error(c.MemoryLimitBytes())
	}
}

// FuzzLoad: no text breaks the decoder, and what is accepted prints and loads
// again.
func FuzzLoad(f *testing.F) {
	f.Add(guide(f, "2.2"))
	f.Add(guide(f, "7.3"))
	f.Add("[server]\nport = 1 # x\n")
	f.Add("a.b.c = '''\n'''\n[x.y]\n[[z]]\nq = {a = [1, 2,\n3]}\n")
	f.Add("server.port = 5")
	f.Add("[startup]\nsql_files = ['']")
	f.Add("= \n[")
	f.Fuzz(func(t *testing.T, text string) {
		keyLines(text)
		c := Default()
		l := newLoader(c)
		l.applyText("f", text)
		if len(l.errs) > 0 {
			return
		}
		l.check()
		if len(l.errs) > 0 {
			return
		}
		again := newLoader(Default())
		printed := c.String()
		again.applyText("g", printed)
		if again.check(); len(again.errs) > 0 && c.Security.JWTSecret == "" {
			t.Fatalf("%q prints %q: %v", text, printed, again.errs)
		}
	})
}
