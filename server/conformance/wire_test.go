package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// wireValues are texts of every type, extreme ones among them.
var wireValues = map[string][]string{
	"boolean":            {"t", "false", "1"},
	"smallint":           {"-32768", "32767", "0"},
	"integer":            {"-2147483648", "2147483647", "0"},
	"bigint":             {"-9223372036854775808", "9223372036854775807", "0"},
	"real":               {"1.5", "-0", "NaN", "Infinity", "3.4028235e+38", "1e-45", "0.1"},
	"double precision":   {"1.5", "-0", "NaN", "-Infinity", "1.7976931348623157e308", "5e-324", "0.1", "1e15", "1e16", "123456789.123456789"},
	"numeric":            {"0", "0.00", "-1.50", "NaN", "Infinity", "-Infinity", "1e100", "1e-100", "12345678901234567890.12345678901234567890", "10000", "0.0001", "9999.9999"},
	"numeric(10,3)":      {"1.2345", "-9999999.999", "0"},
	"text":               {"", "plain", "ünï ☃ 𝄞", "a\tb\n\"q\" 'z' \\", "{,}"},
	"varchar(5)":         {"", "abcde", "ünïcö"},
	"bytea":              {`\x`, `\x00ff`, `\xdeadbeef`, `a\\b\001`},
	"date":               {"2024-02-29", "0001-01-01", "4713-01-01 BC", "5874897-12-31", "infinity", "-infinity", "1999-12-31"},
	"timestamp":          {"2024-02-29 12:34:56.789012", "4713-01-01 00:00:00 BC", "294276-12-31 23:59:59.999999", "infinity", "-infinity", "1970-01-01"},
	"timestamptz":        {"2024-02-29 12:34:56+05:30", "4713-01-02 00:00:00+00 BC", "294276-12-31 23:59:59.999999+00", "infinity", "2000-01-01 00:00:00 America/New_York"},
	"interval":           {"0", "1 year 2 mons -3 days 04:05:06.789", "-178000000 years", "178000000 years", "-00:00:00.000001", "P1Y2M3DT4H5M6S", "1000000 hours"},
	"jsonb":              {"null", "1.50", `"x"`, "[]", "{}", `{"b": [1, {"a": null}], "a": "ü\"\\\u0001"}`, "1e5", "-0", "123456789012345678901234567890"},
	"integer[]":          {"{}", "{1,NULL,-2147483648}", "{7}"},
	"text[]":             {"{}", `{"",NULL,"NULL","a b","c\"d","e\\f","{x}",ü}`},
	"bigint[]":           {"{9223372036854775807}"},
	"numeric[]":          {"{1.50,NaN,NULL}"},
	"boolean[]":          {"{t,f,NULL}"},
	"timestamp[]":        {`{"2024-01-01 00:00:00",infinity}`},
	"double precision[]": {"{1.5,NaN,-Infinity}"},
	"date[]":             {"{2024-02-29}"},
	"interval[]":         {`{"1 day",02:03:04}`},
	"bytea[]":            {`{"\\x00ff"}`},
	"jsonb[]":            {`{"{\"a\": 1}",NULL}`},
	"smallint[]":         {"{-1,2}"},
	"varchar[]":          {"{a,b}"},
	"timestamptz[]":      {`{"2024-01-01 00:00:00+02"}`},
	"real[]":             {"{0.1}"},
}

// TestWire sends every value as a text parameter and reads it back in text and
// in binary, then sends what came back as a binary parameter: descriptions and
// bytes are those of PostgreSQL.
func TestWire(t *testing.T) {
	t.Parallel()
	e, pg := startEngine(t, "", 1), startPostgres(t)
	n := 0
	for typ, values := range wireValues {
		sql := "SELECT $1::" + typ + " AS v"
		describe(t, e.conn, pg, sql)
		for _, v := range append(values, "not a value of it") {
			for _, format := range []int16{0, 1} {
				n++
				ours := ask(t, e.conn, sql, []byte(v), 0, format)
				theirs := ask(t, pg, sql, []byte(v), 0, format)
				if ours.String() != theirs.String() {
					t.Errorf("%s %q, result format %d:\n  here %s\n  PG   %s", typ, v, format, ours, theirs)
					continue
				}
				if format == 1 && ours.failure == "" {
					for _, back := range []int16{0, 1} {
						ours, theirs := ask(t, e.conn, sql, theirs.value, 1, back), ask(t, pg, sql, theirs.value, 1, back)
						if ours.String() != theirs.String() {
							t.Errorf("%s %q as a binary parameter, result format %d:\n  here %s\n  PG   %s", typ, v, back, ours, theirs)
						}
					}
				}
			}
		}
		for _, bad := range [][]byte{{}, {1}, {1, 2, 3}, bytes.Repeat([]byte{0xff}, 8), bytes.Repeat([]byte{0x7f}, 13), bytes.Repeat([]byte{0xff}, 16), bytes.Repeat([]byte{0x7f}, 24)} {
			ours, theirs := ask(t, e.conn, sql, bad, 1, 0), ask(t, pg, sql, bad, 1, 0)
			if (ours.failure == "") != (theirs.failure == "") || ours.failure == "" && ours.String() != theirs.String() {
				t.Errorf("%s from bytes %x:\n  here %s\n  PG   %s", typ, bad, ours, theirs)
			}
		}
		ours, theirs := ask(t, e.conn, sql, nil, 0, 1), ask(t, pg, sql, nil, 0, 1)
		if ours.String() != theirs.String() {
			t.Errorf("%s NULL: here %s, PG %s", typ, ours, theirs)
		}
	}
	t.Logf("%d values", n)
}

type answer struct {
	value   []byte
	null    bool
	oid     uint32
	format  int16
	failure string
}

func (a answer) String() string {
	if a.failure != "" {
		return a.failure
	}
	if a.null {
		return fmt.Sprintf("NULL of %d", a.oid)
	}
	if a.format == 0 {
		return fmt.Sprintf("%q of %d", a.value, a.oid)
	}
	return fmt.Sprintf("%x of %d in binary", a.value, a.oid)
}

func ask(t *testing.T, c *pgconn.PgConn, sql string, param []byte, in, out int16) answer {
	t.Helper()
	r := c.ExecParams(context.Background(), sql, [][]byte{param}, nil, []int16{in}, []int16{out}).Read()
	if r.Err != nil {
		var pe *pgconn.PgError
		if !errors.As(r.Err, &pe) {
			t.Fatalf("%s %q: %v", sql, param, r.Err)
		}
		return answer{failure: pe.Code + ": " + pe.Message}
	}
	f := r.FieldDescriptions[0]
	return answer{value: r.Rows[0][0], null: r.Rows[0][0] == nil, oid: f.DataTypeOID, format: f.Format}
}

// describe compares what Parse and Describe say.
func describe(t *testing.T, here, pg *pgconn.PgConn, sql string) {
	t.Helper()
	text := func(c *pgconn.PgConn) string {
		d, err := c.Prepare(context.Background(), "", sql, nil)
		if err != nil {
			return err.Error()
		}
		s := fmt.Sprint(d.ParamOIDs)
		for _, f := range d.Fields {
			s += fmt.Sprintf(" %s %d size %d mod %d", f.Name, f.DataTypeOID, f.DataTypeSize, f.TypeModifier)
		}
		return s
	}
	if ours, theirs := text(here), text(pg); ours != theirs {
		t.Errorf("%s\n  here %s\n  PG   %s", sql, ours, theirs)
	}
}

// TestParameters compares the types that parameters get from their places.
func TestParameters(t *testing.T) {
	t.Parallel()
	e, pg := startEngine(t, "", 1), startPostgres(t)
	both(t, e, pg, statements(t, "mv_schema.sql"))
	for _, s := range statements(t, "parameters.sql") {
		describe(t, e.conn, pg, s.sql)
	}
}
