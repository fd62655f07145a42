package pgwire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// copyTexts are written in every format; "NULL" stands for NULL.
var copyTexts = []string{"plain", "", `\N`, `\.`, "a,b", "q\"q", "t\tt", "n\nn", "r\rr", `b\b`, "\b\f\v", "\x01", "x;y|z", "null", "'", "ä", "NULL"}

var copyForms = []struct {
	sql  string // PostgreSQL's options
	o    CopyOptions
	cols int // copyTexts, then a number
}{
	{"", DefaultCopyOptions(CopyText), 1},
	{"FORMAT csv", DefaultCopyOptions(CopyCSV), 2},
	{"FORMAT csv", DefaultCopyOptions(CopyCSV), 1},
	{`FORMAT csv, DELIMITER ';', NULL 'null', QUOTE '''', ESCAPE '\', FORCE_QUOTE ("b;""'"), HEADER`,
		CopyOptions{Format: CopyCSV, Delimiter: ';', Null: "null", Quote: '\'', Escape: '\\', ForceQuote: []bool{false, true}, Header: true}, 2},
	{"DELIMITER '|', NULL '', HEADER", CopyOptions{Delimiter: '|', Header: true}, 2},
}

func copyBatch(cols int) (*delta.Batch, []Column) {
	columns := []Column{{Name: "a\n", Type: types.Text}, {Name: `b;"'`, Type: types.Int4}}[:cols]
	b := delta.NewBatch([]types.Type{types.Text, types.Int4}[:cols], len(copyTexts))
	for _, s := range copyTexts {
		d := delta.TextOf(s)
		d.Null = s == "NULL"
		b.Cols[0].AppendDatum(d)
		if cols == 2 {
			b.Cols[1].AppendInt(7)
		}
		b.AppendWeight(1)
	}
	return b, columns
}

// copied is what a client gets of the batch.
func copied(o CopyOptions, cols int) string {
	b, columns := copyBatch(cols)
	var out []byte
	if o.Header {
		out = append(out, appendCopyHeader(nil, &o, columns)[5:]...)
	}
	r := copyRows{o: &o, text: &values.DefaultOpts}
	for i := range b.N {
		out = append(out, r.append(nil, b, i)[5:]...)
	}
	return string(out)
}

func TestCopyFormats(t *testing.T) {
	t.Parallel()
	want := []string{
		"plain\n\n\\\\N\n\\\\.\na,b\nq\"q\nt\\tt\nn\\nn\nr\\rr\nb\\\\b\n\\b\\f\\v\n\x01\nx;y|z\nnull\n'\nä\n\\N\n",
		"plain,7\n\"\",7\n\\N,7\n\\.,7\n\"a,b\",7\n\"q\"\"q\",7\nt\tt,7\n\"n\nn\",7\n\"r\rr\",7\nb\\b,7\n\b\f\v,7\n\x01,7\nx;y|z,7\nnull,7\n',7\nä,7\n,7\n",
		"plain\n\"\"\n\\N\n\"\\.\"\n\"a,b\"\n\"q\"\"q\"\nt\tt\n\"n\nn\"\n\"r\rr\"\nb\\b\n\b\f\v\n\x01\nx;y|z\nnull\n'\nä\n\n",
		"'a\n';'b;\"\\''\nplain;'7'\n;'7'\n\\N;'7'\n\\.;'7'\na,b;'7'\nq\"q;'7'\nt\tt;'7'\n'n\nn';'7'\n'r\rr';'7'\nb\\b;'7'\n\b\f\v;'7'\n\x01;'7'\n'x;y|z';'7'\n'null';'7'\n'\\'';'7'\nä;'7'\nnull;'7'\n",
		"a\\n|b;\"'\nplain|7\n|7\n\\\\N|7\n\\\\.|7\na,b|7\nq\"q|7\nt\\tt|7\nn\\nn|7\nr\\rr|7\nb\\\\b|7\n\\b\\f\\v|7\n\x01|7\nx;y\\|z|7\nnull|7\n'|7\nä|7\n|7\n",
	}
	for i, f := range copyForms {
		if got := copied(f.o, f.cols); got != want[i] {
			t.Errorf("%s:\n%q\nwant\n%q", f.sql, got, want[i])
		}
	}
}

// TestCopyFormatsOnPostgreSQL asks PostgreSQL for the same rows.
func TestCopyFormatsOnPostgreSQL(t *testing.T) {
	t.Parallel()
	c := pgxConnect(t, postgresAddr(t), "user=postgres dbname=postgres")
	ctx, stop := testContext()
	defer stop()
	for _, f := range copyForms {
		var rows []string
		for i, s := range copyTexts {
			v := fmt.Sprintf(`convert_from('\x%x', 'UTF8')`, s)
			if s == "NULL" {
				v = "NULL"
			}
			rows = append(rows, fmt.Sprintf("(%d, %s, 7)", i, v))
		}
		list := []string{"\"a\n\"", `"b;""'"`}[:f.cols]
		sql := fmt.Sprintf("COPY (SELECT %s FROM (VALUES %s) AS v(n, \"a\n\", \"b;\"\"'\") ORDER BY n) TO STDOUT", strings.Join(list, ", "), strings.Join(rows, ", "))
		if f.sql != "" {
			sql += " WITH (" + f.sql + ")"
		}
		var out bytes.Buffer
		if _, err := c.PgConn().CopyTo(ctx, &out, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if got := copied(f.o, f.cols); got != out.String() {
			t.Errorf("%s:\n%q\nPostgreSQL\n%q", f.sql, got, out.String())
		}
	}
}
