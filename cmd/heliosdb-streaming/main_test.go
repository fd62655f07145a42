package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// call runs the program's command line.
func call(args ...string) (code int, out, errOut string) {
	var o, e strings.Builder
	code = run(args, stdio{strings.NewReader(""), &o, &e})
	return code, o.String(), e.String()
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	good := filepath.Join(t.TempDir(), "good.toml")
	if err := os.WriteFile(good, []byte("[server]\nport = 8099\n[kafka]\nsasl_mechanism = 'PLAIN'\nsasl_username = 'u'\nsasl_password = 'hidden'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bucket := filepath.Join(t.TempDir(), "bucket.toml")
	if err := os.WriteFile(bucket, []byte("[state]\nbackend = 's3'\npath = 's3://bucket/a/../b'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args     string
		code     int
		out, err string
	}{
		{"--check-config --config " + bucket, 2, "", bucket + `:3: [state] path for backend "s3"`},
		{"savepoint list --config " + bucket, 2, "", "the prefix may have letters"},
		{"savepoint verify ../x --config " + good, 2, "", "not the id of a savepoint"},
		{"--restore-from-savepoint= --config " + good, 2, "", "not the id of a savepoint"},
		{"--help", 0, "--check-config", ""},
		{"help", 0, "verify a data directory", ""},
		{"help check", 0, "heliosdb-streaming check --data-dir DIR | --config FILE", ""},
		{"check --help", 0, "Exit code 0: sound", ""},
		{"--version", 0, "heliosdb-streaming ", ""},
		{"chekc", 2, "", `there is no command "chekc"`},
		{"help chekc", 2, "", `there is no command "chekc"`},
		{"--nonsense", 2, "", "Try: heliosdb-streaming --help"},
		{"--dev stray", 2, "", `unexpected argument "stray"`},
		{"check", 2, "", "--data-dir DIR or --config FILE is needed"},
		{"check --data-dir /nonexistent", 2, "", "nonexistent"},
		{"--check-config --config " + good, 0, "port = 8099 # " + good + ":2", ""},
		{"--check-config --config " + good, 0, `sasl_password = "[redacted]" # ` + good + ":6", ""},
		{"--check-config --config /nonexistent.toml", 2, "", "/nonexistent.toml: no such file"},
		{"--check-config --dev --data-dir x", 0, `path = "x" # flag --data-dir`, ""},
	} {
		code, out, errOut := call(strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errOut, c.err) || strings.Contains(out+errOut, "hidden") {
			t.Errorf("%s: %d\n%s\n%s", c.args, code, out, errOut)
		}
	}
}

// The default file is named when it is missing.
func TestNoConfiguration(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(defaultConfig); err == nil {
		t.Skipf("this machine has a %s", defaultConfig)
	}
	code, _, errOut := call("--check-config")
	if code != 2 || !strings.Contains(errOut, "there is no "+defaultConfig) || !strings.Contains(errOut, "--dev") {
		t.Errorf("%d %s", code, errOut)
	}
}

// Every command says what it does and how it is called.
func TestHelpTexts(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{"help": true}
	for _, c := range commands() {
		if c.name == "" || c.summary == "" || seen[c.name] || strings.HasPrefix(c.name, "-") {
			t.Errorf("command %+v", c)
		}
		seen[c.name] = true
		f := newFlags()
		if c.define(f) == nil {
			t.Errorf("%s does nothing", c.name)
		}
		for _, d := range f.docs {
			if d.help == "" {
				t.Errorf("%s --%s has no help", c.name, d.name)
			}
		}
	}
}
