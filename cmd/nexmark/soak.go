package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/heliosdb/heliosdb-streaming/internal/testobject"
)

// soakOptions are the flags of soak.
type soakOptions struct {
	minutes float64
	rate    int
	backend string
	encrypt bool
	tls     bool
	pollers int
	views   string
}

func (s *soakOptions) flags(fs *flag.FlagSet) {
	fs.Float64Var(&s.minutes, "minutes", 10, "")
	fs.IntVar(&s.rate, "rate", 50_000, "")
	fs.StringVar(&s.backend, "backend", "s3", "")
	fs.BoolVar(&s.encrypt, "encrypt", true, "")
	fs.BoolVar(&s.tls, "tls", true, "")
	fs.IntVar(&s.pollers, "pollers", 10, "")
	fs.StringVar(&s.views, "views", "q0,q1,q5,q7", "")
}

const (
	soakWarmUp = 30 * time.Second // until windows close and rows leave
	pollEvery  = 200 * time.Millisecond
)

// soakView is a view with bounded state, rows of the last ten seconds or windows that close, and what dashboards ask of
// it.
type soakView struct{ name, create, file, query string }

var soakViews = []soakView{
	{
		name: "q0", create: `CREATE MATERIALIZED VIEW soak_q0 AS SELECT auction, bidder, price, date_time FROM bid
		   WHERE date_time > now() - INTERVAL '10 seconds'`,
		query: `SELECT auction, price, date_time FROM soak_q0 LIMIT 20`,
	},
	{
		name: "q1", create: `CREATE MATERIALIZED VIEW soak_q1 AS SELECT auction, bidder, 0.908 * price AS price, date_time FROM bid
		   WHERE date_time > now() - INTERVAL '10 seconds'`,
		query: `SELECT auction, price FROM soak_q1 LIMIT 20`,
	},
	{name: "q5", file: "q5.close.sql", query: `SELECT auction, num, window_start FROM nexmark_q5_close ORDER BY window_start DESC LIMIT 10`},
	{name: "q7", file: "q7.close.sql", query: `SELECT window_start, most, num FROM nexmark_q7_close ORDER BY window_start DESC LIMIT 10`},
}

// chosen are the views of --views.
func (s *soakOptions) chosen() ([]soakView, error) {
	var views []soakView
	for name := range strings.SplitSeq(s.views, ",") {
		i := slices.IndexFunc(soakViews, func(v soakView) bool { return v.name == name })
		if i < 0 {
			return nil, fmt.Errorf("--views: %q is none of q0, q1, q5, q7", name)
		}
		views = append(views, soakViews[i])
	}
	return views, nil
}

// soak runs the engine under a steady load and reports how it fared; an error if it did not hold what it should.
func soak(ctx context.Context, o *options) error {
	views, err := o.soak.chosen()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "nexmark-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	s := setup{checkpointSecs: "1"}
	if o.soak.tls {
		if s.tls, err = makeCertificates(work); err != nil {
			return err
		}
		s.more = fmt.Sprintf("tls_cert_file = %q\ntls_key_file = %q\n", filepath.Join(work, "server.crt"), filepath.Join(work, "server.key"))
	}
	store, err := soakState(ctx, o, &s)
	if err != nil {
		return err
	}
	if store != nil {
		defer store.Close()
	}
	e, err := startEngine(ctx, o, s)
	if err != nil {
		return err
	}
	defer e.stop()
	prom := startPrometheus(work, e, o.soak.tls)
	defer prom.stop()
	if err := soakJobs(ctx, o, e, views); err != nil {
		return err
	}
	return soakRun(ctx, o, e, prom, views)
}

// soakState writes the [state] section, and starts the bucket's server if it is in one.
func soakState(ctx context.Context, o *options, s *setup) (*testobject.Server, error) {
	encrypt := fmt.Sprintf("\nencryption_enabled = %v", o.soak.encrypt)
	if o.soak.encrypt {
		s.more += "[kms]\nprovider = \"local\"\nlocal_key_file = \"%DIR%/kms.key\"\n"
	}
	switch o.soak.backend {
	case "file":
		s.state = "backend = \"file\"\npath = \"%DIR%/state\"" + encrypt
		return nil, nil
	case "s3":
	default:
		return nil, fmt.Errorf("--backend %q: want s3 or file", o.soak.backend)
	}
	store, err := testobject.Serve(testobject.S3, "")
	if err != nil {
		return nil, fmt.Errorf("the S3 server: %w", err)
	}
	bucket, err := store.NewBucket(ctx)
	if err != nil {
		store.Close()
		return nil, err
	}
	s.state = fmt.Sprintf("backend = \"s3\"\npath = \"%s/soak\"\nlocal_path = \"%%DIR%%/state\"\nendpoint = %q\nregion = %q\npath_style = true",
		bucket.URL, bucket.Endpoint, bucket.Region) + encrypt
	return store, nil
}

// soakJobs creates topics, sources and views.
func soakJobs(ctx context.Context, o *options, e *engine, views []soakView) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(o.broker))
	if err != nil {
		return err
	}
	defer cl.Close()
	for _, t := range topics {
		resp, err := kadm.NewClient(cl).CreateTopic(ctx, int32(o.partitions), 1, nil, t)
		if err = errors.Join(err, resp.Err); err != nil {
			return fmt.Errorf("topic %s: %w (soak needs a broker without the topics)", t, err)
		}
	}
	sources, err := os.ReadFile(filepath.Join("testdata", "nexmark", "sources.sql"))
	if err != nil {
		return err
	}
	statements := []string{string(sources)}
	for _, v := range views {
		if v.file != "" {
			text, err := os.ReadFile(filepath.Join("testdata", "nexmark", v.file))
			if err != nil {
				return err
			}
			v.create = string(text)
		}
		statements = append(statements, v.create)
	}
	for _, text := range statements {
		if _, err := e.conn.Exec(ctx, text); err != nil {
			return fmt.Errorf("%.60s…: %w", text, err)
		}
	}
	return nil
}

// soakRun loads, polls and scrapes until the time is up.
func soakRun(ctx context.Context, o *options, e *engine, prom *promServer, views []soakView) error {
	queries := []string{`SHOW JOBS`}
	for _, v := range views {
		queries = append(queries, v.query)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(o.broker), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	if err != nil {
		return err
	}
	defer cl.Close()
	measured := time.Duration(o.soak.minutes * float64(time.Minute))
	total := uint64((soakWarmUp + measured).Seconds()) * uint64(o.soak.rate)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	loaded := make(chan error, 1)
	start := time.Now()
	go func() { loaded <- produce(ctx, cl, o, 0, total, o.soak.rate) }()

	var pollers sync.WaitGroup
	polls := make([]pollStats, o.soak.pollers)
	pollCtx, stopPolls := context.WithCancel(ctx)
	defer stopPolls()
	for i := range polls {
		pollers.Go(func() { polls[i].run(pollCtx, e.pgConfig.Copy(), queries, i) })
	}
	series := &samples{}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case err := <-loaded:
			if err != nil {
				return fmt.Errorf("the load: %w", err)
			}
			done = true
		case <-e.exited:
			return errors.New("the engine ended")
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if time.Since(start) >= soakWarmUp {
				m, err := e.metrics()
				series.add(m, err)
			}
		}
	}
	took := time.Since(start)
	stopPolls()
	pollers.Wait()
	alerts := prom.fired()
	return (&soakReport{o: o, took: took, total: total, samples: series, polls: polls, alerts: alerts}).print(os.Stdout)
}

// pollStats are one dashboard's.
type pollStats struct {
	seconds []float64
	errors  int
	last    error
}

// run asks every 200 ms until ctx ends; an answer that takes longer delays the next question.
func (p *pollStats) run(ctx context.Context, config *pgx.ConnConfig, queries []string, n int) {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		p.errors, p.last = 1, err
		return
	}
	defer conn.Close(context.WithoutCancel(ctx))
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for i := n; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		begin := time.Now()
		rows, err := conn.Query(ctx, queries[i%len(queries)])
		if err == nil {
			for rows.Next() {
			}
			err = rows.Err()
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.errors++
			p.last = fmt.Errorf("%s: %w", strings.Join(strings.Fields(queries[i%len(queries)]), " "), err)
		default:
			p.seconds = append(p.seconds, time.Since(begin).Seconds())
		}
	}
}
