package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/pgwire"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

// maxFileBytes bounds a startup file.
const maxFileBytes = 16 << 20

// applyFile applies a startup file: its statements in order, up to the first
// error, which names file and line. Applying it again changes nothing: an
// object that exists with the same definition is a notice, one with another
// definition an error.
func (s *Server) applyFile(ctx context.Context, path string) error {
	text, err := readFile(path)
	if err != nil {
		return err
	}
	x := newSession(s, &logConn{s: s, file: path, statements: pgwire.NewStatements(1024, maxFileBytes)}, auth.System())
	x.file = true
	defer x.Close()
	list, err := x.Parse(ctx, text)
	if err != nil {
		return fileError(path, text, 0, err)
	}
	for _, st := range list {
		if err := x.applyStatement(ctx, st); err != nil {
			return fileError(path, text, st.Offset, err)
		}
	}
	return nil
}

func readFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("startup file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return "", fmt.Errorf("startup file: %w", err)
	}
	if len(b) > maxFileBytes {
		return "", fmt.Errorf("startup file %s: larger than %d MB", path, maxFileBytes>>20)
	}
	return strings.TrimPrefix(string(b), "\uFEFF"), nil
}

// applyStatement executes one statement of a file to its end.
func (x *session) applyStatement(ctx context.Context, st pgwire.Statement) (err error) {
	if err := repeatable(st.AST.(ast.Statement)); err != nil {
		return relocate(err, st.Offset)
	}
	if err := x.Begin(ctx, false); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			x.Abort()
		}
	}()
	p, err := x.Prepare(ctx, st, nil)
	if err != nil {
		return err
	}
	if n := len(p.Params()); n > 0 {
		return pgerr.New(pgerr.UndefinedParameter, "there is no parameter $%d", n)
	}
	r, err := x.Execute(ctx, p, nil, pgwire.ExecOptions{})
	if err != nil {
		return err
	}
	for {
		b, err := r.Next(ctx)
		if err != nil || b == nil {
			r.Close()
			if err != nil {
				return err
			}
			return x.Commit(ctx)
		}
	}
}

// repeatable refuses what would change something each time a file is applied.
func repeatable(st ast.Statement) error {
	switch st := st.(type) {
	case *ast.CreateSource, *ast.CreateTable, *ast.CreateSink, *ast.Comment, *ast.Set, *ast.Flush, *ast.SelectStmt, *ast.Show, *ast.Explain:
		return nil
	case *ast.CreateView:
		return nil
	case *ast.Insert:
		if st.Conflict != nil && st.Conflict.Nothing {
			return nil
		}
		return pgerr.New(pgerr.FeatureNotSupported, "INSERT in a startup file needs ON CONFLICT DO NOTHING: the file is applied at every start").At(st.Position())
	}
	return pgerr.New(pgerr.FeatureNotSupported, "this statement is not allowed in a startup file: the file is applied at every start").At(st.Position())
}

// fileError names the file and the line of an error in a statement that begins
// at offset.
func fileError(path, text string, offset int, err error) error {
	e := pgerr.From(err)
	at := offset
	if e.Pos > 0 {
		at = min(offset+e.Pos-1, len(text))
	}
	msg := fmt.Sprintf("%s:%d: %s", path, 1+strings.Count(text[:at], "\n"), e.Message)
	for _, more := range []string{e.Detail, e.Hint} {
		if more != "" {
			msg += "\n  " + more
		}
	}
	return errors.New(msg)
}

// logConn is the client of a startup file: notices go to the log.
type logConn struct {
	s          *Server
	file       string
	statements *pgwire.Statements
}

var _ pgwire.Conn = (*logConn)(nil)

// Notice implements pgwire.Conn.
func (c *logConn) Notice(n *pgerr.Error) { c.s.log.Info(n.Message, "file", c.file) }

// ReportParameter implements pgwire.Conn.
func (c *logConn) ReportParameter(string, string) {}

// Statements implements pgwire.Conn.
func (c *logConn) Statements() *pgwire.Statements { return c.statements }
