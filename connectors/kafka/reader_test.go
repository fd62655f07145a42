package kafka

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

// checkRows compares with ids [0, n), id i in partition i modulo parts.
func checkRows(t *testing.T, c *consumer, parts, n int) {
	t.Helper()
	for p := range parts {
		rows := c.rows[int32(p)]
		for k, g := range rows {
			if want := int64(k*parts + p); g.id != want || g.name != fmt.Sprintf("row %d", want) {
				t.Fatalf("partition %d row %d: %+v, want id %d", p, k, g, want)
			}
		}
		if want := (n - p + parts - 1) / parts; len(rows) != want {
			t.Fatalf("partition %d: %d rows, want %d", p, len(rows), want)
		}
	}
	if len(c.dead) > 0 {
		t.Fatalf("dead: %+v", c.dead)
	}
}

func TestTakeAllBudgetsAndBounds(t *testing.T) {
	testkafka.Both(t, func(t *testing.T, addr string) {
		t.Parallel()
		const parts, n = 3, 5000
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		rng := rand.New(rand.NewPCG(seed, 0))
		topic := testkafka.Topic(t, addr, parts)
		produceRows(t, producer(t, addr), topic, parts, 0, n)
		o := testOptions(addr, topic)
		o.FetchMaxPartitionBytes, o.BufferBytes, o.BufferRecords = 8<<10, 32<<10, 500
		s := newSpec(t, o)
		end, err := s.End(nil)
		if err != nil {
			t.Fatal(err)
		}
		from, err := s.Resolve(nil)
		if err != nil {
			t.Fatal(err)
		}
		c := consume(t, s, from)
		for !c.reached(end) {
			until := source.Offsets{}
			for p, at := range c.at {
				if rng.IntN(4) > 0 {
					until[p] = min(end[p], at+int64(rng.IntN(300)))
				}
			}
			for !c.reached(until) {
				b := source.Budget{Rows: 1 + rng.IntN(400), Bytes: 1 + rng.IntN(20_000)}
				k, err := c.take(b, until)
				if err != nil {
					t.Fatal(err)
				}
				if k == 0 {
					c.wait()
				}
			}
			for p, n := range until {
				if c.at[p] != n {
					t.Fatalf("partition %d stands at %d, not at the bound %d", p, c.at[p], n)
				}
			}
			if rng.IntN(20) == 0 { // a restart
				c.r.Close()
				again := consume(t, s, c.at)
				again.rows = c.rows
				c = again
			}
		}
		checkRows(t, c, parts, n)
	})
}

func TestStatusAndEnd(t *testing.T) {
	testkafka.Both(t, func(t *testing.T, addr string) {
		t.Parallel()
		topic := testkafka.Topic(t, addr, 2)
		cl := producer(t, addr)
		produceRows(t, cl, topic, 2, 0, 10)
		s := newSpec(t, testOptions(addr, topic))
		c := consume(t, s, nil)
		c.takeRows(10)
		c.waitFor("the ends", func(st source.Status) bool { return st.End[0] == 5 && st.End[1] == 5 && st.Waiting == "" })
		produceRows(t, cl, topic, 2, 10, 14)
		c.takeRows(14)
		checkRows(t, c, 2, 14)
		c.waitFor("the ends", func(st source.Status) bool { return st.End[0] == 7 && st.End[1] == 7 })
		if n := c.r.Buffered(); n != 0 {
			t.Fatalf("%d buffered", n)
		}
	})
}

func TestStartupModes(t *testing.T) {
	testkafka.Both(t, func(t *testing.T, addr string) {
		t.Parallel()
		topic := testkafka.Topic(t, addr, 1)
		cl := producer(t, addr)
		produceRows(t, cl, topic, 1, 0, 5)
		o := testOptions(addr, topic)
		o.Startup = Latest
		c := consume(t, newSpec(t, o), nil)
		// The start is told to the graph, which keeps it.
		for c.at[0] != 5 {
			if _, err := c.take(everything, nil); err != nil {
				t.Fatal(err)
			}
			if c.at[0] != 5 {
				c.wait()
			}
		}
		produceRows(t, cl, topic, 1, 5, 6)
		c.takeRows(1)
		if g := c.rows[0][0]; g.id != 5 {
			t.Fatalf("%+v", g)
		}
		o.Startup, o.StartupMillis = Timestamp, 1
		from, err := newSpec(t, o).Resolve(nil)
		if err != nil || from[0] != 0 {
			t.Fatal(from, err)
		}
	})
}

func TestMissingTopicAppears(t *testing.T) {
	testkafka.Both(t, func(t *testing.T, addr string) {
		t.Parallel()
		topic := "missing-" + strings.ReplaceAll(testkafka.Topic(t, addr, 1), "/", "-")
		o := testOptions(addr, topic)
		o.Startup = Latest
		c := consume(t, newSpec(t, o), nil)
		c.waitFor("the missing topic", func(st source.Status) bool {
			return strings.HasPrefix(st.Waiting, fmt.Sprintf("topic %q does not exist; next try in", topic))
		})
		testkafka.CreateTopic(t, addr, topic, 1)
		produceRows(t, producer(t, addr), topic, 1, 0, 3)
		c.takeRows(3)
		checkRows(t, c, 1, 3)
		if w := c.r.Status().Waiting; w != "" {
			t.Fatal(w)
		}
	})
}
