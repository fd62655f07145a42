package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/heliosdb/heliosdb-streaming/server/capacity"
)

// capacityCommand estimates what a workload needs.
var capacityCommand = command{
	name:    "capacity",
	summary: "what a workload needs: cores, memory, storage",
	usage:   "--events-per-second N --event-bytes N --window-secs N [--keys N] [--json]",
	text:    "The constants are measured; docs/capacity.md has them and derives the sizes.",
	define: func(f *flags) action {
		var w capacity.Workload
		var asJSON bool
		f.number(&w.EventsPerSecond, "events-per-second", "N", "records a second, over all topics, on average")
		f.number(&w.EventBytes, "event-bytes", "N", "bytes of a record's value, as JSON")
		f.number(&w.WindowSecs, "window-secs", "N", "how long state has to remember")
		f.number(&w.Keys, "keys", "N", "groups that are open at a time; without it every event of the\nwindow is kept, as joins and pass-through views do")
		f.yes(&asJSON, "json", "one JSON object")
		return func(args []string, std stdio) error {
			if len(args) > 0 {
				return usagef("unexpected argument %q", args[0])
			}
			r, err := capacity.Estimate(w)
			if err != nil {
				return usageError{err}
			}
			if asJSON {
				return printJSON(std.out, r)
			}
			fmt.Fprintf(std.out, "%-20s %.1f\n%-20s %d\n%-20s %d\n%-20s %d\n%-20s %d\n%-20s %d\n",
				"throughput_mbps", r.ThroughputMbps, "cpu_cores", r.CPUCores, "memory_gb", r.MemoryGB,
				"storage_gb", r.StorageGB, "nodes", r.Nodes, "cost_per_month_usd", r.CostPerMonthUSD)
			if r.Nodes > 1 {
				fmt.Fprintln(std.err, "note: this version keeps a state on one machine; see \"One process\" in docs/capacity.md")
			}
			return nil
		}
	},
}

func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
