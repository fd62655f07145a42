// Package like matches the patterns of LIKE and ILIKE: % any characters, _ one
// character, an escape character (backslash) before either or itself.
package like

import (
	"bytes"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

var errEndsWithEscape = pgerr.New(pgerr.InvalidEscapeSequence, "LIKE pattern must not end with escape character")

// Pattern is a compiled pattern; safe for concurrent use.
type Pattern struct {
	kind kind
	lit  []byte // for the simple kinds
	pat  []byte
}

type kind uint8

const (
	general  kind = iota
	exact         // no wildcard
	prefix        // lit%
	suffix        // %lit
	contains      // %lit%
)

// Compile prepares pat. It never fails: a pattern that ends with its escape
// fails only for a text whose comparison gets that far, as in PostgreSQL.
func Compile(pat []byte) *Pattern {
	p := &Pattern{pat: bytes.Clone(pat)}
	body := p.pat
	lead := len(body) > 0 && body[0] == '%'
	if lead {
		body = bytes.TrimLeft(body, "%")
	}
	trail := len(body) > 0 && body[len(body)-1] == '%'
	if trail {
		body = bytes.TrimRight(body, "%")
	}
	if bytes.ContainsAny(body, `%_\`) || len(body) == 0 {
		return p
	}
	p.lit = body
	switch {
	case lead && trail:
		p.kind = contains
	case lead:
		p.kind = suffix
	case trail:
		p.kind = prefix
	default:
		p.kind = exact
	}
	return p
}

// Match reports whether the whole of s matches. The error is 22025 for a
// pattern that ends with its escape character.
func (p *Pattern) Match(s []byte) (bool, error) {
	switch p.kind {
	case exact:
		return bytes.Equal(s, p.lit), nil
	case prefix:
		return bytes.HasPrefix(s, p.lit), nil
	case suffix:
		return bytes.HasSuffix(s, p.lit), nil
	case contains:
		return bytes.Contains(s, p.lit), nil
	}
	return match(s, p.pat)
}

// nextStart is the first offset at or after i where p[j:], which follows a %,
// can begin to match: that of its first byte when it is a plain one; -1: none.
func nextStart(s []byte, i int, p []byte, j int) int {
	if j == len(p) || p[j] == '%' || p[j] == '_' || p[j] == '\\' {
		return i
	}
	k := bytes.IndexByte(s[i:], p[j])
	if k < 0 {
		return -1
	}
	return i + k
}

// match walks both strings and, at a mismatch, returns to the last % and lets
// it take one more character: only the last one matters.
func match(s, p []byte) (bool, error) {
	i, j := 0, 0
	starI, starJ := -1, -1
	for i < len(s) {
		if j < len(p) {
			switch p[j] {
			case '%':
				j++
				if i = nextStart(s, i, p, j); i < 0 {
					return false, nil
				}
				starI, starJ = i, j
				continue
			case '_':
				_, w := utf8.DecodeRune(s[i:])
				i, j = i+w, j+1
				continue
			case '\\':
				if j+1 == len(p) {
					return false, errEndsWithEscape
				}
				if s[i] == p[j+1] {
					i, j = i+1, j+2
					continue
				}
			default:
				if s[i] == p[j] {
					i, j = i+1, j+1
					continue
				}
			}
		}
		if starJ < 0 {
			return false, nil
		}
		_, w := utf8.DecodeRune(s[starI:])
		if starI = nextStart(s, starI+w, p, starJ); starI < 0 {
			return false, nil
		}
		i, j = starI, starJ
	}
	for j < len(p) && p[j] == '%' {
		j++
	}
	return j == len(p), nil
}

// Escape rewrites a pattern with the given escape character (at most one; none:
// no character escapes) into one with a backslash: like_escape. Errors are
// 22019 and 22025.
func Escape(pat, escape []byte) ([]byte, error) {
	var out []byte
	if len(escape) == 0 {
		for _, c := range pat {
			if c == '\\' {
				out = append(out, '\\')
			}
			out = append(out, c)
		}
		return out, nil
	}
	if utf8.RuneCount(escape) != 1 {
		return nil, pgerr.New(pgerr.InvalidEscapeSequence, "invalid escape string").
			WithHint("Escape string must be empty or one character.")
	}
	if escape[0] == '\\' {
		return pat, nil
	}
	after := false
	for len(pat) > 0 {
		_, w := utf8.DecodeRune(pat)
		switch {
		case bytes.Equal(pat[:w], escape) && !after:
			out = append(out, '\\')
			after = true
		case pat[0] == '\\':
			out = append(out, '\\')
			if !after {
				out = append(out, '\\')
			}
			after = false
		default:
			out = append(out, pat[:w]...)
			after = false
		}
		pat = pat[w:]
	}
	return out, nil
}
