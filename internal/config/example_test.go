package config

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write deploy/config/streaming.example.toml")

// examplePath is the file that explains every key to people.
var examplePath = filepath.Join("..", "..", "deploy", "config", "streaming.example.toml")

const exampleHead = `# HeliosDB Streaming: every key of its configuration, with its default.
#
# Copy it to /etc/heliosdb/streaming.toml and uncomment what shall be otherwise.
# "heliosdb-streaming --check-config" says what is in force and where it comes
# from, and refuses what is misspelt, contradictory or unsafe.
#
# Every key can be set in the environment too, which wins over this file:
# HELIOSDB_<SECTION>_<KEY>, for example HELIOSDB_SERVER_PGWIRE_PORT. Shorter names,
# where there are any, stand beside the key. A relative name of a file is relative
# to the directory of this one. Secrets are better kept in files of their own
# (the keys that end in _file) or in the environment.
#
# [reload]: taken over by a running server on SIGHUP (systemctl reload); what the
# others changed is named in the log and waits for a restart.

`

// TestExample: the example is what the fields' comments say.
func TestExample(t *testing.T) {
	want := exampleHead + exampleBody(t)
	if *update {
		if err := os.WriteFile(examplePath, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is out of date: go test ./internal/config -run TestExample -update", examplePath)
	}
}

// TestExampleLoads: as it is, and with every line uncommented, it is the
// default configuration.
func TestExampleLoads(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	uncommented := regexp.MustCompile(`(?m)^#([a-z0-9_]+ = )`).ReplaceAllString(string(text), "$1")
	if n := strings.Count(uncommented, " = "); n < len(fields(Default())) {
		t.Fatalf("only %d keys", n)
	}
	want, err := Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(text), uncommented} {
		c, err := Load(write(t, text), nil)
		if err != nil {
			t.Fatal(err)
		}
		a, b := fields(c), fields(want)
		for i := range a {
			if a[i].toml() != b[i].toml() {
				t.Errorf("%s: %s, want %s", a[i].name(), a[i].toml(), b[i].toml())
			}
		}
	}
}

// exampleBody renders the comments of this package's structs.
func exampleBody(t *testing.T) string {
	t.Helper()
	docs := fieldDocs(t)
	words := make(map[string]string) // Go's names of several words, as keys
	root := reflect.TypeOf(Config{})
	for i := range root.NumField() {
		for s, j := root.Field(i).Type, 0; s.Kind() == reflect.Struct && j < s.NumField(); j++ {
			if key := s.Field(j).Tag.Get("key"); strings.Contains(key, "_") {
				words[s.Field(j).Name] = key
			}
		}
	}
	def := Default()
	values := fields(def)
	var b strings.Builder
	n := 0
	for i := range root.NumField() {
		section, ok := root.Field(i).Tag.Lookup("section")
		if !ok {
			continue
		}
		s := root.Field(i).Type
		fmt.Fprintf(&b, "%s[%s]\n", comment(docs[s.Name()], s.Name(), "["+section+"]", words), section)
		for j := range s.NumField() {
			f := values[n]
			n++
			doc := docs[s.Name()+"."+s.Field(j).Name]
			if doc == "" {
				t.Errorf("%s has no comment", f.name())
			}
			b.WriteString("\n" + comment(doc, s.Field(j).Name, f.key, words) + note(f))
			fmt.Fprintf(&b, "#%s = %s\n", f.key, f.toml())
		}
		b.WriteString("\n\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// note says what a field's tags say.
func note(f field) string {
	var parts []string
	if r := f.tag.Get("range"); r != "" {
		parts = append(parts, "From "+strings.Replace(r, ",", " to ", 1)+".")
	}
	if alias := f.tag.Get("alias"); alias != "" {
		parts = append(parts, "Environment: "+alias+".")
	}
	if f.tag.Get("reload") != "" {
		parts = append(parts, "[reload]")
	}
	if len(parts) == 0 {
		return ""
	}
	return "# " + strings.Join(parts, " ") + "\n"
}

// comment turns a Go comment into one of TOML, with keys for Go's names.
func comment(doc, name, key string, words map[string]string) string {
	doc = strings.TrimSpace(doc)
	if rest, ok := strings.CutPrefix(doc, name+" "); ok {
		doc = key + " " + rest
	}
	doc = regexp.MustCompile(`\b[A-Z][A-Za-z0-9]+\b`).ReplaceAllStringFunc(doc, func(w string) string {
		if k, ok := words[w]; ok {
			return k
		}
		return w
	})
	return "# " + strings.ReplaceAll(doc, "\n", "\n# ") + "\n"
}

// fieldDocs reads the comments of this package: by "Type" and "Type.Field".
func fieldDocs(t *testing.T) map[string]string {
	t.Helper()
	docs := make(map[string]string)
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			gen, ok := d.(*ast.GenDecl)
			if !ok || gen.Tok != token.TYPE {
				continue
			}
			for _, spec := range gen.Specs {
				ts := spec.(*ast.TypeSpec)
				st, ok := ts.Type.(*ast.StructType)
				if !ok {
					continue
				}
				docs[ts.Name.Name] = gen.Doc.Text()
				for _, f := range st.Fields.List {
					for _, n := range f.Names {
						docs[ts.Name.Name+"."+n.Name] = f.Doc.Text()
					}
				}
			}
		}
	}
	return docs
}
