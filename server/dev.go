package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/heliosdb/heliosdb-streaming/connectors/devbroker"
	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/nexmark"
)

// devMode is what --dev adds: an embedded broker and events in it.
type devMode struct {
	cfg    *config.Config
	broker *devbroker.Broker
	feeder *devbroker.Feeder
}

// startDev starts the broker, and points [kafka] at it unless the
// configuration names another.
func startDev(cfg *config.Config, log *slog.Logger) (*devMode, error) {
	b, err := devbroker.Start(devbroker.Options{
		Addr: cfg.Dev.Broker, Dir: filepath.Join(cfg.State.Path, "broker"), Partitions: cfg.Dev.Partitions,
		RetentionBytes: int64(cfg.Dev.RetentionMB) << 20, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	if cfg.Origin("kafka.bootstrap_servers") == "default" {
		cfg.Kafka.BootstrapServers = b.Addr()
	}
	d := &devMode{cfg: cfg, broker: b}
	for _, t := range devbroker.Topics {
		if err := b.EnsureTopic(t, cfg.Dev.Partitions); err != nil {
			return nil, errors.Join(err, d.close())
		}
	}
	return d, nil
}

// feed starts the generator, once the views are there to see its events.
func (d *devMode) feed() error {
	if d.cfg.Dev.EventsPerSecond == 0 {
		return nil
	}
	f, err := devbroker.StartFeeder(devbroker.FeederOptions{
		Broker: d.broker.Addr(), EventsPerSecond: d.cfg.Dev.EventsPerSecond, Partitions: d.cfg.Dev.Partitions,
		Model: nexmark.Config{Seed: 1},
	})
	d.feeder = f
	return err
}

func (d *devMode) close() error {
	if d.feeder != nil {
		d.feeder.Close()
	}
	d.broker.Close()
	return nil
}

// welcome prints the first screen.
func (d *devMode) welcome(out io.Writer, l *Listeners) {
	host, port, _ := net.SplitHostPort(l.PG)
	fmt.Fprintf(out, `
HeliosDB Streaming %s, development mode

  SQL       psql -h %s -p %s
  Kafka     %s   topics nexmark-person, nexmark-auction, nexmark-bid
  HTTP API  http://%s/api/v1      described by http://%s/api/v1/openapi.json
  Metrics   http://%s/metrics      Health  http://%s/health
  Data      %s

Try, in psql:
  SHOW JOBS;
  SELECT * FROM top_channels ORDER BY league, place;
  SELECT * FROM bids_per_10s ORDER BY window_start DESC LIMIT 5;

Ctrl-C takes a checkpoint and stops; the next start goes on from there.

`, Version, host, port, d.broker.Addr(), l.API, l.API, l.Metrics, l.Health, d.cfg.State.Path)
}

// progressInterval is how often the progress line changes.
const progressInterval = time.Second

// progress prints one line a second: over itself on a terminal, else one line
// every ten seconds.
func (d *devMode) progress(ctx context.Context, out io.Writer, s *Server) {
	terminal := isTerminal(out)
	every := 10
	if terminal {
		every = 1
	}
	t := time.NewTicker(progressInterval)
	defer t.Stop()
	last := s.metrics.ingested.Load()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			if terminal {
				fmt.Fprintln(out)
			}
			return
		case <-t.C:
		}
		if n%every != 0 {
			continue
		}
		now := s.metrics.ingested.Load()
		line := d.line(s, now, (now-last)/int64(every))
		last = now
		if terminal {
			fmt.Fprintf(out, "\r\x1b[K%s", line)
		} else {
			fmt.Fprintln(out, line)
		}
	}
}

func (d *devMode) line(s *Server, events, rate int64) string {
	rows, troubled := 0, []string{}
	for _, j := range s.jobs() {
		rows += j.Rows
		if j.State == "failed" || j.State == "paused" || j.State == "waiting" {
			troubled = append(troubled, j.Name+" "+j.State)
		}
	}
	age := "none yet"
	if c := s.LastCheckpoint(); !c.At.IsZero() {
		age = time.Since(c.At).Round(time.Second).String() + " ago"
	}
	line := fmt.Sprintf("events %d (%d/s)  rows in views %d  freshness p99 %s  checkpoint %s",
		events, rate, rows, s.metrics.freshness.quantile(0.99), age)
	if len(troubled) > 0 {
		line += "  ! " + strings.Join(troubled, ", ")
	}
	return line
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}
