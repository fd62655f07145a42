package kafka

import (
	"math"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/source"
)

// minShare is the least number of rows that a Take asks of one partition before
// it goes on to the next.
const minShare = 512

// Take implements source.Reader. The budget is first shared among the partitions
// that have something, so that workers, who each decode their own partitions,
// have equal work; what some leave over goes to the others.
func (r *Reader) Take(b source.Budget, until source.Offsets) ([]source.Chunk, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return nil, r.err
	}
	n := len(r.order)
	if n == 0 {
		return nil, nil
	}
	r.turn++
	waiting := 0
	for _, p := range r.order {
		if p.has() {
			waiting++
		}
	}
	if waiting == 0 {
		return nil, nil
	}
	t := taking{left: b}
	share := max(b.Rows/waiting, minShare)
	for pass := range 2 {
		for i := range n {
			p := r.order[(r.turn+i)%n]
			limit := int64(math.MaxInt64)
			if until != nil {
				var ok bool
				if limit, ok = until[p.id]; !ok || limit < p.taken {
					continue
				}
			}
			if pass == 0 {
				t.from(p, min(share, t.left.Rows), limit)
			} else {
				t.from(p, t.left.Rows, limit)
			}
		}
	}
	r.rows -= b.Rows - t.left.Rows
	r.bytes -= b.Bytes - t.left.Bytes
	if len(t.out) > 0 {
		for _, f := range r.fetchers {
			f.wake()
		}
	}
	return t.out, nil
}

// has reports whether there is something to take.
func (p *part) has() bool { return len(p.queue) > 0 || p.announce }

// taking is one Take under way.
type taking struct {
	out  []source.Chunk
	left source.Budget
}

// from takes a chunk of at most so many rows from p. A record that is larger
// than the budget of bytes comes when it is the first.
func (t *taking) from(p *part, rows int, until int64) {
	if !p.has() {
		return
	}
	c := source.Chunk{Partition: p.id, First: p.taken, Next: p.taken}
	var spans []span
	for len(p.queue) > 0 {
		h := &p.queue[0]
		if h.rows == 0 { // a gap, or what follows the last record
			c.Next = max(c.Next, min(h.next, until))
			if h.next > until {
				break
			}
			p.pop()
			continue
		}
		bytes := t.left.Bytes - c.Bytes
		if c.Rows == 0 && len(t.out) == 0 {
			bytes = max(bytes, h.firstLen())
		}
		s, last, stopped := h.take(rows-c.Rows, bytes, until)
		if s.rows > 0 {
			if c.Rows == 0 {
				c.Fetched = h.fetched
				if h.firstTime > 0 {
					c.Appended = time.UnixMilli(h.firstTime)
				}
			}
			spans = append(spans, s)
			c.Rows += s.rows
			c.Bytes += len(s.data)
			c.Next = last + 1
		}
		if stopped { // nothing stands between the last record and until
			c.Next = max(c.Next, until)
		}
		if h.rows > 0 {
			break
		}
	}
	if c.Next == c.First && c.Rows == 0 && !p.announce {
		return
	}
	if c.Fetched.IsZero() {
		c.Fetched = time.Now()
	}
	c.Payload = spans
	p.announce, p.taken = false, c.Next
	p.rows -= c.Rows
	p.bytes -= c.Bytes
	t.left.Rows -= c.Rows
	t.left.Bytes -= c.Bytes
	t.out = append(t.out, c)
}

// firstLen is the length of the batch's first record.
func (b *batch) firstLen() int {
	rest := b.data
	if _, ok := skipRecord(&rest); !ok {
		return len(b.data)
	}
	return len(b.data) - len(rest)
}

// push queues a batch. Gaps that follow each other become one.
func (p *part) push(b batch) {
	if n := len(p.queue); b.rows == 0 && n > 0 && p.queue[n-1].rows == 0 {
		p.queue[n-1].next = b.next
		return
	}
	p.queue = append(p.queue, b)
	p.rows += b.rows
	p.bytes += len(b.data)
}

// pop drops the first batch.
func (p *part) pop() {
	p.queue[0] = batch{}
	p.queue = p.queue[1:]
}
