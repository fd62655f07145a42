package regex

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// options are what flags and embedded options set.
type options struct {
	fold     bool // i
	newline  int  // newline sensitivity: 0 none (s), anchors (w), dot (p), both (n, m)
	expanded bool // x
	literal  bool // q
	basic    bool // b
	global   bool // g: for replace
}

const (
	newlineAnchors = 1
	newlineDot     = 2
)

func bad(format string, a ...any) error {
	return pgerr.New(pgerr.InvalidRegularExpression, "invalid regular expression: %s", fmt.Sprintf(format, a...))
}

func unsupported(what string) error {
	return pgerr.New(pgerr.FeatureNotSupported, "regular expressions with %s are not supported", what)
}

// setFlags applies option letters; ok is false at an unknown one.
func (o *options) setFlags(flags string, allowGlobal bool) error {
	for _, f := range flags {
		switch f {
		case 'i':
			o.fold = true
		case 'c':
			o.fold = false
		case 'n', 'm':
			o.newline = newlineAnchors | newlineDot
		case 'p':
			o.newline = newlineDot
		case 'w':
			o.newline = newlineAnchors
		case 's':
			o.newline = 0
		case 'x':
			o.expanded = true
		case 't':
			o.expanded = false
		case 'q':
			o.literal = true
		case 'e':
		case 'b':
			o.basic = true
		case 'g':
			if allowGlobal {
				o.global = true
				continue
			}
			fallthrough
		default:
			return pgerr.New(pgerr.InvalidParameterValue, "invalid regular expression option: \"%c\"", f)
		}
	}
	return nil
}

// translator turns PostgreSQL's advanced regular expressions into RE2 syntax.
type translator struct {
	options
	src    string
	i      int
	out    strings.Builder
	depth  int
	groups int
	lazy   bool // a non-greedy quantifier was seen
	// atom is true when what was written last can take a quantifier; wordEnd
	// when it surely ends with a word character.
	atom, wordEnd bool
}

// translate gives the RE2 form of src.
func translate(src string, o options) (string, *translator, error) {
	t := &translator{options: o, src: src}
	if err := t.director(); err != nil {
		return "", nil, err
	}
	if t.literal {
		return t.flags() + escape(t.src[t.i:]), t, nil
	}
	if t.basic {
		return "", nil, unsupported("basic syntax")
	}
	for t.i < len(t.src) {
		if err := t.step(); err != nil {
			return "", nil, err
		}
	}
	if t.depth > 0 {
		return "", nil, bad("parentheses () not balanced")
	}
	return t.flags() + t.out.String(), t, nil
}

func (t *translator) flags() string {
	f := ""
	if t.fold {
		f += "i"
	}
	if t.newline&newlineAnchors != 0 {
		f += "m"
	}
	if t.newline&newlineDot == 0 {
		f += "s"
	}
	if f == "" {
		return ""
	}
	return "(?" + f + ")"
}

// director reads ***: ***= and (?options) at the start.
func (t *translator) director() error {
	if strings.HasPrefix(t.src, "***=") {
		t.i, t.literal = 4, true
		return nil
	}
	if strings.HasPrefix(t.src, "***:") {
		t.i = 4
	} else if strings.HasPrefix(t.src, "***") {
		return bad("quantifier operand invalid")
	}
	rest := t.src[t.i:]
	if len(rest) < 3 || rest[:2] != "(?" || rest[2] < 'a' || rest[2] > 'z' {
		return nil
	}
	end := strings.IndexByte(rest, ')')
	if end < 0 || t.setFlags(rest[2:end], false) != nil {
		return bad("invalid embedded option")
	}
	t.i += end + 1
	return nil
}

// step translates one element.
func (t *translator) step() error {
	c := t.src[t.i]
	switch c {
	case '\\':
		return t.escape()
	case '[':
		return t.bracket()
	case '(':
		return t.open()
	case ')':
		if t.depth == 0 {
			return bad("parentheses () not balanced")
		}
		t.depth--
		t.emit(")", true, false)
		t.i++
	case '|':
		t.emit("|", false, false)
		t.i++
	case '^', '$':
		t.emit(string(c), false, false)
		t.i++
	case '.':
		t.emit(".", true, false)
		t.i++
	case '*', '+', '?':
		t.i++
		return t.quantify(string(c))
	case '{':
		if t.i+1 < len(t.src) && isDigit(t.src[t.i+1]) {
			return t.bound()
		}
		t.literalRune('{', 1)
	default:
		return t.plain(c)
	}
	return nil
}

func (t *translator) plain(c byte) error {
	if t.expanded {
		if strings.IndexByte(" \t\n\r\v\f", c) >= 0 {
			t.i++
			return nil
		}
		if c == '#' {
			if nl := strings.IndexByte(t.src[t.i:], '\n'); nl >= 0 {
				t.i += nl + 1
			} else {
				t.i = len(t.src)
			}
			return nil
		}
	}
	r, w := utf8.DecodeRuneInString(t.src[t.i:])
	t.literalRune(r, w)
	return nil
}

// literalRune writes r and skips w bytes of the source.
func (t *translator) literalRune(r rune, w int) {
	t.i += w
	t.emit(escape(string(r)), true, isWord(r))
}

func (t *translator) emit(s string, atom, wordEnd bool) {
	t.out.WriteString(s)
	t.atom, t.wordEnd = atom, wordEnd
}

func (t *translator) open() error {
	rest := t.src[t.i:]
	switch {
	case strings.HasPrefix(rest, "(?:"):
		t.emit("(?:", false, false)
		t.i += 3
	case strings.HasPrefix(rest, "(?="), strings.HasPrefix(rest, "(?!"):
		return unsupported("lookahead")
	case strings.HasPrefix(rest, "(?<"):
		return unsupported("lookbehind")
	case strings.HasPrefix(rest, "(?#"):
		end := strings.IndexByte(rest, ')')
		if end < 0 {
			return bad("parentheses () not balanced")
		}
		t.i += end + 1
		return nil
	case strings.HasPrefix(rest, "(?"):
		return bad("quantifier operand invalid")
	default:
		t.groups++
		t.emit("(", false, false)
		t.i++
	}
	t.depth++
	return nil
}

// bound translates {m}, {m,} and {m,n}; PostgreSQL's limit is 255.
func (t *translator) bound() error {
	end := strings.IndexByte(t.src[t.i:], '}')
	if end < 0 {
		return bad("braces {} not balanced")
	}
	lo, hi, ranged := strings.Cut(t.src[t.i+1:t.i+end], ",")
	m, err := strconv.Atoi(lo)
	if err != nil || m > 255 {
		return bad("invalid repetition count(s)")
	}
	if hi != "" {
		n, err := strconv.Atoi(hi)
		if err != nil || n > 255 || n < m {
			return bad("invalid repetition count(s)")
		}
	}
	t.i += end + 1
	q := "{" + lo
	if ranged {
		q += "," + hi
	}
	return t.quantify(q + "}")
}

func (t *translator) quantify(q string) error {
	if !t.atom {
		return bad("quantifier operand invalid")
	}
	if t.i < len(t.src) && t.src[t.i] == '?' {
		t.i++
		q += "?"
		t.lazy = true
	}
	t.emit(q, false, false)
	return nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(r rune) bool {
	return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

// escape writes s so that RE2 takes every character literally.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < utf8.RuneSelf && !isWord(r) && r > ' ' && r != 0x7f {
			b.WriteByte('\\')
		}
		if r < ' ' || r == 0x7f {
			fmt.Fprintf(&b, `\x%02x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
