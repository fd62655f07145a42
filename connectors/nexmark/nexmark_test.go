package nexmark

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/nexmark"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// columnsOf are all columns of a table.
func columnsOf(k nexmark.Kind) []Column {
	var cols []Column
	for _, f := range fields[k] {
		c := Column{f.name, types.Varchar}
		if f.num != nil {
			c.Type = types.Int8
		} else if f.time != nil {
			c.Type = types.Timestamp
		}
		cols = append(cols, c)
	}
	return cols
}

// The rows of all splits are the generator's events, whatever the budgets and
// bounds are and however often the reader is opened again.
func TestRowsAreTheEvents(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, k := range []nexmark.Kind{nexmark.KindPerson, nexmark.KindAuction, nexmark.KindBid} {
		for _, splits := range []int{1, 3, 8} {
			events := uint64(rng.IntN(3000) + 1)
			s, err := New(Options{Kind: k, Splits: splits, Events: events, Unpaced: true, Columns: columnsOf(k)})
			if err != nil {
				t.Fatal(err)
			}
			got := readAll(t, s, rng)
			gen, _ := nexmark.New(nexmark.Config{})
			var ev nexmark.Event
			n := 0
			for i := range events {
				if nexmark.KindOf(i) != k {
					continue
				}
				gen.Fill(&ev, i)
				want := string(ev.AppendCSV(nil))
				if line := got[int32(n%splits)][n/splits]; line != want[:len(want)-1] {
					t.Fatalf("%s event %d: %s, want %s", k, i, line, want)
				}
				n++
			}
			total := 0
			for _, rows := range got {
				total += len(rows)
			}
			if total != n {
				t.Fatalf("%d rows, want %d", total, n)
			}
		}
	}
}

func readAll(t *testing.T, s *Spec, rng *rand.Rand) map[int32][]string {
	t.Helper()
	at, _ := s.Resolve(nil)
	end, err := s.End(nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[int32][]string{}
	all := make([]int, len(s.opts.Columns))
	for i := range all {
		all[i] = i
	}
	d, err := s.NewDecoder(all)
	if err != nil {
		t.Fatal(err)
	}
	for done := false; !done; {
		r, err := s.Open(at, func() {})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			until := source.Offsets{}
			for p, n := range at {
				until[p] = min(end[p], n+int64(rng.IntN(500)))
			}
			b := source.Budget{Rows: 1 + rng.IntN(900), Bytes: 1 << 20}
			chunks, err := r.Take(b, until)
			if err != nil {
				t.Fatal(err)
			}
			rows := 0
			for i := range chunks {
				c := &chunks[i]
				if c.First != at[c.Partition] || c.Next > until[c.Partition] {
					t.Fatalf("chunk %+v at %v until %v", c, at, until)
				}
				at[c.Partition] = c.Next
				rows += c.Rows
				if err := d.Decode(c, func(b *delta.Batch) error {
					got[c.Partition] = append(got[c.Partition], lines(b)...)
					return nil
				}, func(d source.DeadRow) { t.Errorf("dead: %+v", d) }); err != nil {
					t.Fatal(err)
				}
			}
			if rows > b.Rows {
				t.Fatalf("%d rows within %+v", rows, b)
			}
		}
		r.Close()
		done = true
		for p, n := range end {
			done = done && at[p] == n
		}
	}
	return got
}

// lines are the rows as CSV; times have milliseconds as the generator's text.
func lines(b *delta.Batch) []string {
	var out []string
	for i := range b.N {
		var line []byte
		for c, v := range b.Cols {
			if c > 0 {
				line = append(line, ',')
			}
			if v.T.OID == types.OIDTimestamp {
				line = nexmark.AppendTime(line, v.I[i]+946684800000000)
				continue
			}
			line = values.AppendText(line, v, i, nil)
		}
		out = append(out, string(line))
	}
	return out
}

func TestPace(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Kind: nexmark.KindBid, Splits: 2, Gap: time.Second, Columns: columnsOf(nexmark.KindBid)})
	if err != nil {
		t.Fatal(err)
	}
	clock := time.Unix(1000, 0)
	s.now = func() time.Time { return clock }
	s.pace(nil)
	total := func() int64 { e, _ := s.End(nil); return e[0] + e[1] }
	if n := total(); n != 0 {
		t.Fatal(n)
	}
	clock = clock.Add(50 * time.Second)
	if n := total(); n != 46 {
		t.Fatal(n)
	}
	s.pace(source.Offsets{0: 5, 1: 5}) // a view that catches up changes nothing
	if n := total(); n != 46 {
		t.Fatal(n)
	}
	s.pace(source.Offsets{0: 100, 1: 100}) // a restart goes on from where it stood
	if n := total(); n != 200 {
		t.Fatal(n)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	o, _, err := ParseOptions(map[string]string{
		"connector": "nexmark", "nexmark.table.type": "Bid", "nexmark.split.num": "4",
		"nexmark.event.num": "1000", "nexmark.min.event.gap.in.ns": "0",
	})
	if err != nil || o.Kind != nexmark.KindBid || o.Splits != 4 || o.Events != 1000 || !o.Unpaced {
		t.Fatalf("%+v %v", o, err)
	}
	for _, c := range []struct {
		with map[string]string
		code string
	}{
		{map[string]string{}, pgerr.InvalidParameterValue},
		{map[string]string{"nexmark.table.type": "Bids"}, pgerr.InvalidParameterValue},
		{map[string]string{"nexmark.table.type": "bid", "nexmark.split.num": "0"}, pgerr.InvalidParameterValue},
		{map[string]string{"nexmark.table.type": "bid", "nexmark.split": "1"}, pgerr.SyntaxError},
	} {
		if _, _, err := ParseOptions(c.with); !pgerr.Is(err, c.code) {
			t.Errorf("%v: %v, want %s", c.with, err, c.code)
		}
	}
	for _, c := range []struct {
		col  Column
		code string
	}{
		{Column{"nope", types.Int8}, pgerr.UndefinedColumn},
		{Column{"price", types.Text}, pgerr.DatatypeMismatch},
	} {
		if _, err := New(Options{Kind: nexmark.KindBid, Columns: []Column{c.col}}); !pgerr.Is(err, c.code) {
			t.Errorf("%v: %v, want %s", c.col, err, c.code)
		}
	}
	s, err := New(Options{Kind: nexmark.KindBid, Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.End(nil); !pgerr.Is(err, pgerr.FeatureNotSupported) {
		t.Fatal(err)
	}
}

func BenchmarkBids(b *testing.B) {
	s, err := New(Options{Kind: nexmark.KindBid, Unpaced: true, Columns: columnsOf(nexmark.KindBid)})
	if err != nil {
		b.Fatal(err)
	}
	d, err := s.NewDecoder([]int{0, 1, 2, 3, 4, 5, 6})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	c := source.Chunk{Next: int64(b.N)}
	if err := d.Decode(&c, func(*delta.Batch) error { return nil }, nil); err != nil {
		b.Fatal(err)
	}
}
