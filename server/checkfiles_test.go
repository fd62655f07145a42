package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
)

// TestCheckFiles: what would stop the start is found before it.
func TestCheckFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"junk.pem": "junk", "good.yaml": "users: [{username: x, roles: [Loader]}]", "user.yaml": "users:\n  - username: x\n    password: y\n",
		"hash.yaml": "users:\n  - username: x\n    password_hash: hunter2\n", "list.yaml": "users: {a: b}", "good.sql": "CREATE TABLE t (a int);", "bad.sql": "SELECT 1;\nSELEC 2;",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"[security]\nrbac_file = 'good.yaml'\n[startup]\nsql_files = ['good.sql']", ""},
		{"[security]\ntls_cert_file = 'junk.pem'\ntls_key_file = 'junk.pem'", ":2: security.tls_cert_file "},
		{"[security]\nrbac_file = 'hash.yaml'", "hash.yaml: line 3: password_hash of user \"x\" is not a bcrypt hash"},
		{"[security]\nrbac_file = 'user.yaml'", "user.yaml: line 3: field password not found in a user"},
		{"[security]\nrbac_file = 'list.yaml'", "list.yaml: line 1: cannot unmarshal !!map into a list of users"},
		{"[startup]\nsql_files = ['good.sql', 'bad.sql']", "bad.sql:2: syntax error at or near \"SELEC\""},
		{"[startup]\nsql_files = ['none.sql']", "none.sql: no such file"},
		{"[kafka]\nenable_ssl = true\nssl_ca_file = 'junk.pem'", "junk.pem holds no certificate in PEM"},
	} {
		name := filepath.Join(dir, "c.toml")
		if err := os.WriteFile(name, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = CheckFiles(cfg)
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s\n%v, want %q", c.text, err, c.want)
		case err != nil && (!strings.HasPrefix(err.Error(), name+":") || strings.Contains(err.Error(), "hunter2")):
			t.Errorf("%v", err)
		}
	}
}
