package server

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// A cursor that SQL declared is described as a portal: psycopg's server-side
// cursors ask for its columns that way before they fetch.
func TestCursorIsDescribedAsPortal(t *testing.T) {
	t.Parallel()
	_, addr := startTest(t)
	ctx := context.Background()
	c, err := pgconn.Connect(ctx, "postgres://test@"+addr+"/heliosdb?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, "BEGIN; DECLARE cur CURSOR FOR SELECT 1 AS a, 'x'::text AS b").ReadAll(); err != nil {
		t.Fatal(err)
	}
	fe := c.Frontend()
	for _, name := range []string{"cur", "none"} {
		fe.SendDescribe(&pgproto3.Describe{ObjectType: 'P', Name: name})
		fe.SendSync(&pgproto3.Sync{})
		if err := fe.Flush(); err != nil {
			t.Fatal(err)
		}
		found := false
		for done := false; !done; {
			msg, err := fe.Receive()
			if err != nil {
				t.Fatal(err)
			}
			switch m := msg.(type) {
			case *pgproto3.RowDescription:
				found = len(m.Fields) == 2 && string(m.Fields[1].Name) == "b"
			case *pgproto3.ErrorResponse:
				if name == "cur" || m.Code != "34000" {
					t.Errorf("describe %s: %s", name, m.Message)
				}
			case *pgproto3.ReadyForQuery:
				done = true
			}
		}
		if found != (name == "cur") {
			t.Errorf("describe %s: found %v", name, found)
		}
	}
}
