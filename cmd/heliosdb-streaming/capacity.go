package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/heliosdb/heliosdb-streaming/server/capacity"
)

const capacityUsage = `Usage: heliosdb-streaming capacity --events-per-second N --event-bytes N --window-secs N [--keys N] [--json]

What a workload needs, from measured constants (docs/capacity.md).

  --events-per-second N  records a second, over all topics, on average
  --event-bytes N        bytes of a record's value, as JSON
  --window-secs N        how long state has to remember
  --keys N               groups that are open at a time; without it every event of the
                         window is kept, as joins and pass-through views do
  --json                 one JSON object
`

// capacityCommand estimates what a workload needs.
func capacityCommand(args []string, out, errOut io.Writer) int {
	var w capacity.Workload
	fs := flag.NewFlagSet("capacity", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Float64Var(&w.EventsPerSecond, "events-per-second", 0, "")
	fs.Float64Var(&w.EventBytes, "event-bytes", 0, "")
	fs.Float64Var(&w.WindowSecs, "window-secs", 0, "")
	fs.Float64Var(&w.Keys, "keys", 0, "")
	asJSON := fs.Bool("json", false, "")
	err := fs.Parse(args)
	if err == nil && fs.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if len(args) == 0 || err == flag.ErrHelp {
		fmt.Fprint(out, capacityUsage)
		return 0
	}
	var r capacity.Resources
	if err == nil {
		r, err = capacity.Estimate(w)
	}
	if err != nil {
		fmt.Fprintf(errOut, "heliosdb-streaming capacity: %v\n%s", err, capacityUsage)
		return 2
	}
	if *asJSON {
		return printJSON(out, r)
	}
	fmt.Fprintf(out, "%-20s %.1f\n%-20s %d\n%-20s %d\n%-20s %d\n%-20s %d\n%-20s %d\n",
		"throughput_mbps", r.ThroughputMbps, "cpu_cores", r.CPUCores, "memory_gb", r.MemoryGB,
		"storage_gb", r.StorageGB, "nodes", r.Nodes, "cost_per_month_usd", r.CostPerMonthUSD)
	if r.Nodes > 1 {
		fmt.Fprintln(errOut, "note: this version keeps a state on one machine; see \"One process\" in docs/capacity.md")
	}
	return 0
}

func printJSON(out io.Writer, v any) int {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		fmt.Fprintln(os.Stderr, "heliosdb-streaming:", err)
		return 1
	}
	return 0
}
