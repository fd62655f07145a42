// Package regex runs PostgreSQL's advanced regular expressions on Go's RE2
// engine, which takes linear time whatever the pattern.
//
// Not supported, with SQLSTATE 0A000: back references, lookahead and
// lookbehind, \m and \M where they differ from a word boundary, basic syntax.
// Different: when a pattern mixes greedy and non-greedy quantifiers, the match
// is Perl's, each quantifier by itself; a pattern with only greedy ones matches
// the longest text, as PostgreSQL's. Character classes and case are ASCII's
// (C collation), except that case-insensitive matching folds all of Unicode.
package regex

import (
	"regexp"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Regexp is a compiled pattern; safe for concurrent use.
type Regexp struct {
	re     *regexp.Regexp
	Groups int  // capturing groups
	Global bool // flag g was given
}

// MaxPattern bounds a pattern's length in bytes.
const MaxPattern = 64 << 10

// Compile prepares a pattern with PostgreSQL's option letters; g is accepted
// when allowGlobal. Errors: 2201B for a bad pattern, 22023 for a bad option,
// 0A000 for what RE2 cannot do.
func Compile(pattern, flags string, allowGlobal bool) (*Regexp, error) {
	if len(pattern) > MaxPattern {
		return nil, bad("regular expression is too complex")
	}
	var o options
	if err := o.setFlags(flags, allowGlobal); err != nil {
		return nil, err
	}
	src, t, err := translate(pattern, o)
	if err != nil {
		return nil, err
	}
	re, err := regexp.Compile(src)
	if err != nil {
		return nil, pgerr.New(pgerr.InvalidRegularExpression, "invalid regular expression: regular expression is too complex").
			WithDetail("%s", err.Error())
	}
	if !t.lazy {
		re.Longest()
	}
	return &Regexp{re: re, Groups: t.groups, Global: o.global}, nil
}

// Match reports whether the pattern is found anywhere in s.
func (r *Regexp) Match(s []byte) bool { return r.re.Match(s) }

// Find is the first match at or after byte from: pairs of byte offsets of the
// match and of each group (-1: the group took no part); nil: none. Anchors and
// word boundaries see all of s.
func (r *Regexp) Find(s []byte, from int) []int {
	if from == 0 {
		return r.re.FindSubmatchIndex(s)
	}
	// RE2 in Go has no start offset: look through all matches.
	for _, m := range r.re.FindAllSubmatchIndex(s, -1) {
		if m[0] >= from {
			return m
		}
	}
	return nil
}

// All are the successive matches, at most limit (-1: all).
func (r *Regexp) All(s []byte, limit int) [][]int {
	return r.re.FindAllSubmatchIndex(s, limit)
}

// AppendExpanded appends a replacement: \1 … \9 are groups, \& the whole
// match, \\ a backslash.
func AppendExpanded(dst, repl, s []byte, m []int) []byte {
	for i := 0; i < len(repl); i++ {
		c := repl[i]
		if c != '\\' || i+1 == len(repl) {
			dst = append(dst, c)
			continue
		}
		i++
		switch n := repl[i]; {
		case n == '&':
			dst = append(dst, s[m[0]:m[1]]...)
		case n >= '1' && n <= '9':
			if k := 2 * int(n-'0'); k+1 < len(m) && m[k] >= 0 {
				dst = append(dst, s[m[k]:m[k+1]]...)
			}
		case n == '\\':
			dst = append(dst, '\\')
		default: // kept as it is
			dst = append(dst, '\\', n)
		}
	}
	return dst
}
