package json

import (
	"bytes"
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/jsonb"
	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// refuse is the error of a value of a wrong kind, or of one that is no JSON.
func (d *Decoder) refuse(c *column, b []byte, p int) (int, error) {
	if _, err := d.skip(b, p); err != nil {
		return 0, err
	}
	return 0, c.inColumn(c.mismatch(b, p))
}

// body returns the text of the JSON string at p, unescaped, and the position
// after it. The text is valid until the next call.
func (d *Decoder) body(c *column, b []byte, p int) ([]byte, int, error) {
	end, s := scanString(b, p+1)
	switch s {
	case plain:
		return b[p+1 : end], end + 1, nil
	case escaped:
		// Syntax is the record's, what text cannot hold the column's trouble.
		if _, err := d.skip(b, p); err != nil {
			return nil, 0, err
		}
		var why string
		if d.text, why = unescape(d.text[:0], b[p+1:end], true); why != "" {
			return nil, 0, c.inColumn(pgerr.New(pgerr.UntranslatableCharacter, "%s", why))
		}
		return d.text, end + 1, nil
	}
	return nil, 0, badString(end, s)
}

// slowText reads a text or varchar column from a string with escapes or a length
// to check, or from another value, whose JSON text it takes as it was written.
func (d *Decoder) slowText(c *column, b []byte, p int) (int, error) {
	var s []byte
	end := 0
	var err error
	if b[p] == '"' {
		s, end, err = d.body(c, b, p)
	} else if end, err = d.skip(b, p); err == nil {
		s = b[p:end]
	}
	if err != nil {
		return 0, err
	}
	if c.t.Mod < 0 {
		if c.out != nil {
			c.out.AppendBytes(s)
		}
		return end, nil
	}
	return end, d.parse(c, s)
}

// parse appends the value whose PostgreSQL input text is s.
func (d *Decoder) parse(c *column, s []byte) error {
	out := d.sink(c)
	before := len(out.Data)
	if err := values.ParseText(c.t, s, &d.opts, out); err != nil {
		return c.inColumn(shorten(err))
	}
	d.size += len(out.Data) - before
	return nil
}

// sink is where values of c go: a scratch vector when they are not kept.
func (d *Decoder) sink(c *column) *delta.Vec {
	if c.out != nil {
		return c.out
	}
	c.elems.Reset(c.t)
	return &c.elems
}

// shorten keeps a record's bytes from filling a message.
func shorten(err error) error {
	const most = 256
	e := *pgerr.From(err)
	e.Message, e.Detail = clipTo(e.Message, most), clipTo(e.Detail, most)
	return &e
}

// byText reads what is not on a short way: strings by the type's input function,
// numbers by rules of their own.
func (d *Decoder) byText(c *column, b []byte, p int) (int, error) {
	if b[p] == '"' {
		s, end, err := d.body(c, b, p)
		if err != nil {
			return 0, err
		}
		if c.kind == kindTimestamp || c.kind == kindDate {
			if err := steady(c, s); err != nil {
				return 0, err
			}
		}
		return end, d.parse(c, s)
	}
	if b[p] != '-' && b[p]-'0' > 9 {
		return d.refuse(c, b, p)
	}
	n, ok := scanNumber(b, p)
	if !ok {
		return 0, badNumber(b, p, n.end)
	}
	s := b[p:n.end]
	switch c.kind {
	case kindInt:
		return n.end, d.intNumber(c, s, n)
	case kindTimestamp, kindDate:
		return n.end, d.timeNumber(c, s, n)
	case kindFloat, kindNumeric:
		return n.end, d.parse(c, s)
	}
	return 0, c.inColumn(c.mismatch(b, p))
}

// intNumber reads a number into an integer column: 1.0 and 1e3 are integers too.
func (d *Decoder) intNumber(c *column, s []byte, n number) error {
	if n.integral {
		return d.parse(c, s)
	}
	x, err := wholeNumber(s, n)
	if err != nil {
		return c.inColumn(err)
	}
	if x < c.lo || x > c.hi {
		return c.inColumn(pgerr.New(pgerr.NumericValueOutOfRange, "value \"%s\" is out of range for type %s", clip(s), c.t))
	}
	if c.out != nil {
		c.out.I = append(c.out.I, x)
	}
	return nil
}

// wholeNumber is the integer that the number s is, however it is written.
func wholeNumber(s []byte, n number) (int64, error) {
	// No int64 needs a greater exponent; a number with one would be costly.
	const most = 1000
	if n.exponent <= most {
		dec, err := num.Parse(s)
		if err != nil {
			return 0, shorten(err)
		}
		whole, err := dec.Trunc(0)
		if err != nil {
			return 0, shorten(err)
		}
		if whole.Cmp(dec) == 0 {
			if x, err := whole.ToInt64(); err == nil {
				return x, nil
			}
			return 0, pgerr.New(pgerr.NumericValueOutOfRange, "value \"%s\" is out of range for type bigint", clip(s))
		}
	}
	return 0, pgerr.New(pgerr.InvalidTextRepresentation, "number %s is not an integer", clip(s))
}

// timeNumber reads milliseconds since 1970-01-01 UTC into a timestamp and days
// since then into a date.
func (d *Decoder) timeNumber(c *column, s []byte, n number) error {
	x, err := wholeNumber(s, n)
	if err != nil {
		return c.inColumn(err)
	}
	const msPerSecond = 1000
	unit, epoch := pgtime.Second/msPerSecond, pgtime.FromUnixMicros(0)
	check := pgtime.CheckTimestamp
	if c.kind == kindDate {
		unit, epoch, check = 1, epoch/pgtime.Day, pgtime.CheckDate
	}
	// Wide enough for any date, and far from overflow.
	if limit := math.MaxInt64 / 2 / unit; x > limit || x < -limit {
		return c.inColumn(pgerr.New(pgerr.DatetimeFieldOverflow, "%s out of range: \"%s\"", c.t.Base(), clip(s)))
	}
	x = x*unit + epoch
	if c.kind == kindDate && (x >= math.MaxInt32 || x <= math.MinInt32) {
		return c.inColumn(pgerr.New(pgerr.DatetimeFieldOverflow, "date out of range: \"%s\"", clip(s)))
	}
	if err := check(x); err != nil {
		return c.inColumn(err)
	}
	if c.kind == kindTimestamp {
		x = pgtime.RoundTo(x, int(c.t.Mod))
	}
	if c.out != nil {
		c.out.I = append(c.out.I, x)
	}
	return nil
}

// steady refuses words whose meaning is the reader's clock: a record must mean
// the same whenever it is read.
func steady(c *column, s []byte) error {
	if len(s) > 0 && s[0]-'0' < 10 {
		return nil // a date; the words stand alone
	}
	low := bytes.ToLower(s)
	for _, w := range [...]string{"now", "today", "tomorrow", "yesterday"} {
		if bytes.Contains(low, []byte(w)) {
			return c.inColumn(pgerr.New(pgerr.InvalidDatetimeFormat, "\"%s\" depends on the clock", clip(s)))
		}
	}
	return nil
}

// jsonb reads any value into its canonical text.
func (d *Decoder) jsonb(c *column, b []byte, p int) (int, error) {
	d.expansion = 0
	end, err := d.skip(b, p)
	if err != nil {
		return 0, err
	}
	if d.expansion > maxExpansion {
		return 0, c.inColumn(pgerr.New(pgerr.ProgramLimitExceeded, "its numbers are longer than %d bytes when written out", maxExpansion))
	}
	out := d.sink(c)
	before := len(out.Data)
	data, err := jsonb.Parse(out.Data, b[p:end])
	if err != nil {
		return 0, c.inColumn(shorten(err))
	}
	out.Data = data
	out.S = append(out.S, delta.Ref{Off: uint32(before), Len: uint32(len(data) - before)})
	d.size += len(data) - before
	return end, nil
}

// array reads a JSON array of the element type; null is a NULL element.
func (d *Decoder) array(c *column, b []byte, p int) (int, error) {
	if b[p] != '[' {
		return d.refuse(c, b, p)
	}
	e := c.elem
	c.elems.Reset(e.t)
	e.out = &c.elems
	from := d.size
	p = space(b, p+1)
	for more := p < len(b) && b[p] != ']'; more; {
		var err error
		if p, err = d.value(e, b, p); err != nil {
			return 0, err
		}
		if d.size-from > maxExpansion {
			return 0, c.inColumn(pgerr.New(pgerr.ProgramLimitExceeded, "its elements are longer than %d bytes", maxExpansion))
		}
		if p = space(b, p); p == len(b) {
			return 0, ended(p)
		}
		switch b[p] {
		case ',':
			p = space(b, p+1)
		case ']':
			more = false
		default:
			return 0, expected(b, p, "',' or ']'")
		}
	}
	if p == len(b) {
		return 0, ended(p)
	}
	if v := c.out; v != nil {
		before := len(v.Data)
		v.Data = delta.AppendArray(v.Data, &c.elems, 0, c.elems.Len())
		v.S = append(v.S, delta.Ref{Off: uint32(before), Len: uint32(len(v.Data) - before)})
		d.size += len(v.Data) - before
	}
	return p + 1, nil
}
