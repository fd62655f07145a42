package exec

import (
	"encoding/binary"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
)

func (a *aggregate) Push(c *Ctx, _ int, b *delta.Batch, _ Emit) error {
	a.cols = a.cols[:0]
	for _, g := range a.others {
		a.cols = append(a.cols, b.Cols[g])
	}
	a.keys.encode(a.cols, b.N)
	var win *delta.Vec
	if a.windows != nil {
		win = b.Cols[a.n.Group[a.n.Window]]
	}
	late := int64(0)
	a.run = groupRun{c: c, b: b}
	for i := range b.N {
		w := int64(0)
		if win != nil {
			if w = int64(nullWindow); !win.IsNull(i) {
				w = win.I[i]
			}
		}
		skip := false
		if win != nil && w < a.closed {
			late, skip = late+1, true
		} else if n := a.tooLong(b, i); n > 0 {
			skip = true
			if err := c.rowFailed(b, i, errLongKey(n)); err != nil {
				return err
			}
		}
		if skip || w != a.run.window {
			if err := a.flushRun(i); err != nil {
				return err
			}
			a.run.window = w
		}
		if skip {
			a.run.lo = i + 1
		}
	}
	if late > 0 {
		c.Late(late)
	}
	return a.flushRun(b.N)
}

// tooLong gives the length of row i's key when it exceeds what tables hold.
func (a *aggregate) tooLong(b *delta.Batch, i int) int {
	if a.keys.width > 0 && a.long == nil {
		return 0
	}
	n := 0
	if a.keys.width == 0 {
		if n = len(a.keys.list[i]); n > maxKey {
			return n
		}
	}
	for _, col := range a.long {
		if v := b.Cols[col]; !v.IsNull(i) {
			n += int(v.S[i].Len)
		}
	}
	if a.long != nil && n > maxKey {
		return n
	}
	return 0
}

// flushRun accounts for the rows from a.run.lo up to hi, all of one table.
func (a *aggregate) flushRun(hi int) error {
	r := &a.run
	lo := r.lo
	if lo < hi {
		table := a.groups
		if a.windows != nil {
			table = a.windows.Window(r.window, true)
		}
		table.UpsertBatch(a.keys.hashes[lo:hi], a.keys.list[lo:hi], a.each)
	}
	r.lo = hi
	return r.err
}

// row accounts for row lo+i of the run.
func (a *aggregate) row(i int, slot []byte, created bool) {
	r := &a.run
	if r.err != nil {
		return
	}
	i += r.lo
	key := a.keys.list[i]
	if a.side != nil {
		a.setGroup(r.window, key)
	}
	if !a.isTouched(slot, r.window, a.keys.hashes[i], key) {
		if created && a.inex {
			if r.err = a.keepGroup(r.b, i); r.err != nil {
				return
			}
		}
		if r.err = a.touch(r.c, slot, created, r.window, a.keys.hashes[i], key); r.err != nil {
			return
		}
	}
	w := r.b.Weight(i)
	a.g.rows = addInt(slot, w)
	for n, acc := range a.accs {
		if f := a.n.Aggs[n].Filter; f >= 0 && (r.b.Cols[f].IsNull(i) || !r.b.Cols[f].B[i]) {
			continue
		}
		if r.err = acc.add(&a.g, slot[a.offs[n]:], r.b, i, w); r.err != nil {
			return
		}
	}
}

// isTouched reports whether a group was touched in this step before.
func (a *aggregate) isTouched(slot []byte, window int64, hash uint64, key []byte) bool {
	at := binary.LittleEndian.Uint32(slot[8:])
	if at >= uint32(len(a.touched)) {
		return false
	}
	t := &a.touched[at]
	return t.hash == hash && t.window == window && string(a.arena[t.off:t.off+t.len]) == string(key)
}

// touch remembers a group at its first touch in a step, with its old result.
func (a *aggregate) touch(c *Ctx, slot []byte, created bool, window int64, hash uint64, key []byte) error {
	binary.LittleEndian.PutUint32(slot[8:], uint32(len(a.touched)))
	t := touch{window: window, hash: hash, off: uint32(len(a.arena)), len: uint32(len(key)), old: -1}
	a.arena = append(a.arena, key...)
	if !created && !a.n.OnClose {
		ok, err := a.result(c, slot, window, key, a.old, -1)
		if err != nil {
			return err
		}
		if ok {
			t.old = int32(a.old.N - 1)
		}
	}
	a.touched = append(a.touched, t)
	return nil
}
