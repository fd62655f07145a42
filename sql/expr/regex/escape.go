package regex

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Classes of PostgreSQL under the C collation: ASCII. \s includes the vertical
// tab, which RE2's does not.
const (
	spaceSet = `\t\n\v\f\r `
	wordSet  = `0-9A-Za-z_`
)

// escape translates a backslash sequence outside brackets.
func (t *translator) escape() error {
	if t.i+1 >= len(t.src) {
		return bad("invalid escape \\ sequence")
	}
	c := t.src[t.i+1]
	if set, neg, ok := classEscape(c); ok {
		t.i += 2
		if neg {
			t.emit("[^"+set+"]", true, false)
		} else {
			t.emit("["+set+"]", true, c == 'w' || c == 'd')
		}
		return nil
	}
	constraints := map[byte]string{'A': `\A`, 'Z': `\z`, 'y': `\b`, 'Y': `\B`}
	if s, ok := constraints[c]; ok {
		t.i += 2
		t.emit(s, false, false)
		return nil
	}
	switch {
	case c == 'm':
		t.i += 2
		return t.wordStart()
	case c == 'M':
		t.i += 2
		return t.wordStop()
	case c >= '1' && c <= '9':
		return t.octalOrBackref()
	}
	r, w, err := charEscape(t.src[t.i:])
	if err != nil {
		return err
	}
	t.literalRune(r, w)
	return nil
}

// wordStart is \m and [[:<:]]. RE2 has only \b, which is the same where a word
// character follows.
func (t *translator) wordStart() error {
	rest := strings.TrimLeft(t.src[t.i:], "(")
	if r, _ := utf8.DecodeRuneInString(rest); isWord(r) || strings.HasPrefix(rest, `\w`) || strings.HasPrefix(rest, `\d`) {
		t.emit(`\b`, false, false)
		return nil
	}
	return unsupported(`\m before anything but a word character`)
}

// wordStop is \M and [[:>:]], the same as \b after a word character.
func (t *translator) wordStop() error {
	if !t.wordEnd {
		return unsupported(`\M after anything but a word character`)
	}
	t.emit(`\b`, false, false)
	return nil
}

// octalOrBackref: \1 … \9 are back references; more digits are one when there
// are that many groups, an octal character otherwise.
func (t *translator) octalOrBackref() error {
	j := t.i + 1
	for j < len(t.src) && isDigit(t.src[j]) && j < t.i+4 {
		j++
	}
	digits := t.src[t.i+1 : j]
	n, _ := strconv.Atoi(digits)
	if len(digits) == 1 && n > t.groups {
		return bad("invalid backreference number")
	}
	if n <= t.groups {
		return unsupported("back references")
	}
	v, err := strconv.ParseUint(digits, 8, 21)
	if err != nil {
		return bad("invalid escape \\ sequence")
	}
	t.literalRune(rune(v), 1+len(digits))
	return nil
}

// classEscape is the set of \d \s \w and, negated, of \D \S \W.
func classEscape(c byte) (set string, negated, ok bool) {
	switch c {
	case 'd', 'D':
		return "0-9", c == 'D', true
	case 's', 'S':
		return spaceSet, c == 'S', true
	case 'w', 'W':
		return wordSet, c == 'W', true
	}
	return "", false, false
}

// charEscape decodes an escape that stands for one character and tells its
// length in bytes.
func charEscape(s string) (rune, int, error) {
	simple := map[byte]rune{'a': 7, 'b': 8, 'B': '\\', 'e': 27, 'f': 12, 'n': 10, 'r': 13, 't': 9, 'v': 11}
	if len(s) < 2 {
		return 0, 0, bad("invalid escape \\ sequence")
	}
	c := s[1]
	if r, ok := simple[c]; ok {
		return r, 2, nil
	}
	switch {
	case c == 'c' && len(s) > 2:
		return rune(s[2] & 31), 3, nil
	case c == 'u':
		return hexEscape(s, 4, 4)
	case c == 'U':
		return hexEscape(s, 8, 8)
	case c == 'x':
		return hexEscape(s, 1, 8)
	case c == '0':
		j := 2
		for j < len(s) && j < 4 && s[j] >= '0' && s[j] <= '7' {
			j++
		}
		v, _ := strconv.ParseUint(s[1:j], 8, 21)
		return rune(v), j, nil
	case isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		return 0, 0, bad("invalid escape \\ sequence")
	}
	r, w := utf8.DecodeRuneInString(s[1:])
	return r, 1 + w, nil
}

func hexEscape(s string, minDigits, maxDigits int) (rune, int, error) {
	j := 2
	for j < len(s) && j < 2+maxDigits && strings.IndexByte("0123456789abcdefABCDEF", s[j]) >= 0 {
		j++
	}
	v, err := strconv.ParseUint(s[2:j], 16, 32)
	if err != nil || j-2 < minDigits || v > utf8.MaxRune {
		return 0, 0, bad("invalid escape \\ sequence")
	}
	return rune(v), j, nil
}

var classNames = []string{"alpha", "upper", "lower", "digit", "xdigit", "alnum", "print", "graph", "blank", "space", "punct", "cntrl", "word"}

// bracket translates a bracket expression.
func (t *translator) bracket() error {
	rest := t.src[t.i:]
	if strings.HasPrefix(rest, "[[:<:]]") {
		t.i += 7
		return t.wordStart()
	}
	if strings.HasPrefix(rest, "[[:>:]]") {
		t.i += 7
		return t.wordStop()
	}
	j := t.i + 1
	var b strings.Builder
	b.WriteByte('[')
	if j < len(t.src) && t.src[j] == '^' {
		b.WriteByte('^')
		if t.newline&newlineDot != 0 {
			b.WriteString(`\n`)
		}
		j++
	}
	first := true
	for {
		if j >= len(t.src) {
			return bad("brackets [] not balanced")
		}
		if t.src[j] == ']' && !first {
			break
		}
		w, err := t.bracketItem(&b, t.src[j:])
		if err != nil {
			return err
		}
		j, first = j+w, false
	}
	b.WriteByte(']')
	t.i = j + 1
	t.emit(b.String(), true, false)
	return nil
}

// bracketItem writes one class, character or range and tells its length.
func (t *translator) bracketItem(b *strings.Builder, s string) (int, error) {
	if strings.HasPrefix(s, "[:") {
		return bracketClass(b, s)
	}
	if len(s) > 1 && s[0] == '\\' {
		if set, neg, ok := classEscape(s[1]); ok {
			if neg {
				return 0, bad("invalid escape \\ sequence")
			}
			b.WriteString(set)
			return 2, nil
		}
	}
	lo, w, err := bracketChar(s)
	if err != nil {
		return 0, err
	}
	if len(s) > w+1 && s[w] == '-' && s[w+1] != ']' {
		hi, w2, err := bracketChar(s[w+1:])
		if err != nil {
			return 0, err
		}
		if hi < lo {
			return 0, bad("invalid character range")
		}
		fmt.Fprintf(b, `\x{%x}-\x{%x}`, lo, hi)
		return w + 1 + w2, nil
	}
	fmt.Fprintf(b, `\x{%x}`, lo)
	return w, nil
}

func bracketClass(b *strings.Builder, s string) (int, error) {
	n := strings.Index(s[2:], ":]")
	if n < 0 {
		return 0, bad("brackets [] not balanced")
	}
	end := 2 + n
	name := s[2:end]
	for _, n := range classNames {
		if n != name {
			continue
		}
		if name == "space" {
			b.WriteString(spaceSet)
		} else {
			b.WriteString("[:" + name + ":]")
		}
		return end + 2, nil
	}
	return 0, bad("invalid character class")
}

// bracketChar reads one character, [.x.] included.
func bracketChar(s string) (rune, int, error) {
	if s == "" {
		return 0, 0, bad("brackets [] not balanced")
	}
	if strings.HasPrefix(s, "[.") || strings.HasPrefix(s, "[=") {
		r, w := utf8.DecodeRuneInString(s[2:])
		if strings.HasPrefix(s[2+w:], s[1:2]+"]") {
			return r, w + 4, nil
		}
		if !strings.Contains(s[2:], s[1:2]+"]") {
			return 0, 0, bad("brackets [] not balanced")
		}
		return 0, 0, bad("invalid collating element")
	}
	if s[0] == '\\' {
		return charEscape(s)
	}
	r, w := utf8.DecodeRuneInString(s)
	return r, w, nil
}
