package nexmark

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func mustNew(t testing.TB, cfg Config) *Generator {
	t.Helper()
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// An event is the same whatever was generated before it and by whom.
func TestPure(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{Seed: rapid.Uint64().Draw(t, "seed"), MaxOutOfOrder: time.Duration(rapid.IntRange(0, 5000).Draw(t, "ooo")) * time.Millisecond}
		a, errA := New(cfg)
		b, errB := New(cfg)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		i := rapid.Uint64Range(0, 1<<40).Draw(t, "i")
		other := rapid.Uint64Range(0, 1<<40).Draw(t, "other")
		var x, y Event
		a.Fill(&x, i)
		b.Fill(&y, other)
		b.Fill(&y, i)
		if jx, jy := x.AppendJSON(nil), y.AppendJSON(nil); !bytes.Equal(jx, jy) {
			t.Fatalf("event %d differs:\n%s\n%s", i, jx, jy)
		}
	})
}

func TestSeedMatters(t *testing.T) {
	t.Parallel()
	var x, y Event
	mustNew(t, Config{Seed: 1}).Fill(&x, 4)
	mustNew(t, Config{Seed: 2}).Fill(&y, 4)
	if bytes.Equal(x.AppendJSON(nil), y.AppendJSON(nil)) {
		t.Fatal("two seeds make the same bid")
	}
}

// The stream is frozen: data that was loaded with one version is made again by
// the next.
func TestGolden(t *testing.T) {
	t.Parallel()
	g := mustNew(t, Config{Seed: 42})
	var ev Event
	for i, want := range goldenEvents {
		g.Fill(&ev, i)
		if got := string(ev.AppendJSON(nil)); got != want {
			t.Errorf("event %d:\n got %s\nwant %s", i, got, want)
		}
	}
}

func TestProportionsIdsAndSizes(t *testing.T) {
	t.Parallel()
	g := mustNew(t, Config{Seed: 7})
	var ev Event
	var count [numKinds]int
	var size [numKinds]int
	hot := 0
	for i := range uint64(100 * EpochEvents * 10) {
		g.Fill(&ev, i)
		json := ev.AppendJSON(nil)
		if len(json) > 450 {
			t.Fatalf("event %d has %d bytes", i, len(json))
		}
		switch ev.Kind {
		case KindPerson:
			if want := int64(count[KindPerson]) + FirstPersonID; ev.Person.ID != want {
				t.Fatalf("event %d: person %d, want %d", i, ev.Person.ID, want)
			}
		case KindAuction:
			a := ev.Auction
			if want := int64(count[KindAuction]) + FirstAuctionID; a.ID != want {
				t.Fatalf("event %d: auction %d, want %d", i, a.ID, want)
			}
			checkRef(t, i, a.Seller, FirstPersonID, lastPerson(i)+personLead)
			if a.Expires <= a.DateTime || a.Reserve < a.InitialBid {
				t.Fatalf("event %d: %+v", i, a)
			}
		case KindBid:
			b := ev.Bid
			checkRef(t, i, b.Auction, FirstAuctionID, lastAuction(i)+auctionLead)
			checkRef(t, i, b.Bidder, FirstPersonID, lastPerson(i)+personLead)
			if b.Price < 100 || b.Price > 100_000_000 {
				t.Fatalf("event %d: price %d", i, b.Price)
			}
			if (b.Auction-FirstAuctionID)%hotGroup == 0 {
				hot++
			}
		}
		count[ev.Kind]++
		size[ev.Kind] += len(json)
	}
	if want := [numKinds]int{1000, 3000, 46000}; count != want {
		t.Errorf("counts %v, want %v", count, want)
	}
	if mean := float64(size[KindBid]) / float64(count[KindBid]); math.Abs(mean-235) > 3 {
		t.Errorf("bids have %.1f bytes on average, want about 235", mean)
	}
	if share := float64(hot) / float64(count[KindBid]); share < 0.48 || share > 0.55 {
		t.Errorf("%.2f of the bids go to hot auctions, want about a half", share)
	}
}

func checkRef(t *testing.T, i uint64, id, first, last int64) {
	t.Helper()
	if id < first || id > first+last+1 {
		t.Fatalf("event %d refers to %d, outside of %d to %d", i, id, first, first+last+1)
	}
}

func TestJSONIsValidAndAgreesWithColumns(t *testing.T) {
	t.Parallel()
	g := mustNew(t, Config{Seed: 3})
	var ev Event
	for i := range uint64(5000) {
		g.Fill(&ev, i)
		text := ev.AppendJSON(nil)
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		var cols []string
		for {
			tok, err := dec.Token()
			if err != nil {
				break
			}
			if _, ok := tok.(json.Delim); !ok {
				cols = append(cols, fmt.Sprint(tok))
			}
		}
		var values []string
		for k := 1; k < len(cols); k += 2 {
			values = append(values, cols[k])
		}
		if got, want := string(ev.AppendCopyText(nil)), strings.Join(values, "\t")+"\n"; got != want {
			t.Fatalf("event %d: COPY %q, JSON %q", i, got, want)
		}
		if got, want := string(ev.AppendCSV(nil)), strings.Join(values, ",")+"\n"; got != want {
			t.Fatalf("event %d: CSV %q, JSON %q", i, got, want)
		}
		if !json.Valid(text) {
			t.Fatalf("event %d is no JSON: %s", i, text)
		}
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(0, time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).UnixMilli()).Draw(t, "ms")
		want := time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05.000")
		if got := string(AppendTime(nil, ms*1000)); got != want {
			t.Fatalf("%d: %s, want %s", ms, got, want)
		}
	})
	g := mustNew(t, Config{Gap: EventsPerSecond(50_000)})
	if got := string(AppendTime(nil, g.Time(50_000*61+1))); got != "2026-01-01 00:01:01.000" {
		t.Errorf("event time %s", got)
	}
}

func TestOutOfOrderIsBounded(t *testing.T) {
	t.Parallel()
	const most = 2 * time.Second
	g := mustNew(t, Config{MaxOutOfOrder: most})
	var ev Event
	moved := 0
	for i := range uint64(10_000) {
		g.Fill(&ev, i)
		at := map[Kind]Micros{KindPerson: ev.Person.DateTime, KindAuction: ev.Auction.DateTime, KindBid: ev.Bid.DateTime}[ev.Kind]
		back := g.Time(i) - at
		if back < 0 || back > most.Microseconds()+1000 {
			t.Fatalf("event %d is %d µs back", i, back)
		}
		if back > 0 {
			moved++
		}
	}
	if moved < 9000 {
		t.Errorf("only %d of 10,000 events were moved", moved)
	}
}

func TestBadConfig(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"gap": {Gap: -1}, "long gap": {Gap: 2 * time.Hour}, "disorder": {MaxOutOfOrder: -1},
		"ratio": {HotAuctionRatio: -1}, "base": {BaseTime: time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	g := mustNew(t, Config{})
	ev := new(Event)
	buf := make([]byte, 0, 1024)
	i := uint64(0)
	if n := testing.AllocsPerRun(1000, func() {
		g.Fill(ev, i)
		buf = ev.AppendJSON(buf[:0])
		i++
	}); n != 0 {
		t.Errorf("%v allocations an event", n)
	}
}

func BenchmarkJSON(b *testing.B) {
	g := mustNew(b, Config{})
	ev := new(Event)
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	bytes, i := 0, uint64(0)
	for b.Loop() {
		g.Fill(ev, i)
		buf = ev.AppendJSON(buf[:0])
		bytes += len(buf)
		i++
	}
	b.SetBytes(int64(bytes / b.N))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mevents/s")
}
