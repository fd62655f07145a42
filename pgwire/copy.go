package pgwire

import (
	"bytes"
	"encoding/binary"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// copyRows writes rows as CopyData messages, one line each (clients rely on
// it), in the text or csv format of PostgreSQL's COPY.
type copyRows struct {
	o       *CopyOptions
	text    *values.TextOpts
	scratch []byte
}

func (r *copyRows) append(dst []byte, b *delta.Batch, row int) []byte {
	start := len(dst)
	dst = append(dst, 'd', 0, 0, 0, 0)
	for c, v := range b.Cols {
		if c > 0 {
			dst = append(dst, r.o.Delimiter)
		}
		if v.IsNull(row) {
			dst = append(dst, r.o.Null...)
			continue
		}
		r.scratch = values.AppendText(r.scratch[:0], v, row, r.text)
		if r.o.Format == CopyCSV {
			force := c < len(r.o.ForceQuote) && r.o.ForceQuote[c]
			dst = appendCSV(dst, r.scratch, r.o, force, len(b.Cols) == 1)
		} else {
			dst = appendCopyText(dst, r.scratch, r.o.Delimiter)
		}
	}
	if cap(r.scratch) > keepBytes {
		r.scratch = nil
	}
	return endCopyLine(dst, start)
}

func endCopyLine(dst []byte, start int) []byte {
	dst = append(dst, '\n')
	binary.BigEndian.PutUint32(dst[start+1:], uint32(len(dst)-start-1))
	return dst
}

// appendCopyHeader appends the line of column names.
func appendCopyHeader(dst []byte, o *CopyOptions, cols []Column) []byte {
	start := len(dst)
	dst = append(dst, 'd', 0, 0, 0, 0)
	for i := range cols {
		if i > 0 {
			dst = append(dst, o.Delimiter)
		}
		if o.Format == CopyCSV {
			dst = appendCSV(dst, []byte(cols[i].Name), o, false, len(cols) == 1)
		} else {
			dst = appendCopyText(dst, []byte(cols[i].Name), o.Delimiter)
		}
	}
	return endCopyLine(dst, start)
}

// appendCopyText escapes as CopyAttributeOutText: the named control
// characters, backslash and the delimiter.
func appendCopyText(dst, s []byte, delim byte) []byte {
	from := 0
	for i, c := range s {
		e := c
		switch c {
		case '\b':
			e = 'b'
		case '\f':
			e = 'f'
		case '\n':
			e = 'n'
		case '\r':
			e = 'r'
		case '\t':
			e = 't'
		case '\v':
			e = 'v'
		case '\\', delim:
		default:
			continue
		}
		dst = append(dst, s[from:i]...)
		dst = append(dst, '\\', e)
		from = i + 1
	}
	return append(dst, s[from:]...)
}

// appendCSV quotes as CopyAttributeOutCSV: when forced, when the value would
// read as NULL or as the end-of-data mark, or when it holds a special byte.
func appendCSV(dst, s []byte, o *CopyOptions, force, single bool) []byte {
	quote := force || string(s) == o.Null || single && string(s) == `\.`
	if !quote {
		quote = bytes.IndexByte(s, o.Delimiter) >= 0 || bytes.IndexByte(s, o.Quote) >= 0 ||
			bytes.IndexByte(s, '\n') >= 0 || bytes.IndexByte(s, '\r') >= 0
	}
	if !quote {
		return append(dst, s...)
	}
	dst = append(dst, o.Quote)
	for _, c := range s {
		if c == o.Quote || c == o.Escape {
			dst = append(dst, o.Escape)
		}
		dst = append(dst, c)
	}
	return append(dst, o.Quote)
}
