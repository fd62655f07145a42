package values

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

func malformed(s []byte, detail string) error {
	e := pgerr.New(pgerr.InvalidTextRepresentation, "malformed array literal: \"%s\"", s)
	e.Detail = detail
	return e
}

// parseArray reads {a,"b",NULL} into delta.AppendArray's encoding. Arrays of
// more dimensions, or with explicit bounds, are 0A000.
func parseArray(dst []byte, et types.Type, s []byte, o *TextOpts) ([]byte, error) {
	src := bytes.TrimLeft(s, " \t\n\v\f\r")
	b := trimSpace(src)
	if len(b) > 0 && b[0] == '[' {
		return dst, pgerr.Unsupported(0, "an array literal with explicit bounds")
	}
	if len(b) == 0 || b[0] != '{' {
		return dst, malformed(s, "Array value must start with \"{\" or dimension information.")
	}
	// As PostgreSQL, the whole structure is checked before any element is read.
	check := arrayParser{b: b, i: 1, src: src}
	for check.next() {
	}
	if check.err != nil {
		return dst, check.err
	}
	at := len(dst)
	out := binary.LittleEndian.AppendUint32(dst, uint32(check.n))
	p := arrayParser{b: b, i: 1, src: src}
	for p.next() {
		if p.null {
			out = binary.LittleEndian.AppendUint32(out, math.MaxUint32)
			continue
		}
		var err error
		if out, err = appendParsedElem(out, et, p.text, o); err != nil {
			return out[:at], err
		}
	}
	return out, p.err
}

func appendParsedElem(out []byte, et types.Type, text []byte, o *TextOpts) ([]byte, error) {
	if et.Phys() != types.Bytes {
		x, _, err := parseScalar(nil, et, text, o)
		return appendElem(out, et, scalar{x: x}), err
	}
	at := len(out)
	out = append(out, 0, 0, 0, 0)
	out, err := parseBytes(out, et, text, o)
	binary.LittleEndian.PutUint32(out[at:], uint32(len(out)-at-4))
	return out, err
}

// arrayParser walks the elements of a literal without interpreting them.
type arrayParser struct {
	b    []byte
	i    int
	src  []byte
	buf  []byte
	n    int // elements so far
	done bool
	text []byte // the current element
	null bool
	err  error
}

// next moves to the next element; at the end it checks what follows the brace.
func (p *arrayParser) next() bool {
	if p.err != nil || p.done {
		return false
	}
	if p.skipSpace(); p.n == 0 && p.i < len(p.b) && p.b[p.i] == '}' {
		p.i++
		p.done, p.err = true, p.end()
		return false
	}
	if p.text, p.null, p.err = p.element(); p.err != nil {
		return false
	}
	if p.n++; p.n > delta.MaxArrayElems {
		p.err = pgerr.New(pgerr.ProgramLimitExceeded, "array size exceeds the maximum allowed (%d)", delta.MaxArrayElems)
		return false
	}
	if p.done = p.b[p.i] == '}'; p.done {
		p.i++
		p.err = p.end()
		return p.err == nil
	}
	p.i++ // the comma
	return true
}

func (p *arrayParser) skipSpace() {
	for p.i < len(p.b) && isSpace(p.b[p.i]) {
		p.i++
	}
}

// element reads one element up to the ',' or '}' at p.i.
func (p *arrayParser) element() (text []byte, null bool, err error) {
	p.skipSpace()
	p.buf = p.buf[:0]
	quoted, escaped, done := false, false, false
	keep := 0 // length of buf without trailing unquoted white space
	for ; p.i < len(p.b); p.i++ {
		c := p.b[p.i]
		switch {
		case c == '{':
			if quoted || len(p.buf) > 0 {
				return nil, false, malformed(p.src, "Unexpected \"{\" character.")
			}
			return nil, false, pgerr.Unsupported(0, "an array of more than one dimension")
		case c == '"':
			if done || len(p.buf) > 0 {
				return nil, false, malformed(p.src, "Unexpected array element.")
			}
			if !p.quoted() {
				return nil, false, malformed(p.src, "Unexpected end of input.")
			}
			quoted, done, keep = true, true, len(p.buf)
		case c == ',' || c == '}':
			text = p.buf[:keep]
			if !quoted && len(text) == 0 {
				return nil, false, malformed(p.src, "Unexpected \""+string(c)+"\" character.")
			}
			return text, !quoted && !escaped && equalFold(text, "null"), nil
		case isSpace(c):
			if !done {
				p.buf = append(p.buf, c)
			}
		default:
			if done && c == '\\' {
				return nil, false, malformed(p.src, "Unexpected \"\\\" character.")
			}
			if done {
				return nil, false, malformed(p.src, "Unexpected array element.")
			}
			if c == '\\' {
				p.i++
				if p.i >= len(p.b) {
					return nil, false, malformed(p.src, "Unexpected end of input.")
				}
				c, escaped = p.b[p.i], true
			}
			p.buf = append(p.buf, c)
			keep = len(p.buf)
		}
	}
	return nil, false, malformed(p.src, "Unexpected end of input.")
}

// quoted reads a quoted string whose opening quote is at p.i and stops at the
// closing one.
func (p *arrayParser) quoted() bool {
	for p.i++; p.i < len(p.b); p.i++ {
		c := p.b[p.i]
		if c == '"' {
			return true
		}
		if c == '\\' {
			if p.i++; p.i >= len(p.b) {
				return false
			}
			c = p.b[p.i]
		}
		p.buf = append(p.buf, c)
	}
	return false
}

func (p *arrayParser) end() error {
	if p.skipSpace(); p.i < len(p.b) {
		return malformed(p.src, "Junk after closing right brace.")
	}
	return nil
}
