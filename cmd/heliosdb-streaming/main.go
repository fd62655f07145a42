// Command heliosdb-streaming is the streaming SQL engine: one process that
// reads Kafka, keeps views up to date and answers over the PostgreSQL protocol.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/server"
)

const usage = `HeliosDB Streaming: a streaming SQL engine that speaks the PostgreSQL protocol.

Usage:
  heliosdb-streaming --dev [flags]             try it: embedded broker, generated events
  heliosdb-streaming --config FILE [flags]     run it
  heliosdb-streaming COMMAND --help            one of the commands below

Flags:
  --config FILE      configuration, TOML; sections and keys as in docs/operations.md
  --dev              loopback only, no passwords, an embedded Kafka broker with Nexmark events
  --data-dir DIR     where state lives ([state] path)
  --sql FILE         SQL to apply at startup, in order; may be repeated. Applying a file
                     again changes nothing
  --check-config     read the configuration, say what it means, and exit
  --version          print the version and exit
  --help             this text

Every key of the configuration can be set in the environment as
HELIOSDB_<SECTION>_<KEY>, for example HELIOSDB_SERVER_PGWIRE_PORT=5434.

First steps:
  heliosdb-streaming --dev --sql testdata/demo/quickstart.sql
  psql -h 127.0.0.1 -p 5433 -c 'SHOW JOBS'
`

func main() {
	if filepath.Base(os.Args[0]) == "curl" { // see health
		os.Exit(health(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// options are the command line.
type options struct {
	config, dataDir                 string
	dev, checkConfig, version, help bool
	sql                             []string
}

func run(args []string, out, errOut io.Writer) int {
	if len(args) > 0 {
		if c, ok := commands[args[0]]; ok {
			return c.run(args[1:], out, errOut)
		}
	}
	o, err := parse(args)
	if err != nil {
		fmt.Fprintf(errOut, "heliosdb-streaming: %v\nTry --help.\n", err)
		return 2
	}
	switch {
	case o.help:
		fmt.Fprint(out, usage)
		fmt.Fprint(out, "\nCommands:\n")
		for _, name := range slices.Sorted(maps.Keys(commands)) {
			fmt.Fprintf(out, "  %-18s %s\n", name, commands[name].summary)
		}
		return 0
	case o.version:
		fmt.Fprintln(out, "heliosdb-streaming", server.Version)
		return 0
	case !o.dev && o.config == "":
		fmt.Fprint(errOut, "heliosdb-streaming: --config FILE or --dev is needed\nTry --help.\n")
		return 2
	}
	cfg, err := load(o)
	if err != nil {
		fmt.Fprintln(errOut, err)
		return 2
	}
	if o.checkConfig {
		fmt.Fprint(out, cfg.String())
		for _, w := range cfg.Warnings {
			fmt.Fprintln(errOut, "warning:", w)
		}
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := server.Run(ctx, cfg, o.dev, server.NewLogger(cfg, errOut), out); err != nil {
		fmt.Fprintln(errOut, "heliosdb-streaming:", err)
		return 1
	}
	return 0
}

func parse(args []string) (*options, error) {
	o := &options{}
	fs := flag.NewFlagSet("heliosdb-streaming", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&o.config, "config", "", "")
	fs.StringVar(&o.dataDir, "data-dir", "", "")
	fs.BoolVar(&o.dev, "dev", false, "")
	fs.BoolVar(&o.checkConfig, "check-config", false, "")
	fs.BoolVar(&o.version, "version", false, "")
	fs.Func("sql", "", func(f string) error {
		o.sql = append(o.sql, f)
		return nil
	})
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		o.help = true
		return o, nil
	}
	if err == nil && fs.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	return o, err
}

func load(o *options) (*config.Config, error) {
	var over []config.Override
	if o.dataDir != "" {
		over = append(over, config.Override{Key: "state.path", Value: o.dataDir, Origin: "flag --data-dir"})
	}
	if len(o.sql) > 0 {
		over = append(over, config.Override{Key: "startup.sql_files", Value: strings.Join(o.sql, ","), Origin: "flag --sql"})
	}
	if o.dev {
		return config.LoadDev(o.config, os.Environ(), over...)
	}
	return config.Load(o.config, os.Environ(), over...)
}

// check verifies a data directory.
func check(args []string, out, errOut io.Writer) int {
	fs := flag.NewFlagSet("check", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	dir := fs.String("data-dir", "", "")
	if err := fs.Parse(args); err != nil || *dir == "" || fs.NArg() > 0 {
		fmt.Fprint(errOut, "Usage: heliosdb-streaming check --data-dir DIR\n")
		return 2
	}
	sound, err := server.CheckDataDir(*dir, out)
	switch {
	case err != nil:
		fmt.Fprintln(errOut, "heliosdb-streaming check:", err)
		return 2
	case !sound:
		return 1
	}
	return 0
}
