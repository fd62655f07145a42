package jsonb

import (
	"bytes"
	"sort"

	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// Parse appends to dst the canonical text of the JSON value in src. Errors are
// PostgreSQL's: 22P02 with detail and context, 22P05 for \u0000, 22003 for a
// number beyond numeric, 22021 for bad UTF-8, 54001 and 54000 beyond MaxDepth
// and MaxSize. On error dst's old content is intact.
func Parse(dst, src []byte) ([]byte, error) {
	if err := types.CheckUTF8(src); err != nil {
		return dst, err
	}
	p := parser{lexer: lexer{in: src}, out: dst, base: len(dst)}
	if err := p.next(); err != nil {
		return dst, err
	}
	if err := p.value(0); err != nil {
		return dst, err
	}
	if p.tok != tEnd {
		return dst, p.unexpected("end of input")
	}
	return p.out, nil
}

// ParseString is Parse of a string into a new slice.
func ParseString(s string) ([]byte, error) { return Parse(nil, []byte(s)) }

type parser struct {
	lexer
	out     []byte
	base    int
	members []member // stack of the members of the open objects
	keys    []byte   // their decoded keys
	scratch []byte
}

// member is one key and value: offsets of the decoded key in keys, of the
// text `"key": value` in out.
type member struct{ keyLo, keyHi, lo, hi int }

func (p *parser) value(depth int) error {
	if len(p.out)-p.base > MaxSize {
		return pgerr.New(pgerr.ProgramLimitExceeded, "total size of jsonb value exceeds the maximum of %d bytes", MaxSize)
	}
	switch p.tok {
	case tObjectStart, tArrayStart:
		if depth >= MaxDepth {
			return pgerr.New(pgerr.StatementTooComplex, "stack depth limit exceeded")
		}
		if p.tok == tObjectStart {
			return p.object(depth + 1)
		}
		return p.array(depth + 1)
	case tString:
		p.out = AppendString(p.out, p.str)
	case tNumber:
		d, err := num.Parse(p.in[p.start:p.end])
		if err != nil {
			return err
		}
		p.out = d.AppendText(p.out)
	case tTrue:
		p.out = append(p.out, "true"...)
	case tFalse:
		p.out = append(p.out, "false"...)
	case tNull:
		p.out = append(p.out, "null"...)
	default:
		return p.unexpected("JSON value")
	}
	return p.next()
}

func (p *parser) array(depth int) error {
	p.out = append(p.out, '[')
	if err := p.next(); err != nil {
		return err
	}
	for first := true; p.tok != tArrayEnd || !first; first = false {
		if !first {
			p.out = append(p.out, ", "...)
		}
		if err := p.value(depth); err != nil {
			return err
		}
		if p.tok != tComma {
			break
		}
		if err := p.next(); err != nil {
			return err
		}
	}
	if p.tok != tArrayEnd {
		return p.unexpected("\",\" or \"]\"")
	}
	p.out = append(p.out, ']')
	return p.next()
}

func (p *parser) object(depth int) error {
	from, keys, start := len(p.members), len(p.keys), len(p.out)
	p.out = append(p.out, '{')
	if err := p.next(); err != nil {
		return err
	}
	if p.tok != tObjectEnd && p.tok != tString {
		return p.unexpected("string or \"}\"")
	}
	for p.tok != tObjectEnd || len(p.members) > from {
		if err := p.member(depth); err != nil {
			return err
		}
		if p.tok != tComma {
			break
		}
		p.out = append(p.out, ", "...)
		if err := p.next(); err != nil {
			return err
		}
	}
	if p.tok != tObjectEnd {
		return p.unexpected("\",\" or \"}\"")
	}
	p.order(p.members[from:], start)
	p.members, p.keys = p.members[:from], p.keys[:keys]
	p.out = append(p.out, '}')
	return p.next()
}

func (p *parser) member(depth int) error {
	if p.tok != tString {
		return p.unexpected("string")
	}
	m := member{keyLo: len(p.keys), lo: len(p.out)}
	p.keys = append(p.keys, p.str...)
	m.keyHi = len(p.keys)
	p.out = append(AppendString(p.out, p.str), ": "...)
	if err := p.next(); err != nil {
		return err
	}
	if p.tok != tColon {
		return p.unexpected("\":\"")
	}
	if err := p.next(); err != nil {
		return err
	}
	if err := p.value(depth); err != nil {
		return err
	}
	m.hi = len(p.out)
	p.members = append(p.members, m)
	return nil
}

// order rewrites the object that starts at out[start] when its keys are not
// yet in canonical order.
func (p *parser) order(ms []member, start int) {
	key := func(m member) []byte { return p.keys[m.keyLo:m.keyHi] }
	sorted := true
	for i := 1; i < len(ms) && sorted; i++ {
		sorted = compareKeys(key(ms[i-1]), key(ms[i])) < 0
	}
	if sorted {
		return
	}
	sort.SliceStable(ms, func(i, j int) bool { return compareKeys(key(ms[i]), key(ms[j])) < 0 })
	p.scratch = append(p.scratch[:0], '{')
	for i, m := range ms {
		if i+1 < len(ms) && bytes.Equal(key(m), key(ms[i+1])) {
			continue // a later one wins
		}
		if len(p.scratch) > 1 {
			p.scratch = append(p.scratch, ", "...)
		}
		p.scratch = append(p.scratch, p.out[m.lo:m.hi]...)
	}
	p.out = append(p.out[:start], p.scratch...)
}

// compareKeys is the storage order of object keys: length, then bytes.
func compareKeys(a, b []byte) int {
	if len(a) != len(b) {
		if len(a) < len(b) {
			return -1
		}
		return 1
	}
	return bytes.Compare(a, b)
}

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string with PostgreSQL's escapes.
func AppendString(dst, s []byte) []byte {
	dst = append(dst, '"')
	from := 0
	for i, c := range s {
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(dst, s[from:]...), '"')
}
