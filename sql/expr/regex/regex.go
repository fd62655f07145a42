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
	"fmt"
	"regexp"
	"regexp/syntax"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Regexp is a compiled pattern; safe for concurrent use.
type Regexp struct {
	re         *regexp.Regexp
	probe      *regexp.Regexp // one character followed by the pattern; see matchAt
	mayBeEmpty bool           // a match may have no character
	Groups     int            // capturing groups
	Global     bool           // flag g was given
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
	tree, err := syntax.Parse(src, syntax.Perl)
	if err != nil {
		return nil, tooComplex(err)
	}
	if n := size(tree); n > maxSize {
		return nil, tooComplex(fmt.Errorf("%d states", n))
	}
	re, err := regexp.Compile(src)
	if err != nil {
		return nil, tooComplex(err)
	}
	probe, err := regexp.Compile(`\A(?s:.)(?:` + src + `)`)
	if err != nil {
		return nil, tooComplex(err)
	}
	if !t.lazy {
		re.Longest()
		probe.Longest()
	}
	return &Regexp{re: re, probe: probe, mayBeEmpty: canBeEmpty(tree), Groups: t.groups, Global: o.global}, nil
}

func tooComplex(err error) error {
	return pgerr.New(pgerr.InvalidRegularExpression, "invalid regular expression: regular expression is too complex").
		WithDetail("%s", err.Error())
}

// Match reports whether the pattern is found anywhere in s.
func (r *Regexp) Match(s []byte) bool { return r.re.Match(s) }

// Find is the first match: pairs of byte offsets of the match and of each group
// (-1: the group took no part); nil: none.
func (r *Regexp) Find(s []byte) []int { return r.re.FindSubmatchIndex(s) }

// All are the successive matches that begin at byte from or later. Anchors and
// word boundaries see all of s. After a match that is not empty, an empty one
// may follow at its end, which Go's own iteration leaves out.
func (r *Regexp) All(s []byte, from int) [][]int {
	if from > 0 {
		return r.allFrom(s, from)
	}
	found := r.re.FindAllSubmatchIndex(s, -1)
	if !r.mayBeEmpty {
		return found
	}
	var all [][]int
	for i, m := range found {
		all = append(all, m)
		end := m[1]
		if m[0] < end && (i+1 == len(found) || found[i+1][0] != end) {
			if e := r.matchAt(s, end); e != nil {
				all = append(all, e)
			}
		}
	}
	return all
}

// allFrom tries one place after the other: RE2 in Go has no start offset.
func (r *Regexp) allFrom(s []byte, from int) [][]int {
	var all [][]int
	for at := from; at <= len(s); {
		m := r.matchAt(s, at)
		if m != nil {
			all = append(all, m)
		}
		if m != nil && m[1] > at {
			at = m[1]
			continue
		}
		_, w := utf8.DecodeRune(s[at:])
		at += max(w, 1)
	}
	return all
}

// matchAt is the match that begins exactly at byte at (> 0), found by asking
// for one character and then the pattern, from the character before.
func (r *Regexp) matchAt(s []byte, at int) []int {
	_, w := utf8.DecodeLastRune(s[:at])
	m := r.probe.FindSubmatchIndex(s[at-w:])
	if m == nil {
		return nil
	}
	for k := range m {
		if m[k] >= 0 {
			m[k] += at - w
		}
	}
	m[0] = at
	return m
}

// maxSize bounds the states of a compiled pattern, and with them the time and
// memory of compiling and matching.
const maxSize = 20_000

// size estimates the states of a pattern with its repetitions written out.
func size(re *syntax.Regexp) int {
	n := 1
	switch re.Op {
	case syntax.OpLiteral:
		n = len(re.Rune)
	case syntax.OpCharClass:
		n = 1 + len(re.Rune)/4 // wide classes become many byte ranges
	}
	for _, x := range re.Sub {
		n = min(n+size(x), maxSize*1000)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min, re.Max, 1)
	}
	return min(n, maxSize*1000)
}

// canBeEmpty reports whether a pattern may match no character.
func canBeEmpty(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpNoMatch, syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return false
	case syntax.OpCapture, syntax.OpPlus:
		return canBeEmpty(re.Sub[0])
	case syntax.OpRepeat:
		return re.Min == 0 || canBeEmpty(re.Sub[0])
	case syntax.OpConcat:
		for _, x := range re.Sub {
			if !canBeEmpty(x) {
				return false
			}
		}
	case syntax.OpAlternate:
		for _, x := range re.Sub {
			if canBeEmpty(x) {
				return true
			}
		}
		return false
	}
	return true
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
