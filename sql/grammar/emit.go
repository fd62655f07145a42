package grammar

import (
	"sort"
	"strconv"

	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

// piece is the text being built for the grammar, as tokens, and its side table.
type piece struct {
	out   []outToken
	wraps []wrap
	side  []entry
}

// outToken is a structural word (text) or the name k<id>; call: k<id>( .
type outToken struct {
	text string
	id   int32
	call bool
	pos  ast.Pos // where it stands in the client's text; 0: nowhere
	wrap int32   // 1-based index of the outermost wrap opened before it
}

// wrap is text put before a token that was already emitted; next is the wrap
// inside it. Wrapping what was emitted long ago costs no copying this way.
type wrap struct {
	outToken
	next int32
}

// entry is what a name k<id> stands for.
type entry struct {
	// node is a leaf, or a node whose operands the call's arguments are:
	// argument i goes to *slots[i].
	node  any
	slots []*ast.Expr
	// query: the only argument is a subquery and goes here.
	query **ast.Query
}

// Nodes of the side table that never leave this package.
type (
	// operator is the k in "a | k | b".
	operator struct {
		ast.Pos
		op ast.Operator
	}
	// anyOf is the right side of x op ANY (…): *ast.AnyArray or *ast.Subquery.
	anyOf struct{ node ast.Expr }
	// carrier only fills its slots.
	carrier struct{}
)

func (r *Reader) reset() {
	r.out, r.wraps, r.side = r.out[:0], r.wraps[:0], r.side[:0]
}

// emit adds structural text.
func (r *Reader) emit(text string) { r.out = append(r.out, outToken{text: text}) }

// emitAt adds structural text that stands at pos in the client's text.
func (r *Reader) emitAt(text string, pos ast.Pos) {
	r.out = append(r.out, outToken{text: text, pos: pos})
}

// entry adds an entry to the side table.
func (r *Reader) entry(e entry) int32 {
	r.side = append(r.side, e)
	return int32(len(r.side) - 1)
}

// leaf emits a name for node.
func (r *Reader) leaf(node any) {
	r.out = append(r.out, outToken{id: r.entry(entry{node: node})})
}

// open emits "k<id>(" for a node whose slots are set later; close with ")".
func (r *Reader) open(node any) int32 {
	id := r.entry(entry{node: node})
	r.out = append(r.out, outToken{id: id, call: true})
	return id
}

// wrapCall puts "k<id>(" before the output token at index at.
func (r *Reader) wrapCall(at int, node any, slots ...*ast.Expr) {
	id := r.entry(entry{node: node, slots: slots})
	r.wrapToken(at, outToken{id: id, call: true})
}

func (r *Reader) wrapToken(at int, t outToken) {
	if at >= len(r.out) { // only after an error
		return
	}
	r.wraps = append(r.wraps, wrap{t, r.out[at].wrap})
	r.out[at].wrap = int32(len(r.wraps))
}

// group encloses the output from index at on in parentheses.
func (r *Reader) group(at int) {
	r.wrapToken(at, outToken{text: "("})
	r.emit(")")
}

// mark is the place of a structural token: offset in the text, position in the
// client's text.
type mark struct {
	off int
	pos ast.Pos
}

// render gives the text for the grammar and the marks, ascending.
func (p *piece) render() (string, []mark) {
	buf := make([]byte, 0, len(p.out)*5)
	marks := make([]mark, 0, len(p.out)/2)
	put := func(t *outToken) {
		if t.text != "" {
			if t.pos != 0 {
				marks = append(marks, mark{len(buf), t.pos})
			}
			buf = append(buf, t.text...)
		} else {
			buf = append(buf, 'k')
			buf = strconv.AppendInt(buf, int64(t.id), 10)
			if t.call {
				buf = append(buf, '(')
			}
		}
		buf = append(buf, ' ')
	}
	for i := range p.out {
		for w := p.out[i].wrap; w != 0; w = p.wraps[w-1].next {
			put(&p.wraps[w-1].outToken)
		}
		put(&p.out[i])
	}
	return string(buf), marks
}

// markBefore is the position of the last mark before offset off: of the operator
// whose right operand starts at off.
func markBefore(marks []mark, off int) ast.Pos {
	i := sort.Search(len(marks), func(i int) bool { return marks[i].off >= off })
	if i == 0 {
		return 0
	}
	return marks[i-1].pos
}

// markAt is the position of the mark at offset off or the next one after it.
func markAt(marks []mark, off int) ast.Pos {
	i := sort.Search(len(marks), func(i int) bool { return marks[i].off >= off })
	if i == len(marks) {
		return 0
	}
	return marks[i].pos
}
