package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// dev is an engine in development mode.
type dev struct {
	engine
	*launched
	broker string
}

var devLines = regexp.MustCompile(`(?s)SQL +psql -h (\S+) -p (\d+)\n.*Kafka +(\S+:\d+).*Metrics +http://(\S+)/metrics +Health +http://(\S+)/health`)

var devEnv = []string{
	"HELIOSDB_SERVER_PORT=0", "HELIOSDB_SERVER_HEALTH_CHECK_PORT=0", "HELIOSDB_SERVER_METRICS_PORT=0",
	"HELIOSDB_SERVER_PGWIRE_PORT=0", "HELIOSDB_DEV_BROKER=127.0.0.1:0", "HELIOSDB_STREAMING_CHECKPOINT_INTERVAL_SECS=0.5",
	"HELIOSDB_DEV_EVENTS_PER_SECOND=5000",
}

// startDev starts --dev with the demo's file, on free ports, and reads its first
// screen.
func startDev(t *testing.T, dir string, env ...string) *dev {
	t.Helper()
	file, err := filepath.Abs(filepath.Join(repo, "testdata", "demo", "quickstart.sql"))
	if err != nil {
		t.Fatal(err)
	}
	l := launch(t, dir, append(append([]string{}, devEnv...), env...), "--dev", "--data-dir", filepath.Join(dir, "data"), "--sql", file)
	d := &dev{launched: l}
	d.engine = engine{t: t, cmd: l.cmd, log: l.out, exited: l.exited}
	var screen strings.Builder
	timeout := time.After(patience)
	for {
		select {
		case line := <-l.lines:
			screen.WriteString(line + "\n")
		case <-l.exited:
			t.Fatalf("the engine ended: %v\n%s", l.err, l.out)
		case <-timeout:
			t.Fatalf("no first screen\n%s", l.out)
		}
		if m := devLines.FindStringSubmatch(screen.String()); m != nil {
			d.pg, d.broker, d.metrics, d.health = m[1]+":"+m[2], m[3], m[4], m[5]
			return d
		}
	}
}

func (d *dev) kill() { d.launched.kill() }

// stop sends a signal and requires exit status 0.
func (d *dev) end(sig syscall.Signal) {
	d.t.Helper()
	_ = d.launched.cmd.Process.Signal(sig)
	if code := d.launched.end(d.t); code != 0 {
		d.t.Fatalf("exit status %d\n%s", code, d.out)
	}
}

func (d *dev) stop() { d.t.Helper(); d.end(syscall.SIGTERM) }

func (d *dev) number(sql string) int64 {
	d.t.Helper()
	rows, err := d.try(sql)
	if err != nil || len(rows) != 1 {
		d.t.Fatalf("%s: %v %v\n%s", sql, rows, err, d.out)
	}
	n, err := strconv.ParseInt(rows[0], 10, 64)
	if err != nil && rows[0] != "NULL" {
		d.t.Fatal(err)
	}
	return n
}

// records is how many records a topic holds.
func (d *dev) records(topic string) int64 {
	d.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(d.broker))
	if err != nil {
		d.t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, topic)
	if err != nil || ends.Error() != nil {
		d.t.Fatal(err, ends.Error())
	}
	n := int64(0)
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n
}

var demoViews = []string{"million_dollar_bids", "bids_per_channel", "bids_per_10s", "sellers_by_city", "top_channels"}

const bidsTotal = "SELECT sum(bids)::bigint FROM bids_per_channel"

// TestDev: the demo starts, its views fill, it stops with a checkpoint, and the
// next start goes on, also after SIGKILL: no bid is lost or counted twice.
func TestDev(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	last := int64(0)
	for round, end := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGINT, syscall.SIGKILL} {
		d := startDev(t, dir)
		if round == 0 {
			for _, v := range demoViews {
				d.eventually(v+" has rows", func() (string, bool) {
					rows, err := d.try("SELECT count(*) FROM " + v)
					return fmt.Sprint(rows, err), err == nil && rows[0] != "0"
				})
			}
		}
		d.eventually("bids go on", func() (string, bool) {
			rows, err := d.try(bidsTotal)
			if err != nil {
				return err.Error(), false
			}
			n, _ := strconv.ParseInt(rows[0], 10, 64)
			return fmt.Sprintf("%d, before %d", n, last), n > last+2000
		})
		last = d.number(bidsTotal)
		if end == syscall.SIGKILL {
			d.kill()
			continue
		}
		d.end(end)
	}
	// Without the generator everything stands still, and must be equal.
	d := startDev(t, dir, "HELIOSDB_DEV_EVENTS_PER_SECOND=0")
	d.exec("FLUSH")
	if views, topic := d.number(bidsTotal), d.records("nexmark-bid"); views != topic || views < last {
		t.Errorf("the view counts %d bids, the topic holds %d; before the last kill there were %d", views, topic, last)
	}
	if n, m := d.number("SELECT count(*) FROM bid"), d.records("nexmark-bid"); n != m {
		t.Errorf("SELECT over the source counts %d of %d", n, m)
	}
	d.stop()
	out, code := run(t, nil, "check", "--data-dir", filepath.Join(dir, "data"))
	if code != 0 || !strings.Contains(out, "all checksums and invariants hold") {
		t.Errorf("check: status %d\n%s", code, out)
	}
}
