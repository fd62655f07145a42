package pgtime

import (
	"strings"
	"sync/atomic"
)

// Patterns of to_char and to_timestamp, split into nodes as PostgreSQL's
// formatting.c does: at each place a prefix (FM, TM), then the first keyword
// that fits, then a suffix (TH, th); quoted text and other characters stand
// for themselves.

// MaxPattern bounds a pattern's length in bytes.
const MaxPattern = 4096

type nodeKind uint8

const (
	nAction nodeKind = iota
	nChar
	nSeparator
	nSpace
)

type node struct {
	kind nodeKind
	key  string // upper case keyword of an action
	raw  string // as written: the keyword, or the character
	fm   bool   // FM: no padding
	tm   bool   // TM: names without padding
	th   byte   // 't' or 'T': ordinal suffix
}

// keywords in the order in which they are tried: longer before their prefixes.
var keywords = []string{
	"A.D.", "A.M.", "AD", "AM", "B.C.", "BC", "CC", "DAY", "DDD", "DD", "DY", "D",
	"FF1", "FF2", "FF3", "FF4", "FF5", "FF6", "FX", "HH24", "HH12", "HH", "IDDD", "ID", "IW", "IYYY", "IYY", "IY", "I",
	"J", "MI", "MM", "MONTH", "MON", "MS", "OF", "P.M.", "PM", "Q", "RM", "SSSSS", "SSSS", "SS", "TZH", "TZM", "TZ",
	"US", "WW", "W", "Y,YYY", "YYYY", "YYY", "YY", "Y",
}

// mixedCase are the keywords with a capitalized spelling of their own; all
// others are known in upper and lower case only.
var mixedCase = map[string]bool{"Day": true, "Dy": true, "Month": true, "Mon": true}

func keywordAt(s string) string {
	for _, k := range keywords {
		if len(s) < len(k) {
			continue
		}
		raw := s[:len(k)]
		if raw == k || raw == strings.ToLower(k) || mixedCase[raw] && strings.ToUpper(raw) == k {
			return raw
		}
	}
	return ""
}

// pattern is one that was read, and its nodes, which nobody changes.
type pattern struct {
	text  string
	nodes []node
}

// patterns remembers what was read last, in a few places chosen by the text: a
// query asks for the same pattern row after row.
var patterns [32]atomic.Pointer[pattern]

// parsePattern gives the nodes of a pattern, cut at MaxPattern bytes. They are
// shared: read only.
func parsePattern(f string) []node {
	if len(f) > MaxPattern {
		f = f[:MaxPattern]
	}
	if f == "" {
		return nil
	}
	at := &patterns[(len(f)*31+int(f[0])+int(f[len(f)-1])*7)%len(patterns)]
	if have := at.Load(); have != nil && have.text == f {
		return have.nodes
	}
	read := &pattern{text: strings.Clone(f)}
	read.nodes = readPattern(read.text)
	at.Store(read)
	return read.nodes
}

func readPattern(f string) []node {
	var out []node
	for f != "" {
		n := node{}
		for len(f) >= 2 && (f[:2] == "FM" || f[:2] == "fm" || f[:2] == "TM" || f[:2] == "tm") {
			n.fm = n.fm || f[0]|0x20 == 'f'
			n.tm = n.tm || f[0]|0x20 == 't'
			f = f[2:]
			break
		}
		if raw := keywordAt(f); raw != "" {
			n.raw, n.key = raw, strings.ToUpper(raw)
			f = f[len(raw):]
			if len(f) >= 2 && (f[:2] == "TH" || f[:2] == "th") {
				n.th = f[0]
				f = f[2:]
			} else if len(f) >= 2 && f[:2] == "SP" {
				f = f[2:]
			}
			out = append(out, n)
			continue
		}
		if f == "" {
			break
		}
		if f[0] == '"' {
			f = quotedText(f[1:], &out)
			continue
		}
		if f[0] == '\\' && len(f) > 1 && f[1] == '"' {
			f = f[1:]
		}
		w := charLen(f)
		n = node{kind: nChar, raw: f[:w]}
		switch c := f[0]; {
		case isSpace(c):
			n.kind = nSpace
		case isSeparator(c):
			n.kind = nSeparator
		}
		out = append(out, n)
		f = f[w:]
	}
	return out
}

// quotedText adds the characters up to the closing quote and returns the rest.
func quotedText(f string, out *[]node) string {
	for f != "" {
		if f[0] == '"' {
			return f[1:]
		}
		if f[0] == '\\' && len(f) > 1 {
			f = f[1:]
		}
		w := charLen(f)
		*out = append(*out, node{kind: nChar, raw: f[:w]})
		f = f[w:]
	}
	return f
}

func charLen(s string) int {
	n := 1
	for n < len(s) && s[n]&0xC0 == 0x80 {
		n++
	}
	return n
}

// isSeparator: printable ASCII that is neither letter nor digit.
func isSeparator(c byte) bool { return c > 0x20 && c < 0x7F && !isDigit(c) && !isAlpha(c) }
