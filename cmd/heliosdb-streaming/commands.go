package main

import "io"

// command is a subcommand: its arguments, and where it writes. It returns the
// exit code: 0, 1 for "no" and 2 for "cannot say".
type command struct {
	run     func(args []string, out, errOut io.Writer) int
	summary string // of --help
}

// commands are the subcommands, one file each.
var commands = map[string]command{
	"capacity": {capacityCommand, "what a workload needs: cores, memory, storage"},
	"check":    {check, "verify a data directory (while nothing runs on it)"},
	"health":   {health, "ask a running server whether it is well; exit code 0 or 1"},
}
