package exec

import (
	"encoding/binary"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
)

// held stands where a leaf of a parked job was: it adds up what a relation
// passes on, so that the job can be given the sum when it comes back. What it
// holds is bounded by the relation: at most its rows of then and its rows of now.
//
// It belongs to the relation's job, steps with it and is in its epochs; there is
// one for each leaf on each worker.
//
//	key    the key of the row in the relation (materialize.appendKey)
//	value  for each different row under the key whose weights do not cancel:
//	       varint weight, uvarint length, values.AppendRow
type held struct {
	reader *Job
	leaf   int // of the reader's pipes[worker].leaves
	worker int
	from   *materialize
	to     *subscription // what it stands for
	tree   *state.Tree

	cols     []*delta.Vec
	key, row []byte
	val      []byte
}

// heldTableID is the id of what is held for one leaf of a relation's job; a
// statement has fewer leaves than 1 << 16 by far.
func heldTableID(rel uint32, leaf int) uint64 { return 1<<61 | uint64(rel)<<16 | uint64(leaf) }

func newHeld(pool *state.Pool, from *materialize, reader *Job, worker, leaf int, to *subscription) *held {
	return &held{reader: reader, leaf: leaf, worker: worker, from: from, to: to, tree: state.NewTree(pool, state.TreeOptions{})}
}

// subscription is what the relation's fan feeds instead of the leaf.
func (h *held) subscription() *subscription {
	return &subscription{job: h.reader, held: h, pick: identity(len(h.from.types)), leaf: &leaf{scan: h.to.leaf.scan, push: h.push}}
}

func (h *held) push(b *delta.Batch) error {
	h.cols = h.cols[:0]
	for _, k := range h.from.key {
		h.cols = append(h.cols, b.Cols[k])
	}
	for i := range b.N {
		h.key = h.from.appendKey(h.key[:0], h.cols, b, i)
		h.row = values.AppendRow(h.row[:0], b.Cols, i)
		if err := h.add(b.Weight(i)); err != nil {
			return err
		}
	}
	return nil
}

// add adds weight w of h.row to what is under h.key.
func (h *held) add(w int64) error {
	old, _ := h.tree.Get(h.key)
	h.val = h.val[:0]
	for len(old) > 0 {
		have, row, rest, err := nextHeld(old)
		if err != nil {
			return err
		}
		if string(row) == string(h.row) {
			w += have
		} else {
			h.val = appendHeld(h.val, have, row)
		}
		old = rest
	}
	if w != 0 {
		h.val = appendHeld(h.val, w, h.row)
	}
	if len(h.val) == 0 {
		h.tree.Delete(h.key)
		return nil
	}
	return sizeError(h.tree.Put(h.key, h.val))
}

func appendHeld(dst []byte, w int64, row []byte) []byte {
	dst = binary.AppendUvarint(binary.AppendVarint(dst, w), uint64(len(row)))
	return append(dst, row...)
}

// nextHeld reads one row of a value.
func nextHeld(val []byte) (w int64, row, rest []byte, err error) {
	w, n := binary.Varint(val)
	if n > 0 {
		size, m := binary.Uvarint(val[n:])
		if at := n + m; m > 0 && size <= uint64(len(val)-at) {
			end := at + int(size)
			return w, val[at:end], val[end:], nil
		}
	}
	return 0, nil, nil, pgerr.New(pgerr.DataCorrupted, "what a paused job has yet to read cannot be read")
}

// feed pushes what was held into the leaf.
func (h *held) feed() error {
	out := delta.NewBatch(h.from.types, 0)
	flush := func() error {
		if out.N == 0 {
			return nil
		}
		err := h.to.leaf.push(h.to.picked(out))
		out.Reset()
		return err
	}
	c := h.tree.Cursor()
	for ok := c.Seek(nil); ok; ok = c.Next() {
		for val := c.Value(); len(val) > 0; {
			w, row, rest, err := nextHeld(val)
			if err != nil {
				return err
			}
			if _, err := values.DecodeRow(row, out.Cols); err != nil {
				return err
			}
			out.AppendWeight(w)
			val = rest
		}
		if out.N >= delta.MaxBatchRows {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// hold puts a held between up and each leaf of reader that reads it.
func (up *Job) hold(pool *state.Pool, reader *Job) {
	for w, f := range up.fans {
		for i, s := range f.subs {
			if s.job != reader || s.held != nil {
				continue
			}
			h := newHeld(pool, up.contents()[w], reader, w, reader.leafIndex(w, s.leaf), s)
			up.held = append(up.held, h)
			f.subs[i] = h.subscription()
		}
	}
}

// leafIndex finds a leaf among those of a pipeline; a leaf behind a backfill is
// known by its scan.
func (j *Job) leafIndex(w int, l *leaf) int {
	for i, have := range j.pipes[w].leaves {
		if have.scan == l.scan {
			return i
		}
	}
	return -1
}

// release takes what up holds for reader out. again: the leaves are fed by up
// again, otherwise no more.
func (up *Job) release(reader *Job, again bool) (out []*held) {
	kept := up.held[:0]
	for _, h := range up.held {
		if h.reader != reader {
			kept = append(kept, h)
			continue
		}
		out = append(out, h)
		f := up.fans[h.worker]
		for i, s := range f.subs {
			if s.held == h && again {
				f.subs[i] = h.to
			}
		}
	}
	up.held = kept
	if !again {
		for w, f := range up.fans {
			f.drop(reader)
			up.contents()[w].passOn = len(f.subs) > 0
		}
	}
	return out
}

// feeds reports whether any leaf of reader takes up's output.
func (up *Job) feeds(reader *Job) bool {
	return slices.ContainsFunc(up.fans[0].subs, func(s *subscription) bool { return s.job == reader })
}

// retire frees what was held and leaves it out of the next epoch. It waits for a
// checkpoint that reads it; the caller holds no lock.
func (e *Engine) retire(hs []*held) {
	if len(hs) == 0 {
		return
	}
	e.dropMu.Lock()
	for _, h := range hs {
		if h.worker == 0 {
			e.dropped = append(e.dropped, heldTableID(h.reader.rel, h.leaf))
		}
	}
	e.dropMu.Unlock()
	e.freezing.Lock()
	defer e.freezing.Unlock()
	for _, h := range hs {
		h.tree.Close()
	}
}
