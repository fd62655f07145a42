package testpg

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// Answer is one value as text, or the error PostgreSQL gave.
type Answer struct {
	Text                         string
	Null                         bool
	Code, Message, Detail, Where string // of an error
}

// Oracle asks PostgreSQL for single values.
type Oracle struct {
	t  testing.TB
	cn *pgconn.PgConn
}

// NewOracle connects to the server of Start; the connection ends with the test.
func NewOracle(t testing.TB) *Oracle {
	t.Helper()
	cn, err := pgconn.Connect(context.Background(), Start(t))
	if err != nil {
		t.Fatalf("connect to PostgreSQL: %v", err)
	}
	t.Cleanup(func() { cn.Close(context.Background()) })
	return &Oracle{t, cn}
}

// Exec runs a statement without a result.
func (o *Oracle) Exec(sql string) {
	o.t.Helper()
	if _, err := o.cn.Exec(context.Background(), sql).ReadAll(); err != nil {
		o.t.Fatalf("%s: %v", sql, err)
	}
}

// Ask evaluates sql, a SELECT of one value, once per set of text parameters,
// each in a transaction of its own.
func (o *Oracle) Ask(sql string, params ...[]string) []Answer {
	o.t.Helper()
	ctx := context.Background()
	out := make([]Answer, len(params))
	if _, err := o.cn.Prepare(ctx, "", sql, nil); err != nil {
		o.t.Fatalf("%s: %v", sql, err)
	}
	for i, p := range params {
		vals := make([][]byte, len(p))
		for k, s := range p {
			vals[k] = []byte(s)
		}
		r := o.cn.ExecPrepared(ctx, "", vals, nil, nil).Read()
		var pe *pgconn.PgError
		switch {
		case errors.As(r.Err, &pe):
			out[i] = Answer{Code: pe.Code, Message: pe.Message, Detail: pe.Detail, Where: pe.Where}
		case r.Err != nil:
			o.t.Fatalf("%s %q: %v", sql, p, r.Err)
		case len(r.Rows) != 1:
			o.t.Fatalf("%s %q: %d rows", sql, p, len(r.Rows))
		default:
			out[i] = Answer{Text: string(r.Rows[0][0]), Null: r.Rows[0][0] == nil}
		}
	}
	return out
}
