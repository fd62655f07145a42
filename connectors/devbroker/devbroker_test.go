package devbroker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/heliosdb/heliosdb-streaming/internal/nexmark"
)

func start(t *testing.T, o Options) *Broker {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	b, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func client(t *testing.T, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addr), kgo.AllowAutoTopicCreation()}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func consume(t *testing.T, addr, topic string, n int) []*kgo.Record {
	t.Helper()
	c := client(t, addr, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var out []*kgo.Record
	for ctx := within(t); len(out) < n; {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d of %d records: %v", len(out), n, err)
		}
		out = append(out, fetches.Records()...)
	}
	return out
}

func TestProduceCreatesTopicAndRestartKeepsIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := start(t, Options{Dir: dir, Partitions: 3})
	const n = 500
	p := client(t, b.Addr())
	for i := range n {
		p.Produce(within(t), &kgo.Record{Topic: "made.by-asking", Value: fmt.Appendf(nil, "%d", i)}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	if err := p.Flush(within(t)); err != nil {
		t.Fatal(err)
	}
	if got := len(consume(t, b.Addr(), "made.by-asking", n)); got != n {
		t.Fatalf("%d records, want %d", got, n)
	}
	b.Close()
	b = start(t, Options{Dir: dir, Partitions: 7})
	details, err := kadm.NewClient(client(t, b.Addr())).ListTopics(within(t), "made.by-asking")
	if err != nil || len(details["made.by-asking"].Partitions) != 3 {
		t.Fatalf("after a restart: %v, %v", details, err)
	}
	if got := len(consume(t, b.Addr(), "made.by-asking", n)); got != n {
		t.Fatalf("%d records after a restart, want %d", got, n)
	}
}

func TestEnsureTopicAndNames(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	for range 2 {
		if err := b.EnsureTopic("twice", 2); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"", ".", "..", "a/b", "../x", strings.Repeat("x", 250), "ü"} {
		if validTopic(name) {
			t.Errorf("%q passes as a topic's name", name)
		}
	}
	for i := range maxTopics + 1 {
		if err := b.EnsureTopic(fmt.Sprintf("t%d", i), 1); err != nil {
			if i < maxTopics-1 {
				t.Fatalf("topic %d: %v", i, err)
			}
			return
		}
	}
	t.Error("no bound on the number of topics")
}

func TestOneProcessADirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := start(t, Options{Dir: dir})
	if _, err := Start(Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("second start: %v", err)
	}
	if _, err := Start(Options{Dir: t.TempDir(), Addr: b.Addr()}); err == nil || !strings.Contains(err.Error(), b.Addr()) {
		t.Errorf("taken port: %v", err)
	}
	b.Close()
	start(t, Options{Dir: dir})
}

// Retention frees disk, keeps the newest records and never reuses an offset.
func TestRetentionFreesDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := Options{Dir: dir, Partitions: 1, RetentionBytes: 2 << 20, Unsynced: true}
	b := start(t, o)
	if err := b.EnsureTopic("bounded", 0); err != nil {
		t.Fatal(err)
	}
	p := client(t, b.Addr(), kgo.ProducerBatchCompression(kgo.NoCompression()))
	value := make([]byte, 64<<10)
	const n = 160 // 10 MiB
	for range n {
		if err := p.ProduceSync(within(t), &kgo.Record{Topic: "bounded", Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	b.cluster.ApplyRetention()
	var size int64
	err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			size += info.Size()
		}
		return err
	})
	if err != nil || size > 4<<20 {
		t.Errorf("%d bytes on disk after retention, %v", size, err)
	}
	starts, err := kadm.NewClient(p).ListStartOffsets(within(t), "bounded")
	if first, _ := starts.Lookup("bounded", 0); err != nil || first.Offset < n/2 {
		t.Errorf("first offset %d, %v", first.Offset, err)
	}
	if r := consume(t, b.Addr(), "bounded", 1); r[0].Offset < n/2 {
		t.Errorf("consumed offset %d", r[0].Offset)
	}
	// What a crash leaves is what is on disk now: trimmed records may come back,
	// but the next record gets the next offset.
	crashed := t.TempDir()
	if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	after := start(t, Options{Dir: crashed, Partitions: 1, RetentionBytes: o.RetentionBytes})
	next, err := client(t, after.Addr()).ProduceSync(within(t), &kgo.Record{Topic: "bounded", Value: value}).First()
	if err != nil || next.Offset != n {
		t.Errorf("after a crash the next offset is %d, want %d; %v", next.Offset, n, err)
	}
}

const childEnv = "HELIOSDB_TEST_DEVBROKER_DIR"

// TestMain is also the process that TestFeederSurvivesKills kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := child(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child runs broker and feeder, printing a line whenever more is written.
func child(dir string) error {
	b, err := Start(Options{Dir: dir})
	if err != nil {
		return err
	}
	f, err := StartFeeder(FeederOptions{Broker: b.Addr(), EventsPerSecond: 8_000})
	if err != nil {
		return err
	}
	shown := uint64(0)
	for range time.Tick(time.Millisecond) {
		if n := f.Counters().Events; n != shown {
			shown = n
			fmt.Println("events", n)
		}
	}
	return errors.New("unreachable")
}

// Every event is in the topics once, however often the process is killed, and
// equals what the generator makes of its number.
func TestFeederSurvivesKills(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const kills, rounds = 4, 7
	acknowledged := uint64(0)
	for k := range kills {
		acknowledged = max(acknowledged, runAndKill(t, dir, rounds))
		if k%2 == 0 { // a clean close leaves a snapshot, which the next kill makes stale
			start(t, Options{Dir: dir}).Close()
		}
	}
	b := start(t, Options{Dir: dir})
	f, err := StartFeeder(FeederOptions{Broker: b.Addr(), EventsPerSecond: 8_000})
	if err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool { c := f.Counters(); return c.Err == nil && c.Sent > 0 && c.Events > acknowledged })
	f.Close()
	total := f.Counters()
	verify(t, b.Addr(), total)
}

// runAndKill runs the child until it has reported some rounds and kills it; it
// returns the last number of events that the child called acknowledged.
func runAndKill(t *testing.T, dir string, rounds int) uint64 {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var events uint64
	lines := bufio.NewScanner(out)
	for n := 0; n < rounds && lines.Scan(); n++ {
		if _, err := fmt.Sscanf(lines.Text(), "events %d", &events); err != nil {
			t.Errorf("child says %q", lines.Text())
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // "signal: killed" is what was asked for
	return events
}

func waitUntil(t *testing.T, ok func() bool) {
	t.Helper()
	ctx := within(t)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatal("waited in vain")
		case <-tick.C:
		}
	}
}

func verify(t *testing.T, addr string, total Counters) {
	t.Helper()
	gen, err := nexmark.New(nexmark.Config{})
	if err != nil {
		t.Fatal(err)
	}
	seen := make([]bool, total.Events+maxRound)
	wants := [...]uint64{total.Persons, total.Auctions, total.Bids}
	ev := new(nexmark.Event)
	for kind, want := range wants {
		for _, r := range consume(t, addr, Topics[kind], int(want)) {
			i, ok := eventNumber(r)
			if !ok || i >= uint64(len(seen)) || seen[i] || int(nexmark.KindOf(i)) != kind || int(r.Partition) != partitionOf(i, DefaultPartitions) {
				t.Fatalf("%s/%d@%d: unexpected event %d (seen: %v)", r.Topic, r.Partition, r.Offset, i, ok && i < uint64(len(seen)) && seen[i])
			}
			seen[i] = true
			gen.FillAt(ev, i, r.Timestamp.UnixMicro())
			if got := string(ev.AppendJSON(nil)); got != string(r.Value) {
				t.Fatalf("event %d is %s, want %s", i, r.Value, got)
			}
		}
	}
	for i := range total.Events {
		if !seen[i] {
			t.Fatalf("event %d of %d is missing", i, total.Events)
		}
	}
}

// Records of other producers at the end of a topic do not confuse a feeder.
func TestFeederSkipsForeignRecords(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Partitions: 1})
	feed := func(until uint64) Counters {
		f, err := StartFeeder(FeederOptions{Broker: b.Addr(), EventsPerSecond: 20_000, Partitions: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		waitUntil(t, func() bool { return f.Counters().Events > until && f.Counters().Err == nil })
		return f.Counters()
	}
	first := feed(1000)
	p := client(t, b.Addr())
	for range 300 {
		if err := p.ProduceSync(within(t), &kgo.Record{Topic: Topics[nexmark.KindBid], Value: []byte("by hand")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if second := feed(first.Events + 1); second.Sent >= second.Events {
		t.Errorf("started over: %+v after %+v", second, first)
	}
}

// The feeder waits for a broker that is not there, and says so.
func TestFeederWithoutBroker(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	addr := b.Addr()
	b.Close()
	f, err := StartFeeder(FeederOptions{Broker: addr, EventsPerSecond: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	waitUntil(t, func() bool { return f.Counters().Err != nil })
}

// Asking for topics over and over, on connections that come and go, stays cheap
// and keeps creating them.
func TestManyMetadataRequests(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Unsynced: true})
	ctx := within(t)
	c := client(t, b.Addr())
	for i := range 2*renewControlEvery + 10 {
		name := fmt.Sprintf("asked-%d", i%3)
		if i == 2*renewControlEvery {
			name = "asked-late"
		}
		req := kmsg.NewMetadataRequest()
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		req.Topics, req.AllowAutoTopicCreation = append(req.Topics, topic), true
		resp, err := req.RequestWith(ctx, c)
		if err != nil || resp.Topics[0].ErrorCode != 0 || len(resp.Topics[0].Partitions) != DefaultPartitions {
			t.Fatalf("request %d: %+v, %v", i, resp, err)
		}
	}
}
