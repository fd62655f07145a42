package auth

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/redact"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

const hidden = "'" + redact.Hidden + "'"

// RedactSQL is a statement in which every string that may be a secret is '***':
// the value of an option or parameter whose name says so, as in PASSWORD '…' or
// sasl.password = '…', every address with a password, and every hash. Text that
// cannot be read as SQL is left out altogether.
func RedactSQL(sql string) string {
	ts, err := lex.Scan(sql)
	if err != nil {
		return "(not readable)"
	}
	var out strings.Builder
	last := 0
	name := "" // of the option that a string would be the value of
	for i := range ts.T {
		t := &ts.T[i]
		switch t.Kind {
		case lex.EOF:
		case lex.Bad:
			return out.String() + sql[last:t.Pos] + "(not readable)"
		case lex.String:
			if redact.Name(name) || redact.Value(t.Val) {
				out.WriteString(sql[last:t.Pos] + hidden)
				last = t.End
			}
			// 'sasl.password' = '...': a string may name an option.
			name = t.Val
		case lex.Ident, lex.Quoted:
			name = joined(ts, i, name) + t.Val
		default:
			if !t.Is("=") && !t.Is(".") && !t.Is("=>") && !t.Is("(") && !t.Is("::") {
				name = ""
			}
		}
	}
	out.WriteString(sql[last:])
	return out.String()
}

// joined is the part of a dotted or spaced name before token i.
func joined(ts *lex.Tokens, i int, name string) string {
	if i > 0 && (ts.T[i-1].Is(".") || ts.T[i-1].Kind == lex.Ident) && len(name) < 256 {
		return name + " "
	}
	return ""
}
