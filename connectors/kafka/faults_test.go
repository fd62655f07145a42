package kafka

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

// transact writes ids [lo, hi) to partition 0 in one transaction.
func transact(t testing.TB, cl *kgo.Client, topic string, lo, hi int, commit kgo.TransactionEndTry) {
	t.Helper()
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for i := lo; i < hi; i++ {
		produce(t, cl, row(topic, 0, i))
	}
	if err := cl.EndTransaction(within(t), commit); err != nil {
		t.Fatal(err)
	}
}

func ids(rows []got) []int64 {
	var out []int64
	for _, g := range rows {
		out = append(out, g.id)
	}
	return out
}

// Transactions leave markers and aborted records, which have offsets and no rows;
// every offset can be a bound.
func TestTransactions(t *testing.T) {
	testkafka.Both(t, func(t *testing.T, addr string) {
		t.Parallel()
		topic := testkafka.Topic(t, addr, 1)
		cl := producer(t, addr, kgo.TransactionalID("tx-"+topic), kgo.ProducerLinger(0))
		plain := producer(t, addr)
		produce(t, plain, row(topic, 0, 0))
		transact(t, cl, topic, 1, 3, kgo.TryCommit)  // offsets 1, 2, marker 3
		transact(t, cl, topic, 90, 93, kgo.TryAbort) // 4 to 6, marker 7
		produce(t, plain, row(topic, 0, 3))          // 8
		transact(t, cl, topic, 4, 5, kgo.TryCommit)  // 9, marker 10
		transact(t, cl, topic, 95, 96, kgo.TryAbort) // 11, marker 12
		s := newSpec(t, testOptions(addr, topic))
		// The coordinator answers before the partition has the last marker.
		for end, ctx := (source.Offsets{}), within(t); end[0] != 13; {
			var err error
			if end, err = s.End(nil); err != nil || end[0] > 13 || ctx.Err() != nil {
				t.Fatal(end, err, ctx.Err())
			}
		}
		want := []int64{0, 1, 2, 3, 4}
		for step := int64(1); step <= 13; step++ {
			for from := int64(0); from < 13; from += step {
				c := consume(t, s, source.Offsets{0: from})
				for at := from; at < 13; {
					at = min(at+step, 13)
					c.until(source.Offsets{0: at})
					if c.at[0] != at {
						t.Fatalf("from %d by %d: at %d, want %d", from, step, c.at[0], at)
					}
				}
				c.r.Close()
				have := ids(c.rows[0])
				if len(have) > len(want) || fmt.Sprint(have) != fmt.Sprint(want[len(want)-len(have):]) {
					t.Fatalf("from %d: %v", from, have)
				}
				if from == 0 && len(have) != len(want) {
					t.Fatalf("from 0: %v", have)
				}
			}
		}
	})
}

// An open transaction holds back what comes after it, and End does not count it.
func TestOpenTransaction(t *testing.T) {
	testkafka.Both(t, func(t *testing.T, addr string) {
		t.Parallel()
		topic := testkafka.Topic(t, addr, 1)
		cl := producer(t, addr, kgo.TransactionalID("open-"+topic))
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		produce(t, cl, row(topic, 0, 1))
		produce(t, producer(t, addr), row(topic, 0, 2))
		s := newSpec(t, testOptions(addr, topic))
		if end, err := s.End(nil); err != nil || end[0] != 0 {
			t.Fatal(end, err)
		}
		c := consume(t, s, source.Offsets{0: 0})
		// The partition lags behind its end, so it is never idle.
		c.waitFor("the end", func(st source.Status) bool { return st.End[0] == 2 })
		if c.count() != 0 {
			t.Fatal(c.rows)
		}
		if err := cl.EndTransaction(within(t), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		c.takeRows(2)
		if got := fmt.Sprint(ids(c.rows[0])); got != "[1 2]" {
			t.Fatal(got)
		}
		c.until(source.Offsets{0: 3})
	})
}

func deleteRecords(t testing.TB, addr, topic string, before int64) {
	t.Helper()
	adm := kadm.NewClient(producer(t, addr))
	o := kadm.Offsets{}
	o.AddOffset(topic, 0, before, -1)
	rs, err := adm.DeleteRecords(within(t), o)
	if err != nil || rs.Error() != nil {
		t.Fatal(err, rs.Error())
	}
}

func TestDataLoss(t *testing.T) {
	testkafka.Both(t, func(t *testing.T, addr string) {
		t.Parallel()
		topic := testkafka.Topic(t, addr, 1)
		produceRows(t, producer(t, addr), topic, 1, 0, 20)
		deleteRecords(t, addr, topic, 12)
		o := testOptions(addr, topic)

		failing := consume(t, newSpec(t, o), source.Offsets{0: 5})
		var err error
		for err == nil {
			if _, err = failing.take(everything, nil); err == nil {
				failing.wait()
			}
		}
		if !pgerr.Is(err, pgerr.DataException) {
			t.Fatal(err)
		}
		for _, w := range []string{topic, "partition 0", "offsets 12 to 20", "but 5 is the next"} {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q is not in %v", w, err)
			}
		}
		if !strings.Contains(pgerr.From(err).Hint, "on_data_loss") {
			t.Errorf("hint %q", pgerr.From(err).Hint)
		}
		if _, again := failing.take(everything, nil); again == nil {
			t.Error("the error is not final")
		}

		o.OnDataLoss = OnLossContinue
		s := newSpec(t, o)
		c := consume(t, s, source.Offsets{0: 5})
		c.until(source.Offsets{0: 9}) // within what is gone
		c.until(source.Offsets{0: 20})
		if have := ids(c.rows[0]); len(have) != 8 || have[0] != 12 {
			t.Fatal(have)
		}
		if n := c.r.Status().Notices; len(n) != 1 || !strings.Contains(n[0], "offsets 5 to 11 were deleted") {
			t.Fatal(n)
		}

		from, notices, err := s.Begin(source.Offsets{0: 3}, nil)
		if err != nil || from[0] != 12 || len(notices) != 1 {
			t.Fatal(from, notices, err)
		}

		// A log that is shorter than what was read is not the same log.
		c = consume(t, s, source.Offsets{0: 99})
		for err = nil; err == nil; {
			if _, err = c.take(everything, nil); err == nil {
				c.wait()
			}
		}
		if !strings.Contains(err.Error(), "but 99 is the next") {
			t.Fatal(err)
		}
	})
}

func TestNewPartitions(t *testing.T) {
	testkafka.Both(t, func(t *testing.T, addr string) {
		t.Parallel()
		topic := testkafka.Topic(t, addr, 1)
		cl := producer(t, addr)
		produceRows(t, cl, topic, 1, 0, 3)
		o := testOptions(addr, topic)
		o.Startup = Latest // new partitions start at 0 all the same
		s := newSpec(t, o)
		from, err := s.Resolve(nil)
		if err != nil {
			t.Fatal(err)
		}
		c := consume(t, s, from)
		adm := kadm.NewClient(cl)
		if rs, err := adm.UpdatePartitions(within(t), 2, topic); err != nil || rs.Error() != nil {
			t.Fatal(err, rs.Error())
		}
		cl.ForceMetadataRefresh()
		retry(t, func() error {
			return producer(t, addr).ProduceSync(within(t), row(topic, 1, 7)).FirstErr()
		})
		c.takeRows(1)
		if g := c.rows[1]; len(g) != 1 || g[0].id != 7 || g[0].offset != 0 {
			t.Fatalf("%+v", c.rows)
		}
		// The same after a restart that has not seen the partition.
		c = consume(t, s, from)
		c.takeRows(1)
		if g := c.rows[1]; len(g) != 1 || g[0].offset != 0 {
			t.Fatalf("%+v", c.rows)
		}
	})
}

// retry tries until there is no error.
func retry(t testing.TB, fn func() error) {
	t.Helper()
	ctx := within(t)
	for {
		err := fn()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestGroupCommit(t *testing.T) {
	testkafka.Both(t, func(t *testing.T, addr string) {
		t.Parallel()
		topic := testkafka.Topic(t, addr, 2)
		produceRows(t, producer(t, addr), topic, 2, 0, 10)
		o := testOptions(addr, topic)
		o.GroupID = "group-" + topic
		s := newSpec(t, o)
		for i := int64(0); i <= 4; i++ {
			s.Commit(source.Offsets{0: i, 1: i + 1})
		}
		adm := kadm.NewClient(producer(t, addr))
		retry(t, func() error {
			rs, err := adm.FetchOffsets(within(t), o.GroupID)
			if err != nil {
				return err
			}
			a, _ := rs.Lookup(topic, 0)
			b, _ := rs.Lookup(topic, 1)
			if a.At != 4 || b.At != 5 {
				return fmt.Errorf("committed %d, %d", a.At, b.At)
			}
			return nil
		})
	})
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// A broker that is away at the start, comes, goes and comes again.
func TestBrokerComesAndGoes(t *testing.T) {
	t.Parallel()
	port, dir := freePort(t), t.TempDir()
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	start := func() *kfake.Cluster {
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port), kfake.DataDir(dir), kfake.SyncWrites())
		if err != nil {
			t.Fatal(err)
		}
		return cluster
	}
	o := testOptions(addr, "t")
	s := newSpec(t, o)
	stop := make(chan struct{})
	resolved := make(chan error, 1)
	go func() { _, err := s.Resolve(stop); resolved <- err }()
	c := consume(t, s, nil)
	refused := func(st source.Status) bool {
		return strings.HasPrefix(st.Waiting, "broker "+addr+": connection refused; next try in ")
	}
	c.waitFor("a refusal", refused)
	if _, err := s.End(nil); !pgerr.Is(err, pgerr.ConnectionFailure) {
		t.Fatal(err)
	}
	close(stop)
	if err := <-resolved; !pgerr.Is(err, pgerr.QueryCanceled) {
		t.Fatal(err)
	}
	cluster := start()
	testkafka.CreateTopic(t, addr, "t", 1)
	produceRows(t, producer(t, addr), "t", 1, 0, 5)
	c.takeRows(5)
	cluster.Close()
	c.waitFor("an unreachable partition", func(st source.Status) bool {
		return st.Unreachable[0] && strings.Contains(st.Waiting, "127.0.0.1:")
	})
	cluster = start()
	defer cluster.Close()
	produceRows(t, producer(t, addr), "t", 1, 5, 8)
	c.takeRows(8)
	checkRows(t, c, 1, 8)
	c.waitFor("health", func(st source.Status) bool { return st.Waiting == "" && !st.Unreachable[0] })
}

// The real broker goes in the middle and comes again.
func TestRealBrokerRestart(t *testing.T) {
	t.Parallel()
	k := testkafka.New(t)
	topic := testkafka.Topic(t, k.Addr, 2)
	produceRows(t, producer(t, k.Addr), topic, 2, 0, 100)
	c := consume(t, newSpec(t, testOptions(k.Addr, topic)), nil)
	c.takeRows(100)
	k.Stop(t)
	c.waitFor("unreachable partitions", func(st source.Status) bool { return st.Unreachable[0] && st.Waiting != "" })
	k.Restart(t)
	produceRows(t, producer(t, k.Addr), topic, 2, 100, 150)
	c.takeRows(150)
	checkRows(t, c, 2, 150)
}

// Errors of every kind that brokers answer with are waited out.
func TestFetchErrors(t *testing.T) {
	t.Parallel()
	for _, e := range []*kerr.Error{
		kerr.NotLeaderForPartition, kerr.UnknownTopicOrPartition, kerr.UnknownTopicID, kerr.KafkaStorageError,
		kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch, kerr.OffsetNotAvailable, kerr.OffsetOutOfRange, kerr.UnknownServerError,
	} {
		t.Run(e.Message, func(t *testing.T) { fetchError(t, e.Code) })
	}
}

func fetchError(t *testing.T, code int16) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.SeedTopics(2, "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	addr := cluster.ListenAddrs()[0]
	times := 3
	cluster.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		if times == 0 {
			return nil, nil, false
		}
		cluster.KeepControl()
		r := req.(*kmsg.FetchRequest)
		resp := r.ResponseKind().(*kmsg.FetchResponse)
		for _, rt := range r.Topics {
			st := kmsg.NewFetchResponseTopic()
			st.Topic, st.TopicID = rt.Topic, rt.TopicID
			for _, rp := range rt.Partitions {
				sp := kmsg.NewFetchResponseTopicPartition()
				sp.Partition, sp.ErrorCode = rp.Partition, code
				st.Partitions = append(st.Partitions, sp)
			}
			resp.Topics = append(resp.Topics, st)
		}
		times--
		return resp, nil, true
	})
	produceRows(t, producer(t, addr), "t", 2, 0, 10)
	c := consume(t, newSpec(t, testOptions(addr, "t")), nil)
	c.takeRows(10)
	checkRows(t, c, 2, 10)
	// A new leader is found.
	for p := range int32(2) {
		to := int32(0)
		if cluster.LeaderFor("t", p) == 0 {
			to = 1
		}
		if err := cluster.MoveTopicPartition("t", p, to); err != nil {
			t.Fatal(err)
		}
	}
	produceRows(t, producer(t, addr), "t", 2, 10, 20)
	c.takeRows(20)
	checkRows(t, c, 2, 20)
}

func TestTopicCreatedAgain(t *testing.T) {
	testkafka.Both(t, func(t *testing.T, addr string) {
		t.Parallel()
		topic := testkafka.Topic(t, addr, 1)
		produceRows(t, producer(t, addr), topic, 1, 0, 3)
		c := consume(t, newSpec(t, testOptions(addr, topic)), nil)
		c.takeRows(3)
		adm := kadm.NewClient(producer(t, addr))
		if _, err := adm.DeleteTopics(within(t), topic); err != nil {
			t.Fatal(err)
		}
		c.waitFor("the missing topic", func(st source.Status) bool { return strings.Contains(st.Waiting, "does not exist") })
		testkafka.CreateTopic(t, addr, topic, 1)
		var err error
		for err == nil {
			if _, err = c.take(everything, nil); err == nil {
				c.wait()
			}
		}
		if !strings.Contains(err.Error(), "created again") && !strings.Contains(err.Error(), "data lost") {
			t.Fatal(err)
		}
	})
}
