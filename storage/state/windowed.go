package state

// WindowedHash is one Hash a window, for state that goes window by window: dropping a
// window frees its tables as they are.
//
// In a checkpoint a key is 8 bytes of window, big-endian with the sign bit flipped so that
// bytes sort like windows, and the Hash's key. A drop is one range delete.

import (
	"encoding/binary"
	"math"
	"slices"
	"sync/atomic"
)

// windowBytes is the length of the window in a checkpoint's key.
const windowBytes = 8

// WindowedHash is a set of Hashes by window. All methods are for one writer.
type WindowedHash struct {
	pool    *Pool
	opts    HashOptions
	shapes  []shape
	full    uint8
	order   []int64 // windows, ascending
	byID    map[int64]*Hash
	last    int64 // window of lastH, the one looked up last
	lastH   *Hash
	changes chain
	cur     *segment // ranges only: dropped windows
}

// NewWindowedHash returns an empty WindowedHash whose blocks come from p.
func NewWindowedHash(p *Pool, opts HashOptions) *WindowedHash {
	checkHashOptions(opts)
	w := &WindowedHash{pool: p, opts: opts, byID: map[int64]*Hash{}, cur: newSegment(p)}
	w.shapes, w.full = shapesFor(opts)
	w.changes.pool = p
	return w
}

// Window returns the Hash of a window; if there is none, a new one with create, otherwise
// nil. It is valid until the window is dropped.
func (w *WindowedHash) Window(window int64, create bool) *Hash {
	if w.lastH != nil && w.last == window {
		return w.lastH
	}
	h := w.byID[window]
	if h == nil {
		if !create {
			return nil
		}
		h = newHash(w.pool, w.opts, w.shapes, w.full)
		w.byID[window] = h
		i, _ := slices.BinarySearch(w.order, window)
		w.order = slices.Insert(w.order, i, window)
	}
	w.last, w.lastH = window, h
	return h
}

// Windows calls fn for every window in ascending order until fn returns false. fn must not
// create or drop windows.
func (w *WindowedHash) Windows(fn func(window int64, h *Hash) bool) {
	for _, id := range w.order {
		if !fn(id, w.byID[id]) {
			return
		}
	}
}

// First is the lowest window.
func (w *WindowedHash) First() (window int64, ok bool) {
	if len(w.order) == 0 {
		return 0, false
	}
	return w.order[0], true
}

// DropBefore drops the windows below window and returns how many there were.
func (w *WindowedHash) DropBefore(window int64) (dropped int) {
	n, _ := slices.BinarySearch(w.order, window)
	if n == 0 {
		return 0
	}
	for _, id := range w.order[:n] {
		w.byID[id].Close()
		delete(w.byID, id)
	}
	w.order = slices.Delete(w.order, 0, n)
	w.lastH = nil
	// All ranges start at the lowest window, so the widest one holds the others.
	hi := windowKey(nil, window)
	if r := w.cur.ranges; len(r) == 0 || r[0].hi != nil && string(r[0].hi) < string(hi) {
		w.cur.ranges = []rangeDelete{{lo: []byte{}, hi: hi}}
	}
	return n
}

// windowKey appends window and key as checkpoints see them.
func windowKey(buf []byte, window int64) []byte {
	return binary.BigEndian.AppendUint64(buf, uint64(window)^1<<63)
}

func splitWindowKey(k []byte) (window int64, key []byte) {
	return int64(binary.BigEndian.Uint64(k) ^ 1<<63), k[windowBytes:]
}

// Len is the number of entries in all windows.
func (w *WindowedHash) Len() int {
	n := 0
	for _, h := range w.byID {
		n += h.Len()
	}
	return n
}

// Bytes is the memory of all windows and recorded changes.
func (w *WindowedHash) Bytes() int64 {
	n := w.changes.bytes()
	for _, h := range w.byID {
		n += h.Bytes()
	}
	return n
}

// Load puts an entry back at recovery. It fails with a *SizeError or ErrClosed.
func (w *WindowedHash) Load(key, val []byte) error {
	if w.closed() {
		return ErrClosed
	}
	if len(key) < windowBytes {
		return &SizeError{What: "key", Got: len(key), Max: windowBytes + w.opts.KeySize}
	}
	window, k := splitWindowKey(key)
	return w.Window(window, true).Load(k, val)
}

func (w *WindowedHash) closed() bool {
	w.changes.mu.Lock()
	defer w.changes.mu.Unlock()
	return w.changes.closed
}

// Clear drops all windows.
func (w *WindowedHash) Clear() {
	w.dropAll()
	w.changes.forget()
	w.cur.ranges = append(w.cur.ranges[:0], rangeDelete{lo: []byte{}})
}

// Close gives the memory back. A Frozen taken before stays readable until discarded.
func (w *WindowedHash) Close() {
	w.dropAll()
	w.changes.close()
}

func (w *WindowedHash) dropAll() {
	for _, h := range w.byID {
		h.Close()
	}
	w.order, w.lastH = nil, nil
	clear(w.byID)
}

// windowFrozen is the Frozen of one window.
type windowFrozen struct {
	window int64
	f      *hashFrozen
}

type windowedFrozen struct {
	w    *chain
	segs []*segment
	wins []windowFrozen // ascending
	full bool
	done atomic.Bool
}

// Freeze hands over the changes since the last one. See Table.
func (w *WindowedHash) Freeze() (Frozen, error) {
	segs, err := w.changes.take(w.cur)
	if err != nil {
		return nil, err
	}
	if !w.cur.empty() {
		w.cur = newSegment(w.pool)
	}
	return w.freeze(&windowedFrozen{w: &w.changes, segs: segs})
}

// FreezeFull hands over all content. See Table.
func (w *WindowedHash) FreezeFull() (Frozen, error) {
	if w.closed() {
		return nil, ErrClosed
	}
	return w.freeze(&windowedFrozen{w: &w.changes, full: true})
}

func (w *WindowedHash) freeze(out *windowedFrozen) (Frozen, error) {
	for _, id := range w.order {
		h := w.byID[id]
		if !out.full && !h.changed() {
			continue
		}
		take := h.freeze
		if out.full {
			take = h.freezeFull
		}
		f, err := take()
		if err != nil {
			out.Discard(true)
			return nil, err
		}
		out.wins = append(out.wins, windowFrozen{id, f})
	}
	return out, nil
}

// changed says whether a Freeze would have anything to hand over.
func (h *Hash) changed() bool {
	st := &h.frozen
	if len(st.dirty) > 0 || !st.tombs.empty() {
		return true
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return len(st.older) > 0
}

// Emit implements Frozen.
func (f *windowedFrozen) Emit(put func(key, val []byte) error, del func(key []byte) error, delRange func(lo, hi []byte) error) error {
	if err := f.emitRanges(delRange); err != nil {
		return err
	}
	var buf []byte
	for _, win := range f.wins {
		buf = windowKey(buf[:0], win.window)
		err := win.f.Emit(
			func(key, val []byte) error { buf = append(buf[:windowBytes], key...); return put(buf, val) },
			func(key []byte) error { buf = append(buf[:windowBytes], key...); return del(buf) },
			func(_, _ []byte) error { return nil })
		if err != nil {
			return err
		}
	}
	return nil
}

// emitRanges hands over the drops, then the windows that were cleared.
func (f *windowedFrozen) emitRanges(delRange func(lo, hi []byte) error) error {
	for _, s := range f.segs {
		s.wait()
	}
	if err := newCoverage(f.segs).each(delRange); err != nil {
		return err
	}
	for _, win := range f.wins {
		err := win.f.emitRanges(func(_, _ []byte) error { // a Hash is only ever cleared whole
			var hi []byte
			if win.window != math.MaxInt64 {
				hi = windowKey(nil, win.window+1)
			}
			return delRange(windowKey(nil, win.window), hi)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Discard implements Frozen.
func (f *windowedFrozen) Discard(putBack bool) {
	if f.done.Swap(true) {
		return
	}
	for _, win := range f.wins {
		win.f.Discard(putBack)
	}
	if !f.full {
		f.w.giveBack(f.segs, putBack)
	}
}

var (
	_ Table  = (*WindowedHash)(nil)
	_ Frozen = (*windowedFrozen)(nil)
)
