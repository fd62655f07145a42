// Package arch tests the shape of the repository: who may import whom, and that
// the map in docs/ARCHITECTURE.md names what exists.
package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/heliosdb/heliosdb-streaming/"

// allowed is the import table: a folder may import those listed (their
// subfolders too), besides itself.
var allowed = map[string][]string{
	"cmd/heliosdb-streaming": {"server", "internal/config"},
	"cmd/nexmark":            {"server", "internal"},
	"server":                 {"pgwire", "connectors", "sql", "planner", "exec", "storage", "internal"},
	"pgwire":                 {"internal"},
	"connectors":             {"internal", "sql/catalog"},
	"sql":                    {"internal"},
	"planner":                {"sql", "internal"},
	"exec":                   {"planner/plan", "sql/expr", "storage", "internal"},
	"storage":                {"internal"},
	"internal":               {},
}

// onlyIn names libraries that one folder alone may import.
var onlyIn = map[string]string{
	"github.com/dgraph-io/badger/v4":     "storage/epoch/badger.go",
	"github.com/pingcap/tidb/pkg/parser": "sql/grammar/",
	"github.com/jackc/pgproto3/v2":       "pgwire/",
}

// root is the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// goFiles calls fn for every Go file of the main module, with its path in the
// repository and its imports.
func goFiles(t *testing.T, fn func(path string, imports []string)) {
	t.Helper()
	top := root(t)
	err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p != top {
				if _, err := os.Stat(filepath.Join(p, "go.mod")); err == nil || strings.HasPrefix(d.Name(), ".") {
					return fs.SkipDir
				}
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(top, p)
		var imports []string
		for _, i := range f.Imports {
			imports = append(imports, strings.Trim(i.Path.Value, `"`))
		}
		fn(filepath.ToSlash(rel), imports)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func within(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

func TestImportTable(t *testing.T) {
	t.Parallel()
	files := 0
	goFiles(t, func(path string, imports []string) {
		files++
		test := strings.HasSuffix(path, "_test.go")
		var home string
		for folder := range allowed {
			if within(path, folder) {
				home = folder
			}
		}
		if home == "" {
			t.Errorf("%s: its folder is not in the import table", path)
			return
		}
		for _, imp := range imports {
			pkg, ours := strings.CutPrefix(imp, module)
			if !ours || within(pkg, home) || test && within(pkg, "internal") {
				continue
			}
			if !slices.ContainsFunc(allowed[home], func(a string) bool { return within(pkg, a) }) {
				t.Errorf("%s imports %s, which %s may not", path, pkg, home)
			}
		}
	})
	if files < 100 {
		t.Fatalf("only %d files seen: is the test looking at the repository?", files)
	}
}

func TestLibrariesInOnePlace(t *testing.T) {
	t.Parallel()
	goFiles(t, func(path string, imports []string) {
		for _, imp := range imports {
			for lib, place := range onlyIn {
				if !strings.HasPrefix(imp, lib) || strings.HasPrefix(path, place) || strings.HasSuffix(path, "_test.go") {
					continue
				}
				t.Errorf("%s imports %s, which only %s may", path, imp, place)
			}
		}
	})
}

// pathLike finds names of files and folders in backquotes.
var pathLike = regexp.MustCompile("`([a-z][a-z0-9_./-]*(?:/|\\.go|\\.md|\\.sql|\\.txt))`")

func TestMapNamesWhatExists(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root(t), "docs", "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := pathLike.FindAllStringSubmatch(string(text), -1)
	if len(names) < 20 {
		t.Fatalf("docs/ARCHITECTURE.md names only %d paths", len(names))
	}
	for _, n := range names {
		if _, err := os.Stat(filepath.Join(root(t), filepath.FromSlash(n[1]))); err != nil {
			t.Errorf("docs/ARCHITECTURE.md names %s, which does not exist", n[1])
		}
	}
}
