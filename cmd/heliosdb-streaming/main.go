// Command heliosdb-streaming is the streaming SQL engine: one process that
// reads Kafka, keeps views up to date and answers over the PostgreSQL protocol.
// Its first argument may name a command; without one it serves.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// stdio is what a command reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // it was tried and did not work
	exitUsage  = 2 // the command line or the configuration is wrong
)

func main() {
	std, args := stdio{os.Stdin, os.Stdout, os.Stderr}, os.Args[1:]
	if filepath.Base(os.Args[0]) == "curl" { // see health
		os.Exit(health.main(args, std))
	}
	os.Exit(run(args, std))
}

// run finds the command that the first word names; serving has no name.
func run(args []string, std stdio) int {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return serve.main(args, std)
	}
	if args[0] == "help" {
		return help(args[1:], std)
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.main(args[1:], std)
		}
	}
	fmt.Fprintf(std.err, "heliosdb-streaming: there is no command %q\nTry --help.\n", args[0])
	return exitUsage
}

// help explains the program, or one command.
func help(args []string, std stdio) int {
	if len(args) == 0 {
		return serve.main([]string{"--help"}, std)
	}
	return run([]string{args[0], "--help"}, std)
}
