package nexmark

import "io"

// CopyReader streams the events of one kind among the numbers [from, to) as
// lines of PostgreSQL's COPY … FROM STDIN in text format.
func (g *Generator) CopyReader(kind Kind, from, to uint64) io.Reader {
	return &copyReader{gen: g, kind: kind, next: from, to: to}
}

type copyReader struct {
	gen      *Generator
	kind     Kind
	next, to uint64
	ev       Event
	line     []byte // what is made
	rest     []byte // of it, what is not read yet
}

// Read fills p as far as events go.
func (r *copyReader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(r.rest) == 0 && !r.advance() {
			if n == 0 {
				return 0, io.EOF
			}
			break
		}
		k := copy(p[n:], r.rest)
		n, r.rest = n+k, r.rest[k:]
	}
	return n, nil
}

// advance makes the next line; false at the end.
func (r *copyReader) advance() bool {
	for ; r.next < r.to; r.next++ {
		if KindOf(r.next) == r.kind {
			r.gen.Fill(&r.ev, r.next)
			r.line = r.ev.AppendCopyText(r.line[:0])
			r.rest = r.line
			r.next++
			return true
		}
	}
	return false
}
