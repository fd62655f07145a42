package planner

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/parse"
)

var rewrite = flag.Bool("rewrite", false, "write the goldens instead of comparing")

// TestGolden runs testdata/plan/*.txt. A script is a list of statements, each
// ended by a line with ---- and followed by what comes out. CREATE statements
// change the catalog; EXPLAIN shows an ad-hoc plan, EXPLAIN CREATE MATERIALIZED
// VIEW a continuous one; a leading "trace" line shows the plan after each rule
// that changed it; "describe" shows columns and parameters only.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/plan/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			old, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := runScript(string(old))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(old) {
				t.Errorf("%s differs; rerun with -rewrite and read the diff.\n%s", file, firstDifference(string(old), got))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\n want %s\n got  %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("%d lines wanted, %d got", len(w), len(g))
}

// runScript gives the script with the outputs of now.
func runScript(text string) string {
	s := &session{cat: newTestCatalog()}
	var out strings.Builder
	for _, block := range strings.Split(text, "\n\n") {
		input, _, _ := strings.Cut(block, "\n----")
		input = strings.TrimRight(input, "\n")
		if input == "" {
			continue
		}
		out.WriteString(input)
		var code []string
		for _, l := range strings.Split(input, "\n") {
			if !strings.HasPrefix(l, "#") {
				code = append(code, l)
			}
		}
		if len(code) > 0 {
			out.WriteString("\n----")
			if r := strings.TrimRight(s.run(strings.Join(code, "\n")), "\n"); r != "" {
				out.WriteString("\n" + r)
			}
		}
		out.WriteString("\n\n")
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}

func showError(err error) string {
	e := pgerr.From(err)
	s := fmt.Sprintf("ERROR %s: %s", e.Code, e.Message)
	if e.Pos > 0 {
		s += fmt.Sprintf(" at %d", e.Pos)
	}
	if e.Detail != "" {
		s += "\nDETAIL: " + e.Detail
	}
	if e.Hint != "" {
		s += "\nHINT: " + e.Hint
	}
	return s
}

func (s *session) run(text string) string {
	mode := ""
	for _, m := range []string{"trace", "describe"} {
		if rest, ok := strings.CutPrefix(text, m+"\n"); ok {
			mode, text = m, rest
		}
	}
	stmts, err := parse.Parse(text)
	if err != nil {
		return showError(err)
	}
	var out strings.Builder
	for _, st := range stmts {
		r, err := s.statement(st.AST, mode)
		if err != nil {
			r = showError(err)
		}
		out.WriteString(r)
	}
	return out.String()
}

func (s *session) statement(st ast.Statement, mode string) (string, error) {
	switch st := st.(type) {
	case *ast.Explain:
		return s.explain(st.Stmt, mode)
	case *ast.SelectStmt, *ast.Insert, *ast.Update, *ast.Delete:
		return s.explain(st, mode)
	}
	return "", s.cat.apply(st)
}

func (s *session) explain(st ast.Statement, mode string) (string, error) {
	var out strings.Builder
	o := options(AdHoc)
	last := ""
	if mode == "trace" {
		o.Trace = func(rule string, n plan.Node) {
			if text := strings.Join(plan.Explain(n), "\n"); text != last {
				fmt.Fprintf(&out, "=== %s\n%s\n", rule, text)
				last = text
			}
		}
	}
	root, err := s.plan(o, st, &out, mode)
	if err != nil {
		return "", err
	}
	if root != nil {
		out.WriteString(strings.Join(plan.Explain(root), "\n") + "\n")
	}
	return out.String(), nil
}

// plan plans one statement; with mode "describe" it writes the columns instead.
func (s *session) plan(o *Options, st ast.Statement, out *strings.Builder, mode string) (plan.Node, error) {
	switch st := st.(type) {
	case *ast.SelectStmt:
		r, err := Query(o, st.Query, s.cat)
		if err != nil {
			return nil, err
		}
		if mode == "describe" {
			describeResult(out, r)
			return nil, nil
		}
		return r.Root, nil
	case *ast.CreateView:
		o.Mode, o.NextID = Continuous, s.cat.nextID
		r, err := Query(o, st.Query, s.cat)
		if err != nil {
			return nil, err
		}
		return Materialize(o, r.Root, s.cat.newRelation(st.Name.Name)), nil
	case *ast.Insert:
		w, err := Insert(o, st, s.cat)
		return showWrite(out, w, err)
	case *ast.Update:
		w, err := Update(o, st, s.cat)
		return showWrite(out, w, err)
	case *ast.Delete:
		w, err := Delete(o, st, s.cat)
		return showWrite(out, w, err)
	}
	return nil, fmt.Errorf("cannot explain %T", st)
}

func describeResult(out *strings.Builder, r *Result) {
	for _, c := range r.Root.Base().Cols {
		fmt.Fprintf(out, "%s %s\n", c.Name, c.Type)
	}
	for i, t := range r.Params {
		fmt.Fprintf(out, "$%d %s\n", i+1, t)
	}
}

func showWrite(out *strings.Builder, w *Write, err error) (plan.Node, error) {
	if err != nil {
		return nil, err
	}
	for i, c := range w.Columns {
		fmt.Fprintf(out, "returning %s %s\n", c.Name, w.Returning[i].Type())
	}
	for i, t := range w.Params {
		fmt.Fprintf(out, "$%d %s\n", i+1, t)
	}
	return w.Root, nil
}
