package exec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"pgregory.net/rapid"
)

// A trow is one row of a property test.
type trow []delta.Datum

// zset is a bag of rows with signed counts, by the rows' exact identity.
type zset map[string]*zentry

type zentry struct {
	row trow
	n   int64
}

func rowBatch(ts []types.Type, rows ...trow) *delta.Batch {
	b := delta.NewBatch(ts, len(rows))
	for _, r := range rows {
		for c, d := range r {
			b.Cols[c].AppendDatum(d)
		}
		b.AppendWeight(1)
	}
	return b
}

func rowTypes(r trow) []types.Type {
	ts := make([]types.Type, len(r))
	for i, d := range r {
		ts[i] = d.T
	}
	return ts
}

// exactly is equal for rows that print the same, loosely for rows whose values
// are equal.
func exactly(r trow) string {
	return string(values.RowIdentity(nil, rowBatch(rowTypes(r), r).Cols, 0))
}

func loosely(r trow) string {
	var k []byte
	for _, d := range r {
		k = values.AppendKeyDatum(k, d)
	}
	return string(k)
}

func (z zset) add(r trow, n int64) {
	k := exactly(r)
	e := z[k]
	if e == nil {
		e = &zentry{row: r}
		z[k] = e
	}
	if e.n += n; e.n == 0 {
		delete(z, k)
	}
}

func (z zset) addBatch(b *delta.Batch) {
	for i := range b.N {
		r := make(trow, len(b.Cols))
		for c, v := range b.Cols {
			r[c] = v.At(i)
		}
		z.add(r, b.Weight(i))
	}
}

// sorted are the entries in a fixed order, so that a seed gives one run.
func (z zset) sorted() []*zentry {
	keys := make([]string, 0, len(z))
	for k := range z {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	out := make([]*zentry, len(keys))
	for i, k := range keys {
		out[i] = z[k]
	}
	return out
}

func rowString(r trow) string {
	var s []string
	for _, d := range r {
		if d.Null {
			s = append(s, "NULL")
		} else if t := string(values.AppendDatumText(nil, d, &values.TextOpts{})); len(t) > 60 {
			s = append(s, fmt.Sprintf("%s…(%d)", t[:20], len(t)))
		} else {
			s = append(s, t)
		}
	}
	return "(" + strings.Join(s, ", ") + ")"
}

// differ compares an output with what it must be: no row is negative, and rows
// that are equal by value are there equally often.
func differ(got, want zset) error {
	g, w := map[string]int64{}, map[string]int64{}
	show := map[string]string{}
	for _, e := range got.sorted() {
		if e.n < 0 {
			return fmt.Errorf("%+d %s is negative", e.n, rowString(e.row))
		}
		k := loosely(e.row)
		g[k] += e.n
		show[k] = rowString(e.row)
	}
	for _, e := range want.sorted() {
		k := loosely(e.row)
		w[k] += e.n
		show[k] = rowString(e.row)
	}
	var diff []string
	for k, s := range show {
		if g[k] != w[k] {
			diff = append(diff, fmt.Sprintf("%s: %d times, want %d", s, g[k], w[k]))
		}
	}
	if len(diff) == 0 {
		return nil
	}
	slices.Sort(diff)
	return fmt.Errorf("%s", strings.Join(diff[:min(len(diff), 12)], "\n"))
}

// Values that are equal but look different, and the odd ones, come often.
var samples = map[uint32][]string{
	types.OIDInt8:      {"0", "1", "2", "3", "-1", "9223372036854775807", "-9223372036854775808"},
	types.OIDInt4:      {"0", "1", "2", "-7", "2147483647"},
	types.OIDInt2:      {"0", "1", "-5"},
	types.OIDFloat8:    {"0", "-0", "1.5", "-2.25", "NaN", "Infinity", "-Infinity", "4"},
	types.OIDFloat4:    {"0", "-0", "1.5", "NaN"},
	types.OIDNumeric:   {"1.0", "1.00", "0", "0.00", "-2.5", "NaN", "123456789012345678901234567890.12", "7"},
	types.OIDText:      {"", "a", "ab", "b", "\U0001F600"},
	types.OIDBytea:     {`\x`, `\x00`, `\x0001`, `\xff`},
	types.OIDBool:      {"t", "f"},
	types.OIDDate:      {"2000-01-01", "1999-12-31", "infinity"},
	types.OIDTimestamp: {"2000-01-01", "1999-12-31 23:59:59.999999", "2024-02-29 12:00"},
	types.OIDInterval:  {"1 mon", "30 days", "720:00:00", "1 day", "-1 day", "0"},
	types.OIDJSONB:     {"1", "1.0", `"a"`, `[1, 2]`, `{}`, `null`, `{"a": 1.00}`},
	1016:               {"{}", "{1}", "{1,NULL}", "{2}"}, // int8[]
	1231:               {"{1.0}", "{1.00}", "{}"},        // numeric[]
}

var sampleTypes = []types.Type{
	types.Int8, types.Int4, types.Int2, types.Float8, types.Float4, types.Numeric, types.Text, types.Bytea, types.Boolean,
	types.Date, types.Timestamp, types.Interval, types.JSONB, {OID: 1016, Mod: -1}, {OID: 1231, Mod: -1},
}

var sampleDatums = func() map[uint32][]delta.Datum {
	m := map[uint32][]delta.Datum{}
	for oid, texts := range samples {
		for _, s := range texts {
			d, err := values.ParseDatum(types.Type{OID: oid, Mod: -1}, []byte(s), &values.TextOpts{})
			if err != nil {
				panic(fmt.Sprint(oid, s, err))
			}
			m[oid] = append(m[oid], d)
		}
	}
	return m
}()

func drawDatum(rt *rapid.T, t types.Type) delta.Datum {
	if rapid.IntRange(0, 7).Draw(rt, "null") == 0 {
		return delta.NullOf(t)
	}
	d := rapid.SampledFrom(sampleDatums[t.OID]).Draw(rt, "value")
	d.T = t
	return d
}

// history is the random life of one input: its rows so far.
type history struct {
	ts         []types.Type
	appendOnly bool
	now        zset
	// draw overrides how a column is drawn; nil: drawDatum.
	draw map[int]func(rt *rapid.T) delta.Datum
	rng  uint64
}

func newHistory(rt *rapid.T, ts []types.Type, appendOnly bool) *history {
	return &history{ts: ts, appendOnly: appendOnly, now: zset{}, rng: rapid.Uint64().Draw(rt, "rng") | 1}
}

// next is a cheap random number: drawing each of 10,000 rows by rapid is slow.
func (h *history) next(n int) int {
	h.rng ^= h.rng << 13
	h.rng ^= h.rng >> 7
	h.rng ^= h.rng << 17
	return int(h.rng >> 11 % uint64(n))
}

func (h *history) row(rt *rapid.T) trow {
	r := make(trow, len(h.ts))
	for c, t := range h.ts {
		if f := h.draw[c]; f != nil {
			r[c] = f(rt)
		} else {
			r[c] = drawDatum(rt, t)
		}
	}
	return r
}

// change is one weighted row of a step.
type weighted struct {
	row trow
	w   int64
}

// step draws a valid delta of about n rows: the bag never becomes negative at
// its end, but on the way rows leave before they come, and come and go.
func (h *history) step(rt *rapid.T, n int) []weighted {
	var pool []trow
	for range min(n, 12) {
		pool = append(pool, h.row(rt))
	}
	live := h.now.sorted()
	if len(live) > 64 {
		live = live[h.next(len(live)-63):][:64]
	}
	var out []weighted
	put := func(r trow, w int64) {
		out = append(out, weighted{r, w})
	}
	left := map[string]int64{}
	for i := range n {
		switch k := h.next(8); {
		case h.appendOnly || k < 4 || len(live) == 0 && k < 6:
			put(pool[h.next(len(pool))], int64(1+h.next(8)/7))
		case k < 6:
			e := live[h.next(len(live))]
			id := exactly(e.row)
			if _, ok := left[id]; !ok {
				left[id] = e.n
			}
			if left[id] > 0 {
				w := 1 + int64(h.next(int(left[id])))
				left[id] -= w
				put(e.row, -w)
			}
		default: // comes and goes
			r := pool[h.next(len(pool))]
			if i%2 == 0 && len(live) > 0 {
				r = live[h.next(len(live))].row
			}
			w := int64(1 + h.next(2))
			put(r, w)
			put(r, -w)
		}
	}
	for i := len(out) - 1; i > 0; i-- {
		j := h.next(i + 1)
		out[i], out[j] = out[j], out[i]
	}
	for _, c := range out {
		h.now.add(c.row, c.w)
	}
	return out
}

// batches splits a delta at a size.
func batches(ts []types.Type, cs []weighted, size int) []*delta.Batch {
	var out []*delta.Batch
	for lo := 0; lo < len(cs); lo += size {
		b := delta.NewBatch(ts, 0)
		for _, c := range cs[lo:min(lo+size, len(cs))] {
			for k, d := range c.row {
				b.Cols[k].AppendDatum(d)
			}
			b.AppendWeight(c.w)
		}
		out = append(out, b)
	}
	return out
}
