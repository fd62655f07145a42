package values

import (
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
	b := trimSpace(s)
	if len(b) > 0 && b[0] == '[' {
		return dst, pgerr.Unsupported(0, "an array literal with explicit bounds")
	}
	if len(b) == 0 || b[0] != '{' {
		return dst, malformed(s, "Array value must start with \"{\" or dimension information.")
	}
	at, n := len(dst), uint32(0)
	out := append(dst, 0, 0, 0, 0)
	p := arrayParser{b: b, i: 1, src: s}
	p.skipSpace()
	if p.i < len(b) && b[p.i] == '}' {
		p.i++
		return out, p.end()
	}
	for {
		text, null, err := p.element()
		if err != nil {
			return dst, err
		}
		if n++; n > delta.MaxArrayElems {
			return dst, pgerr.New(pgerr.ProgramLimitExceeded, "array size exceeds the maximum allowed (%d)", delta.MaxArrayElems)
		}
		if null {
			out = binary.LittleEndian.AppendUint32(out, math.MaxUint32)
		} else if out, err = appendParsedElem(out, et, text, o); err != nil {
			return dst, err
		}
		if b[p.i] == '}' {
			p.i++
			break
		}
		p.i++ // the comma
	}
	binary.LittleEndian.PutUint32(out[at:], n)
	return out, p.end()
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

type arrayParser struct {
	b   []byte
	i   int
	src []byte
	buf []byte
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
