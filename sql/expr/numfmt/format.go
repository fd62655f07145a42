// Package numfmt is to_char() of numbers: PostgreSQL's template patterns under
// the C locale (src/backend/utils/adt/formatting.c is the specification).
package numfmt

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// token is one element of a template.
type token struct {
	id  tokenID
	lit string // of literals
}

type tokenID uint8

const (
	tLiteral tokenID = iota
	tComma
	tPoint
	t0
	t9
	tBlank
	tD
	tEEEE
	tFM
	tG
	tL
	tMI
	tPL
	tPR
	tRN
	trn
	tSG
	tS
	tTH
	tth
	tV
	tSilent // C and SP, which PostgreSQL reads and ignores
)

// keywords in the order in which they are tried: longer ones first.
var keywords = []struct {
	text string
	id   tokenID
}{{"EEEE", tEEEE}, {"FM", tFM}, {"MI", tMI}, {"PL", tPL}, {"PR", tPR}, {"RN", tRN}, {"SG", tSG}, {"SP", tSilent}, {"TH", tTH}, {"C", tSilent},
	{",", tComma}, {".", tPoint}, {"0", t0}, {"9", t9}, {"B", tBlank}, {"D", tD}, {"G", tG}, {"L", tL}, {"S", tS}, {"V", tV}}

type signPlace uint8

const (
	signNone signPlace = iota
	signBefore
	signAfter
)

// Format is a parsed template; safe for concurrent use.
type Format struct {
	tokens []token
	layout
}

// layout is what the template asks for as a whole.
type layout struct {
	pre, post          int // digits before and after the point
	multi              int // digits after V
	zeroStart, zeroEnd int
	preSign            int // digits seen before S
	sign               signPlace

	zero, blank, decimal, fill, hasSign  bool
	minus, plus, bracket, roman, v, eeee bool
}

// MaxTemplate bounds the length of a template in bytes.
const MaxTemplate = 16 << 10

func syntax(format string, a ...any) *pgerr.Error { return pgerr.New(pgerr.SyntaxError, format, a...) }

// Parse reads a template. Errors are 42601.
func Parse(s string) (*Format, error) {
	if len(s) > MaxTemplate {
		return nil, pgerr.New(pgerr.ProgramLimitExceeded, "a number template may have at most %d bytes", MaxTemplate)
	}
	f := &Format{}
	for len(s) > 0 {
		if t, n, ok := keyword(s); ok {
			if err := f.add(t); err != nil {
				return nil, err
			}
			f.tokens = append(f.tokens, token{id: t})
			s = s[n:]
			continue
		}
		lit, n := literal(s)
		f.tokens = append(f.tokens, token{lit: lit})
		s = s[n:]
	}
	return f, nil
}

func keyword(s string) (tokenID, int, bool) {
	for _, k := range keywords {
		if len(s) >= len(k.text) && strings.EqualFold(s[:len(k.text)], k.text) {
			lower := s[0] >= 'a'
			switch {
			case k.id == tRN && lower:
				return trn, 2, true
			case k.id == tTH && lower:
				return tth, 2, true
			}
			return k.id, len(k.text), true
		}
	}
	return 0, 0, false
}

// literal reads quoted text, an escaped character or a plain one.
func literal(s string) (string, int) {
	if s[0] == '"' {
		var b strings.Builder
		i := 1
		for i < len(s) && s[i] != '"' {
			if s[i] == '\\' && i+1 < len(s) {
				i++
			}
			b.WriteByte(s[i])
			i++
		}
		return b.String(), min(i+1, len(s))
	}
	if s[0] == '\\' && len(s) > 1 && s[1] == '"' {
		return `"`, 2
	}
	for i := range s {
		if i > 0 {
			return s[:i], i
		}
	}
	return s, len(s)
}

// add accounts for one keyword and refuses what does not fit.
func (f *layout) add(t tokenID) error {
	if f.eeee && t != tEEEE {
		return syntax("\"EEEE\" must be the last pattern used")
	}
	switch t {
	case t9:
		if f.bracket {
			return syntax("\"9\" must be ahead of \"PR\"")
		}
		switch {
		case f.v:
			f.multi++
		case f.decimal:
			f.post++
		default:
			f.pre++
		}
	case t0:
		return f.addZero()
	case tBlank:
		f.blank = f.blank || f.pre == 0 && f.post == 0 && !f.zero
	case tD, tPoint:
		if f.decimal {
			return syntax("multiple decimal points")
		}
		if f.v {
			return syntax("cannot use \"V\" and decimal point together")
		}
		f.decimal = true
	case tFM:
		f.fill = true
	case tRN, trn:
		f.roman = true
	case tV:
		if f.decimal {
			return syntax("cannot use \"V\" and decimal point together")
		}
		f.v = true
	case tEEEE:
		if f.eeee {
			return syntax("cannot use \"EEEE\" twice")
		}
		if f.blank || f.fill || f.hasSign || f.bracket || f.minus || f.plus || f.roman || f.v {
			return syntax("\"EEEE\" is incompatible with other formats").
				WithDetail("\"EEEE\" may only be used together with digit and decimal point patterns.")
		}
		f.eeee = true
	default:
		return f.addSign(t)
	}
	return nil
}

func (f *layout) addZero() error {
	if f.bracket {
		return syntax("\"0\" must be ahead of \"PR\"")
	}
	if !f.zero && !f.decimal {
		f.zero = true
		f.zeroStart = f.pre + 1
	}
	if f.decimal {
		f.post++
	} else {
		f.pre++
	}
	f.zeroEnd = f.pre + f.post
	return nil
}

func (f *layout) addSign(t tokenID) error {
	switch t {
	case tS:
		if f.hasSign {
			return syntax("cannot use \"S\" twice")
		}
		if f.plus || f.minus || f.bracket {
			return syntax("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together")
		}
		f.hasSign = true
		if f.decimal {
			f.sign = signAfter
		} else {
			f.sign, f.preSign = signBefore, f.pre
		}
	case tMI, tPL, tSG:
		if f.hasSign {
			return syntax("cannot use \"S\" and \"%s\" together", map[tokenID]string{tMI: "MI", tPL: "PL", tSG: "SG"}[t])
		}
		f.minus = f.minus || t != tPL
		f.plus = f.plus || t != tMI
	case tPR:
		if f.hasSign || f.plus || f.minus {
			return syntax("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together")
		}
		f.bracket = true
	}
	return nil
}
