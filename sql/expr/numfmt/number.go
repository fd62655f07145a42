package numfmt

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// writer puts the digits of one number through a template.
type writer struct {
	layout
	out       strings.Builder
	number    string // digits with a point, without sign
	at        int    // next byte of number
	curr      int    // digit positions of the template done so far
	count     int    // digit positions in all
	spaces    int    // positions before the number's first digit
	last      int    // last digit of the fraction worth showing under FM; -1: all are
	negative  bool
	signDone  bool
	inNumber  bool // the position just done showed a digit
	signShown byte
	err       error
}

// write formats text, a number as PostgreSQL prints it, by the layout.
func (f *Format) write(l layout, text string) (string, error) {
	w := &writer{layout: l, last: -1}
	w.number, w.negative = strings.CutPrefix(text, "-")
	whole, _, _ := strings.Cut(w.number, ".")
	switch {
	case len(whole) < l.pre:
		w.spaces = l.pre - len(whole)
	case len(whole) > l.pre:
		w.number = strings.Repeat("#", l.pre) + "." + strings.Repeat("#", l.post)
	}
	w.prepare()
	for _, t := range f.tokens {
		w.token(t)
	}
	return w.out.String(), w.err
}

// prepare decides where the sign goes and which trailing zeros FM drops.
func (w *writer) prepare() {
	if w.plus || w.minus {
		w.signDone = !w.plus || w.minus
	} else {
		if !w.negative && w.fill {
			w.bracket = false
		}
		w.signDone = !w.negative && w.fill && !w.hasSign
		if w.sign == signBefore && w.pre == w.preSign {
			w.sign = signAfter
		}
	}
	w.zeroStart = max(w.zeroStart-1, 0)
	w.count = w.post + w.pre - 1
	if w.fill && w.decimal {
		if p := strings.IndexByte(w.number, '.'); p >= 0 {
			w.last = p
			for i := p + 1; i < len(w.number); i++ {
				if w.number[i] != '0' {
					w.last = i
				}
			}
			if w.zeroEnd > w.spaces {
				w.last = max(w.last, min(w.zeroEnd-w.spaces, len(w.number)-1))
			}
		}
	}
	if !w.signDone && w.spaces == 0 {
		w.count++
	}
	w.signShown = '+'
	if w.negative {
		w.signShown = '-'
	}
}

func (w *writer) token(t token) {
	switch t.id {
	case tLiteral:
		w.out.WriteString(t.lit)
	case t9, t0, tPoint, tD:
		w.digit(t.id)
	case tComma, tG:
		if w.inNumber {
			w.out.WriteByte(',')
		} else if !w.fill {
			w.out.WriteByte(' ')
		}
	case tL:
		w.out.WriteByte(' ')
	case tMI:
		w.optional(w.negative, '-')
	case tPL:
		w.optional(!w.negative, '+')
	case tSG:
		w.out.WriteByte(w.signShown)
	case tTH, tth:
		w.ordinal(t.id)
	}
}

// optional writes c, or its room unless FM.
func (w *writer) optional(on bool, c byte) {
	if on {
		w.out.WriteByte(c)
	} else if !w.fill {
		w.out.WriteByte(' ')
	}
}

// ordinal writes st, nd, rd or th after an unsigned whole number.
func (w *writer) ordinal(id tokenID) {
	if w.negative || w.decimal || w.number == "" || w.number[0] == '#' {
		return
	}
	s, n := "TH", len(w.number)
	if c := w.number[n-1]; c < '0' || c > '9' {
		w.err = pgerr.New(pgerr.InvalidTextRepresentation, "\"%s\" is not a number", w.number)
		return
	}
	if n < 2 || w.number[n-2] != '1' {
		switch w.number[n-1] {
		case '1':
			s = "ST"
		case '2':
			s = "ND"
		case '3':
			s = "RD"
		}
	}
	if id == tth {
		s = strings.ToLower(s)
	}
	w.out.WriteString(s)
}

// lonelyZero: the 0 before the point of 0.1 is not shown by 9.9.
func (w *writer) lonelyZero() bool {
	return !w.zero && w.at == 0 && strings.HasPrefix(w.number, "0") && w.post != 0
}

// lastIsPoint: under FM nothing of the fraction is shown.
func (w *writer) lastIsPoint() bool { return w.last >= 0 && w.number[w.last] == '.' }

// digit does one digit position or the point.
func (w *writer) digit(id tokenID) {
	w.inNumber = false
	started := w.curr >= w.spaces || w.zero && w.zeroStart == w.curr
	if !w.signDone && started && (!w.lonelyZero() || w.lastIsPoint()) {
		w.leadingSign()
	}
	switch {
	case w.curr < w.spaces && (!w.zero || w.zeroStart > w.curr):
		if !w.fill {
			w.out.WriteByte(' ')
		}
	case w.curr < w.spaces:
		w.out.WriteByte('0')
		w.inNumber = true
	default:
		w.shownDigit(id)
	}
	w.trailingSign()
	w.curr++
}

func (w *writer) leadingSign() {
	switch {
	case w.hasSign:
		if w.sign == signBefore {
			w.out.WriteByte(w.signShown)
			w.signDone = true
		}
		return
	case w.bracket:
		w.out.WriteByte(map[bool]byte{true: '<', false: ' '}[w.negative])
	case w.negative:
		w.out.WriteByte('-')
	case !w.fill:
		w.out.WriteByte(' ')
	}
	w.signDone = true
}

// shownDigit writes the number's next digit or point.
func (w *writer) shownDigit(id tokenID) {
	if w.at >= len(w.number) {
		return
	}
	c := w.number[w.at]
	switch {
	case c == '.':
		w.out.WriteByte('.')
	case w.last >= 0 && w.at > w.last && id != t0:
	case w.lonelyZero():
		if !w.fill {
			w.out.WriteByte(' ')
		} else if w.lastIsPoint() {
			w.out.WriteByte('0')
		}
	default:
		w.out.WriteByte(c)
		w.inNumber = true
	}
	w.at++
}

// trailingSign closes a bracket or writes a sign that follows the digits.
func (w *writer) trailingSign() {
	end := w.count
	if w.spaces > 0 {
		end++
	}
	if w.decimal {
		end++
	}
	if w.last >= 0 && w.last == w.at {
		end = w.curr
	}
	if w.curr+1 != end {
		return
	}
	switch {
	case w.signDone && w.bracket:
		w.out.WriteByte(map[bool]byte{true: '>', false: ' '}[w.negative])
	case w.hasSign && w.sign == signAfter:
		w.out.WriteByte(w.signShown)
	}
}
