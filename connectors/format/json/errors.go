package json

import (
	"fmt"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// invalid is a record that is no JSON: SQLSTATE 22P02 with the byte, from 1.
func invalid(p int, format string, args ...any) error {
	return pgerr.New(pgerr.InvalidTextRepresentation, "invalid JSON at byte %d: %s", p+1, fmt.Sprintf(format, args...))
}

func ended(p int) error { return invalid(p, "the record ends too early") }

func tooDeep(p int) error { return invalid(p, "nested deeper than %d", MaxDepth) }

func expected(b []byte, p int, what string) error {
	if p >= len(b) {
		return ended(p)
	}
	return invalid(p, "expected %s, not %s", what, char(b[p:]))
}

// char quotes the first character of s for a message.
func char(s []byte) string {
	r, n := utf8.DecodeRune(s)
	if r == utf8.RuneError && n <= 1 {
		return fmt.Sprintf("byte 0x%02x", s[0])
	}
	return fmt.Sprintf("%q", string(r))
}

func badNumber(b []byte, p, at int) error {
	if p < len(b) && b[p] != '-' && b[p]-'0' > 9 {
		return expected(b, p, "a value")
	}
	if at >= len(b) {
		return ended(at)
	}
	return invalid(at, "a number cannot have %s here", char(b[at:]))
}

func badString(p int, s shape) error {
	switch s {
	case badControl:
		return invalid(p, "control character in a string")
	case badUTF8:
		return pgerr.New(pgerr.CharacterNotInRepertoire, "invalid UTF-8 in the string at byte %d", p)
	}
	return ended(p)
}

// inColumn says which column could not be read.
func (c *column) inColumn(err error) error {
	e := pgerr.From(err)
	return pgerr.New(e.Code, "column %q: %s", c.name, e.Message).WithDetail("%s", e.Detail)
}

// mismatch is a JSON value of a kind that the column's type does not take.
func (c *column) mismatch(b []byte, p int) error {
	return pgerr.New(pgerr.InvalidTextRepresentation, "%s cannot be read as %s", kindName(b, p), c.t)
}

func kindName(b []byte, p int) string {
	switch b[p] {
	case '{':
		return "a JSON object"
	case '[':
		return "a JSON array"
	case '"':
		return "a JSON string"
	case 't', 'f':
		return "a JSON boolean"
	}
	return "a JSON number"
}

// clip bounds a value quoted in a message.
func clip(s []byte) string { return clipTo(string(s), 64) }

func clipTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	n := most
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
