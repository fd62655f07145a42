package exec

import (
	"bytes"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
)

// backfillRows is how many rows of the past a backfill takes into one step.
const backfillRows = 4096

// backfill lets a new job read a relation that already has contents, in key
// order, in pieces inside the steps, without a pinned snapshot. At any moment
// the job has seen exactly the rows with keys up to the cursor:
//
//   - a delta that comes in passes as far as its keys are ≤ cursor; the rest is
//     in the contents already (the relation applies a step before it passes it
//     on) and will be read from there;
//   - at the end of the step the next piece (cursor, cursor'] is read.
//
// It stands between the relation's output and one leaf, on one worker.
type backfill struct {
	from   *materialize
	to     *leaf
	leaf   *leaf // what the relation feeds
	all    []int
	unit   *unit
	cursor []byte
	done   bool

	cols []*delta.Vec
	key  []byte
	sel  []int32
	part delta.Batch
	out  *delta.Batch
	sub  subscription
}

var _ Operator = (*backfill)(nil)

// newBackfill puts a backfill before leaf l of pipeline b.
func newBackfill(b *builder, from *materialize, l *leaf) *backfill {
	f := &backfill{from: from, to: l, out: delta.NewBatch(from.types, 0)}
	f.sub.pick = l.scan.Take
	for i := range from.types {
		f.all = append(f.all, i)
	}
	f.unit = &unit{op: f, ctx: b.ctx, always: true, node: l.scan}
	f.unit.out = func(o *delta.Batch) error { return l.push(f.sub.picked(o)) }
	f.leaf = &leaf{scan: l.scan, push: f.unit.port(0)}
	b.units = append([]*unit{f.unit}, b.units...)
	b.backfills = append(b.backfills, f)
	return f
}

func (f *backfill) Push(_ *Ctx, _ int, b *delta.Batch, out Emit) error {
	if f.done {
		return out(b)
	}
	f.cols = f.cols[:0]
	for _, k := range f.from.key {
		f.cols = append(f.cols, b.Cols[k])
	}
	f.sel = f.sel[:0]
	for i := range b.N {
		f.key = f.from.appendKey(f.key[:0], f.cols, b, i)
		if f.cursor != nil && bytes.Compare(f.key, f.cursor) <= 0 {
			f.sel = append(f.sel, int32(i))
		}
	}
	if len(f.sel) == 0 {
		return nil
	}
	b.Gather(&f.part, f.sel)
	return out(&f.part)
}

func (f *backfill) End(_ *Ctx, out Emit) error {
	if f.done {
		return nil
	}
	c := f.from.tree.Cursor()
	ok := c.Seek(f.cursor)
	if ok && f.cursor != nil && bytes.Equal(c.Key(), f.cursor) {
		ok = c.Next()
	}
	f.out.Reset()
	for ; ok && f.out.N < backfillRows; ok = c.Next() {
		if err := decodeContents(f.from.key != nil, c.Key(), c.Value(), f.out); err != nil {
			return err
		}
		f.cursor = append(f.cursor[:0], c.Key()...)
	}
	if !ok {
		f.done, f.unit.always = true, false
	}
	if f.out.N == 0 {
		return nil
	}
	return out(f.out)
}

// filling reports whether any of the job's leaves still reads the past.
func (j *Job) filling() bool {
	for _, b := range j.pipes {
		for _, f := range b.backfills {
			if !f.done {
				return true
			}
		}
	}
	return false
}
