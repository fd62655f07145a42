package pgtime

import "github.com/heliosdb/heliosdb-streaming/internal/pgerr"

// Limits of what a date, time or interval text may contain.
const (
	maxFields  = 25
	maxTextLen = 128 + maxFields
)

type fieldKind uint8

const (
	fNumber  fieldKind = iota
	fString            // letters
	fDate              // digits or letters with date punctuation
	fTime              // digits with ':'
	fZone              // sign and digits
	fSpecial           // sign and letters
)

// field is one token of the text, in lower case.
type field struct {
	kind fieldKind
	text string
}

// outcome of decoding; anything but ok becomes an error that quotes the text.
type outcome uint8

const (
	ok outcome = iota
	badFormat
	fieldOverflow
	monthDayOverflow // as fieldOverflow, with a hint about datestyle
	intervalOverflow
	zoneOverflow
)

func (o outcome) err(typ string, s []byte) error {
	switch o {
	case ok:
		return nil
	case fieldOverflow:
		return pgerr.New(pgerr.DatetimeFieldOverflow, "date/time field value out of range: \"%s\"", s)
	case monthDayOverflow:
		return pgerr.New(pgerr.DatetimeFieldOverflow, "date/time field value out of range: \"%s\"", s).
			WithHint("Perhaps you need a different \"datestyle\" setting.")
	case intervalOverflow:
		return pgerr.New(pgerr.IntervalFieldOverflow, "interval field value out of range: \"%s\"", s)
	case zoneOverflow:
		return pgerr.New("22009", "time zone displacement out of range: \"%s\"", s)
	}
	return pgerr.New(pgerr.InvalidDatetimeFormat, "invalid input syntax for type %s: \"%s\"", typ, s)
}

func isDigit(c byte) bool { return c-'0' < 10 }
func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }
func isPunct(c byte) bool { return c > ' ' && c < 0x7F && !isDigit(c) && !isAlpha(c) }

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// tokenizer splits a text into fields.
type tokenizer struct {
	s   []byte
	i   int
	buf [maxTextLen]byte
	n   int // used of buf
	beg int // start of the current field in buf
}

func (t *tokenizer) peek() byte {
	if t.i < len(t.s) {
		return t.s[t.i]
	}
	return 0
}

func (t *tokenizer) take() {
	if t.n < len(t.buf) {
		t.buf[t.n] = lower(t.s[t.i])
	}
	t.n++
	t.i++
}

func (t *tokenizer) takeWhile(f func(byte) bool) {
	for t.i < len(t.s) && f(t.s[t.i]) {
		t.take()
	}
}

// tokenize splits s; PostgreSQL's ParseDateTime is the specification.
func tokenize(s []byte, out []field) ([]field, outcome) {
	t := tokenizer{s: s}
	for t.i < len(s) {
		c := s[t.i]
		if isSpace(c) {
			t.i++
			continue
		}
		t.beg = t.n
		var kind fieldKind
		switch {
		case isDigit(c):
			kind = t.number()
		case c == '.':
			t.take()
			t.takeWhile(isDigit)
			kind = fNumber
		case isAlpha(c):
			kind = t.word()
		case c == '+' || c == '-':
			t.take()
			for t.i < len(s) && isSpace(s[t.i]) {
				t.i++
			}
			switch {
			case isDigit(t.peek()):
				kind = fZone
				t.takeWhile(func(c byte) bool { return isDigit(c) || c == ':' || c == '.' || c == '-' })
			case isAlpha(t.peek()):
				kind = fSpecial
				t.takeWhile(isAlpha)
			default:
				return nil, badFormat
			}
		case isPunct(c):
			t.i++
			continue
		default:
			return nil, badFormat
		}
		if t.n > len(t.buf) || len(out) >= maxFields {
			return nil, badFormat
		}
		out = append(out, field{kind, string(t.buf[t.beg:t.n])})
	}
	return out, ok
}

func (t *tokenizer) number() fieldKind {
	t.takeWhile(isDigit)
	switch c := t.peek(); c {
	case ':':
		t.takeWhile(func(c byte) bool { return isDigit(c) || c == ':' || c == '.' })
		return fTime
	case '-', '/', '.':
		t.take()
		if !isDigit(t.peek()) {
			t.takeWhile(func(x byte) bool { return isDigit(x) || isAlpha(x) || x == c })
			return fDate
		}
		kind := fDate
		if c == '.' {
			kind = fNumber
		}
		t.takeWhile(isDigit)
		if t.peek() == c {
			kind = fDate
			t.takeWhile(func(x byte) bool { return isDigit(x) || x == c })
		}
		return kind
	}
	return fNumber
}

func (t *tokenizer) word() fieldKind {
	t.takeWhile(isAlpha)
	c := t.peek()
	isDate := c == '-' || c == '/' || c == '.'
	if !isDate && (c == '+' || isDigit(c)) && t.n <= len(t.buf) {
		_, known := dateWords[string(t.buf[t.beg:t.n])]
		isDate = !known
	}
	if !isDate {
		return fString
	}
	t.takeWhile(func(c byte) bool {
		return isDigit(c) || isAlpha(c) || c == '+' || c == '-' || c == '/' || c == '_' || c == '.' || c == ':'
	})
	return fDate
}
