package json

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// Column is one declared column that is a field of the object.
type Column struct {
	Name string
	Type types.Type
}

// Decoder reads records into the vectors it is bound to. Not for concurrent use.
type Decoder struct {
	cols   []column
	folded map[string]int // column by its name in lower case
	fields []field        // known keys; the first two are start and other
	byName map[string]int // index in fields
	gen    uint64         // number of the current record
	size   int            // estimate of the bytes appended, see Size
	skipper
	text []byte // the current unescaped string
	opts values.TextOpts
}

// field is a key that records have had, with the key that followed it last:
// where the next one is expected, one comparison finds it.
type field struct {
	key   string // `"name":`
	col   int    // -1: no column
	exact bool   // the column's name, not only but for the case
	next  int
}

// The first fields: what comes before an object's first key, and any key for
// which there is no room.
const (
	start = iota
	other
)

const noKey = "\x00" // matches nothing

// New makes a decoder of the declared columns. A type that cannot be read from
// JSON is SQLSTATE 0A000.
func New(cols []Column) (*Decoder, error) {
	if len(cols) > MaxColumns {
		return nil, pgerr.New(pgerr.TooManyColumns, "a source can have at most %d columns", MaxColumns)
	}
	d := &Decoder{
		cols: make([]column, len(cols)), folded: map[string]int{}, byName: map[string]int{},
		fields: []field{start: {key: noKey, next: other}, other: {key: noKey, col: -1, next: other}},
		opts:   values.DefaultOpts,
	}
	for i, c := range cols {
		col, err := newColumnOf(c)
		if err != nil {
			return nil, err
		}
		d.cols[i] = col
		if _, twice := d.byName[c.Name]; twice {
			return nil, pgerr.New(pgerr.DuplicateColumn, "column %q specified more than once", c.Name)
		}
		d.addField(c.Name, i, true)
		if _, twice := d.folded[fold(c.Name)]; !twice {
			d.folded[fold(c.Name)] = i
		}
	}
	// A first guess: the order of declaration.
	for i := range d.fields {
		if i != other && i+1 < len(d.fields) {
			d.fields[i].next = max(i, other) + 1
		}
	}
	return d, nil
}

// addField remembers a key whose text is name.
func (d *Decoder) addField(name string, col int, exact bool) int {
	key := `"` + name + `":`
	if end, s := scanString([]byte(key), 1); s != plain || end != len(name)+1 {
		key = noKey // it comes with escapes
	}
	d.byName[name] = len(d.fields)
	d.fields = append(d.fields, field{key: key, col: col, exact: exact, next: other})
	return len(d.fields) - 1
}

// fold maps ASCII letters to lower case.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// Bind sets where column i goes: out[i], or nowhere when it is nil. All columns
// are checked either way. Vectors have the columns' types and equal lengths.
func (d *Decoder) Bind(out []*delta.Vec) {
	for i := range d.cols {
		d.cols[i].out = out[i]
	}
	d.size = 0
}

// Size estimates the bytes appended since Bind, to tell when a batch is full.
func (d *Decoder) Size() int { return d.size }

// Append adds one row, read from the JSON object rec. On error, which is a
// *pgerr.Error, no row is added. rec is not kept.
func (d *Decoder) Append(rec []byte) error {
	d.gen++
	d.size += len(rec)
	n, err := d.object(rec)
	if err != nil {
		d.rollback()
		return err
	}
	if n == len(d.cols) {
		return nil
	}
	for i := range d.cols {
		if c := &d.cols[i]; c.seen != d.gen && c.out != nil {
			c.out.AppendNull()
		}
	}
	return nil
}

// rollback takes back what the current record has appended. A column that it
// did not come to has one row less than one that it did.
func (d *Decoder) rollback() {
	for i := range d.cols {
		c := &d.cols[i]
		if c.seen == d.gen && c.out != nil && c.done {
			c.out.Truncate(c.out.Len() - 1)
		}
	}
}

// object reads rec and returns the number of columns that it had.
func (d *Decoder) object(b []byte) (n int, err error) {
	p := space(b, 0)
	if p == len(b) {
		return 0, pgerr.New(pgerr.InvalidTextRepresentation, "the record is empty")
	}
	if b[p] != '{' {
		return 0, notObject(b, p)
	}
	if p = space(b, p+1); p < len(b) && b[p] == '}' {
		return 0, d.tail(b, p+1)
	}
	for last := start; ; {
		at := d.fields[last].next
		f := &d.fields[at]
		if literal(b, p, f.key) {
			p += len(f.key)
		} else {
			if at, p, err = d.lookup(b, p); err != nil {
				return 0, err
			}
			d.fields[last].next = at
			f = &d.fields[at]
		}
		last = at
		p = space(b, p)
		if f.col < 0 {
			p, err = d.skip(b, p)
		} else {
			c := &d.cols[f.col]
			if c.seen != d.gen {
				c.seen, c.exact, c.done = d.gen, f.exact, false
				n++
				p, err = d.value(c, b, p)
			} else {
				p, err = d.again(c, f, b, p)
			}
		}
		if err != nil {
			return 0, err
		}
		if p = space(b, p); p == len(b) {
			return 0, ended(p)
		}
		if b[p] == '}' {
			return n, d.tail(b, p+1)
		}
		if b[p] != ',' {
			return 0, expected(b, p, "',' or '}'")
		}
		p = space(b, p+1)
	}
}

// notObject explains a record that is something else.
func notObject(b []byte, p int) error {
	var k skipper
	end, err := k.skip(b, p)
	if err != nil {
		return err
	}
	if rest := space(b, end); rest < len(b) {
		return invalid(rest, "bytes after the value")
	}
	if literal(b, p, "null") {
		return pgerr.New(pgerr.InvalidTextRepresentation, "the record is JSON null, not an object")
	}
	return pgerr.New(pgerr.InvalidTextRepresentation, "the record is %s, not an object", kindName(b, p))
}

// tail checks that nothing follows the object.
func (d *Decoder) tail(b []byte, p int) error {
	if p = space(b, p); p < len(b) {
		return invalid(p, "bytes after the object")
	}
	return nil
}

// again reads a key that came before in the same record: the last one wins, but
// one in another case never wins over the exact name.
func (d *Decoder) again(c *column, f *field, b []byte, p int) (int, error) {
	if c.exact && !f.exact {
		kept := c.out
		c.out = nil
		p, err := d.value(c, b, p)
		c.out, c.done = kept, true // what counts was appended before
		return p, err
	}
	if c.done && c.out != nil {
		c.out.Truncate(c.out.Len() - 1)
	}
	c.exact, c.done = f.exact, false
	return d.value(c, b, p)
}

// lookup reads the key at p and its colon and gives its field.
func (d *Decoder) lookup(b []byte, p int) (at, next int, err error) {
	if p == len(b) {
		return 0, 0, ended(p)
	}
	if b[p] != '"' {
		return 0, 0, expected(b, p, "a key")
	}
	end, s := scanString(b, p+1)
	if s > escaped {
		return 0, 0, badString(end, s)
	}
	name := b[p+1 : end]
	if s == escaped {
		var why string
		if d.text, why = unescape(d.text[:0], name, false); why != "" {
			return 0, 0, invalid(p, "%s", why)
		}
		name = d.text
	}
	if next, err = colon(b, end+1); err != nil {
		return 0, 0, err
	}
	if at, ok := d.byName[string(name)]; ok {
		return at, next, nil
	}
	return d.newField(name, s == plain), next, nil
}

// newField is the field of a key that is no column's exact name.
func (d *Decoder) newField(name []byte, asWritten bool) int {
	col := -1
	if len(name) <= maxKeyText {
		var buf [maxKeyText]byte
		if i, ok := d.folded[string(lower(append(buf[:0], name...)))]; ok {
			col = i
		}
		if asWritten && len(d.fields) < maxFields {
			return d.addField(string(name), col, false)
		}
	}
	d.fields[other].col = col
	return other
}

func lower(b []byte) []byte {
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}
