package exec

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// fakeTopic is an in-memory log of rows of int64-kind columns, by partition.
type fakeTopic struct {
	mu      sync.Mutex
	types   []types.Type
	parts   [][][]int64
	readers []*fakeReader
}

func newFakeTopic(ts []types.Type, parts int) *fakeTopic {
	return &fakeTopic{types: ts, parts: make([][][]int64, parts)}
}

func (t *fakeTopic) append(part int, rows ...[]int64) {
	t.mu.Lock()
	t.parts[part] = append(t.parts[part], rows...)
	readers := slices.Clone(t.readers)
	t.mu.Unlock()
	for _, r := range readers {
		r.ready()
	}
}

func (t *fakeTopic) end() source.Offsets {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := source.Offsets{}
	for p, rows := range t.parts {
		o[int32(p)] = int64(len(rows))
	}
	return o
}

// fakeSpec reads a fakeTopic; it is the test's source.Spec.
type fakeSpec struct{ t *fakeTopic }

func (s fakeSpec) Resolve(<-chan struct{}) (source.Offsets, error) {
	o := s.t.end()
	for p := range o {
		o[p] = 0
	}
	return o, nil
}
func (s fakeSpec) End(<-chan struct{}) (source.Offsets, error) { return s.t.end(), nil }
func (s fakeSpec) Commit(source.Offsets)                       {}
func (s fakeSpec) Close()                                      {}

func (s fakeSpec) Open(from source.Offsets, ready func()) (source.Reader, error) {
	r := &fakeReader{t: s.t, next: source.Offsets{}, ready: ready, rng: rand.New(rand.NewPCG(1, 2))}
	for p := range s.t.parts {
		r.next[int32(p)] = from[int32(p)]
	}
	s.t.mu.Lock()
	s.t.readers = append(s.t.readers, r)
	s.t.mu.Unlock()
	return r, nil
}

func (s fakeSpec) NewDecoder(cols []int) (source.Decoder, error) {
	ts := make([]types.Type, len(cols))
	for i, c := range cols {
		ts[i] = s.t.types[c]
	}
	return &fakeDecoder{cols: cols, out: delta.NewBatch(ts, 0)}, nil
}

type fakeReader struct {
	t     *fakeTopic
	next  source.Offsets
	ready func()
	rng   *rand.Rand
}

func (r *fakeReader) Take(b source.Budget, until source.Offsets) ([]source.Chunk, error) {
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	var out []source.Chunk
	left := b.Rows
	for _, p := range r.rng.Perm(len(r.t.parts)) {
		lo, hi := r.next[int32(p)], int64(len(r.t.parts[p]))
		if until != nil {
			hi = min(hi, until[int32(p)])
		}
		hi = min(hi, lo+int64(left))
		if hi <= lo {
			continue
		}
		out = append(out, source.Chunk{Partition: int32(p), First: lo, Next: hi, Rows: int(hi - lo), Fetched: time.Now(), Payload: r.t.parts[p][lo:hi]})
		r.next[int32(p)] = hi
		left -= int(hi - lo)
	}
	return out, nil
}

func (r *fakeReader) Buffered() int { return 0 }

func (r *fakeReader) Status() source.Status { return source.Status{End: r.t.end()} }

func (r *fakeReader) Close() {
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	r.t.readers = slices.DeleteFunc(r.t.readers, func(x *fakeReader) bool { return x == r })
}

type fakeDecoder struct {
	cols []int
	out  *delta.Batch
}

func (d *fakeDecoder) Decode(c *source.Chunk, emit func(*delta.Batch) error, _ func(source.DeadRow)) error {
	d.out.Reset()
	for _, row := range c.Payload.([][]int64) {
		for i, col := range d.cols {
			d.out.Cols[i].AppendInt(row[col])
		}
		d.out.AppendWeight(1)
	}
	return emit(d.out)
}
