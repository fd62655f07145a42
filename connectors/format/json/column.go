package json

import (
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// kind is how a column's values are read.
type kind uint8

const (
	kindText kind = iota // text, varchar
	kindInt
	kindTimestamp // both
	kindDate
	kindFloat
	kindBool
	kindNumeric
	kindJSONB
	kindString // what only a JSON string can say: bytea, interval
	kindArray
)

// column is one declared column and where its values go.
type column struct {
	name   string
	t      types.Type
	kind   kind
	lo, hi int64 // kindInt: its range
	out    *delta.Vec
	seen   uint64 // the last record that had it
	exact  bool   // in that record, under its exact name
	done   bool   // in that record, its value was appended
	minute pgtime.MinuteCache
	elem   *column   // kindArray
	elems  delta.Vec // kindArray: the current array; else: values that are not kept
}

func newColumn(c Column) (column, error) {
	col := column{name: c.Name, t: c.Type, lo: math.MinInt64, hi: math.MaxInt64}
	switch c.Type.OID {
	case types.OIDText, types.OIDVarchar:
		col.kind = kindText
	case types.OIDInt2:
		col.kind, col.lo, col.hi = kindInt, math.MinInt16, math.MaxInt16
	case types.OIDInt4:
		col.kind, col.lo, col.hi = kindInt, math.MinInt32, math.MaxInt32
	case types.OIDInt8:
		col.kind = kindInt
	case types.OIDTimestamp, types.OIDTimestamptz:
		col.kind = kindTimestamp
	case types.OIDDate:
		col.kind = kindDate
	case types.OIDFloat8, types.OIDFloat4:
		col.kind = kindFloat
	case types.OIDBool:
		col.kind = kindBool
	case types.OIDNumeric:
		col.kind = kindNumeric
	case types.OIDJSONB:
		col.kind = kindJSONB
	case types.OIDBytea, types.OIDInterval:
		col.kind = kindString
	default:
		return column{}, unsupported(c)
	}
	col.elems.T = c.Type
	return col, nil
}

// newColumnOf also takes arrays.
func newColumnOf(c Column) (column, error) {
	et, ok := c.Type.Elem()
	if !ok {
		return newColumn(c)
	}
	elem, err := newColumn(Column{c.Name, et})
	if err != nil {
		return column{}, unsupported(c)
	}
	col := column{name: c.Name, t: c.Type, kind: kindArray, elem: &elem}
	col.elems.T = et
	return col, nil
}

func unsupported(c Column) error {
	return pgerr.Unsupported(0, "column %q of type %s in a JSON source", c.Name, c.Type)
}

// value reads the value of c at p, whatever it is, appends it, and returns the
// position after it.
func (d *Decoder) value(c *column, b []byte, p int) (int, error) {
	if p >= len(b) {
		return 0, ended(p)
	}
	if b[p] == 'n' {
		if !literal(b, p, "null") {
			return 0, expected(b, p, "a value")
		}
		if c.out != nil {
			c.out.AppendNull()
		}
		c.done = true
		return p + len("null"), nil
	}
	var err error
	switch c.kind {
	case kindText:
		if b[p] == '"' {
			if end, s := scanString(b, p+1); s == plain && (c.t.Mod < 0 || end-p-1 <= int(c.t.Mod)-4) {
				if v := c.out; v != nil {
					v.S = append(v.S, delta.Ref{Off: uint32(len(v.Data)), Len: uint32(end - p - 1)})
					v.Data = append(v.Data, b[p+1:end]...)
				}
				c.done = true
				return end + 1, nil
			}
		}
		p, err = d.slowText(c, b, p)
	case kindInt:
		p, err = d.int(c, b, p)
	case kindTimestamp:
		p, err = d.timestamp(c, b, p)
	case kindBool:
		p, err = d.bool(c, b, p)
	case kindFloat:
		p, err = d.float(c, b, p)
	case kindArray:
		p, err = d.array(c, b, p)
	case kindJSONB:
		p, err = d.jsonb(c, b, p)
	default:
		p, err = d.byText(c, b, p)
	}
	c.done = err == nil
	return p, err
}

// int reads digits; everything else, and what may overflow, takes the long way.
func (d *Decoder) int(c *column, b []byte, p int) (int, error) {
	i := p
	neg := b[i] == '-'
	if neg {
		i++
	}
	from, x := i, uint64(0)
	for i < len(b) && b[i]-'0' < 10 {
		x = x*10 + uint64(b[i]-'0')
		i++
	}
	n := i - from
	if n == 0 || n > 18 || b[from] == '0' && n > 1 || i == len(b) || b[i] == '.' || b[i]|0x20 == 'e' {
		return d.byText(c, b, p)
	}
	y := int64(x)
	if neg {
		y = -y
	}
	if y < c.lo || y > c.hi {
		return d.byText(c, b, p)
	}
	if c.out != nil {
		c.out.I = append(c.out.I, y)
	}
	return i, nil
}

func (d *Decoder) bool(c *column, b []byte, p int) (int, error) {
	yes := literal(b, p, "true")
	if !yes && !literal(b, p, "false") {
		return d.refuse(c, b, p)
	}
	if c.out != nil {
		c.out.B = append(c.out.B, yes)
	}
	if yes {
		return p + len("true"), nil
	}
	return p + len("false"), nil
}

// timestamp reads the forms that machines write; the rest takes the long way.
func (d *Decoder) timestamp(c *column, b []byte, p int) (int, error) {
	if b[p] != '"' {
		return d.byText(c, b, p)
	}
	end, s := scanString(b, p+1)
	if s != plain {
		return d.byText(c, b, p)
	}
	ts, zone, ok := c.minute.Parse(b[p+1 : end])
	if !ok {
		return d.byText(c, b, p)
	}
	if c.out != nil {
		if zone != pgtime.NoZone && c.t.OID == types.OIDTimestamptz {
			ts -= int64(zone) * pgtime.Second
		}
		if c.t.Mod >= 0 {
			ts = pgtime.RoundTo(ts, int(c.t.Mod))
		}
		c.out.I = append(c.out.I, ts)
	}
	return end + 1, nil
}

// float reads numbers that fit a float64's digits exactly.
func (d *Decoder) float(c *column, b []byte, p int) (int, error) {
	i := p
	neg := b[i] == '-'
	if neg {
		i++
	}
	from, m, frac := i, uint64(0), -1
	for ; i < len(b); i++ {
		if x := b[i] - '0'; x < 10 {
			m = m*10 + uint64(x)
		} else if b[i] == '.' && frac < 0 && i > from {
			frac = i
		} else {
			break
		}
	}
	n, scale := i-from, 0
	if frac >= 0 {
		n, scale = n-1, i-frac-1
	}
	if n == 0 || n > 15 || c.t.OID != types.OIDFloat8 || i == len(b) || b[i]|0x20 == 'e' || b[i] == '.' ||
		frac == i-1 || b[from] == '0' && n > 1 && frac != from+1 {
		return d.byText(c, b, p)
	}
	// Both are exact, so the quotient is rounded once.
	f := float64(m) / pow10[scale]
	if neg {
		f = -f
	}
	if c.out != nil {
		c.out.F = append(c.out.F, f)
	}
	return i, nil
}

var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}
