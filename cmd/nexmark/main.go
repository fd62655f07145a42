// Command nexmark measures the engine with the Nexmark benchmark: it loads a
// real Kafka topic, runs the engine as a process of its own, and reports what
// each query cost it. The broker and the loader are not counted.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const usage = `nexmark: Nexmark events and measurements

Usage:
  nexmark bench [flags]   load a Kafka broker, run the queries, print a table
  nexmark load  [flags]   only load the topics nexmark-person, -auction, -bid
  nexmark soak  [flags]   live events at a rate, views, dashboards that poll: latency,
                          memory, checkpoints, alerts (make soak)

Flags of both:
  --broker HOST:PORT   an Apache Kafka; default: one is started for the run (make kafka-fetch)
  --events N           events to load over all topics (default 10000000)
  --partitions N       of each topic (default 4)
  --seed N             of the generator (default 1)

Flags of bench:
  --queries LIST       default q0,q1,q2,q3,q4,q5,q7,q8,q9,q17,q18,q20
  --targets LIST       sink (blackhole), view (materialized view), or both (default)
  --workers N          max_parallelism of the engine (default 1)
  --fresh-rate N       events a second of the freshness run (default 50000; 0: none)
  --fresh-secs N       its length (default 20)
  --json FILE          write the results there, too
  --binary FILE        the engine (default bin/heliosdb-streaming)

Flags of soak (and --broker, --partitions, --seed, --workers, --binary):
  --minutes N          length of the measured part (default 10)
  --rate N             events a second (default 50000)
  --backend NAME       s3 (default; a versitygw is started), or file
  --encrypt=false      state in plain text
  --tls=false          plain connections
  --views LIST         of q0,q1,q5,q7 (default all)
  --pollers N          dashboards, each with a query every 200 ms (default 10)
`

// options are the command line.
type options struct {
	broker, queries, targets, json, binary string
	events                                 uint64
	partitions, workers                    int
	freshRate, freshSecs                   int
	seed                                   uint64
	soak                                   soakOptions
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "nexmark:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 || args[0] == "--help" || args[0] == "help" {
		fmt.Print(usage)
		return nil
	}
	o := &options{}
	fs := flag.NewFlagSet("nexmark", flag.ContinueOnError)
	fs.Usage = func() { fmt.Print(usage) }
	fs.StringVar(&o.broker, "broker", "", "")
	fs.Uint64Var(&o.events, "events", 10_000_000, "")
	fs.IntVar(&o.partitions, "partitions", 4, "")
	fs.Uint64Var(&o.seed, "seed", 1, "")
	fs.StringVar(&o.queries, "queries", "q0,q1,q2,q3,q4,q5,q7,q8,q9,q17,q18,q20", "")
	fs.StringVar(&o.targets, "targets", "sink,view", "")
	fs.IntVar(&o.workers, "workers", 1, "")
	fs.IntVar(&o.freshRate, "fresh-rate", 50_000, "")
	fs.IntVar(&o.freshSecs, "fresh-secs", 20, "")
	fs.StringVar(&o.json, "json", "", "")
	fs.StringVar(&o.binary, "binary", "bin/heliosdb-streaming", "")
	o.soak.flags(fs)
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	k, err := openKafka(ctx, o.broker)
	if err != nil {
		return err
	}
	defer k.close()
	o.broker = k.addr
	switch args[0] {
	case "load":
		return load(ctx, o)
	case "soak":
		return soak(ctx, o)
	case "bench":
		start := time.Now()
		if err := load(ctx, o); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "loaded %d events in %s\n", o.events, time.Since(start).Round(time.Second))
		return bench(ctx, o)
	}
	return fmt.Errorf("unknown command %q; try --help", strings.Join(args[:1], " "))
}
