package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/server"
)

const introduction = `HeliosDB Streaming: a streaming SQL engine that speaks the PostgreSQL protocol.

Usage:
  heliosdb-streaming --dev [flags]             try it: embedded broker, generated events
  heliosdb-streaming [--config FILE] [flags]   run it
  heliosdb-streaming COMMAND [flags]           see below; COMMAND --help says more

Commands:
`

var serve = command{
	text: `Every key of the configuration can be set in the environment as
HELIOSDB_<SECTION>_<KEY>, for example HELIOSDB_SERVER_PGWIRE_PORT=5434; JWT_SECRET
and KAFKA_PASSWORD stand for [security] jwt_secret and [kafka] sasl_password.
Flags win over the environment, the environment over the file.

Signals:
  TERM, INT    take a last checkpoint and stop
  USR1         write the stacks of all goroutines to the log
  HUP          read the configuration again: log levels, rate limits, certificates,
               rbac_file, token secrets, Kafka's credentials; the log names what needs a
               restart; open [logging] file again, as logrotate asks

Exit codes: 0 stopped as asked, 1 failed, 2 wrong command line or configuration.

First steps:
  heliosdb-streaming --dev --sql testdata/demo/quickstart.sql
  psql -h 127.0.0.1 -p 5433 -c 'SHOW JOBS'`,
	define: defineServe,
}

func defineServe(f *flags) action {
	var c configuration
	var checkConfig, version, profile bool
	var restore string
	c.define(f)
	f.list(&c.sql, "sql", "FILE", "SQL to apply at startup, in order; may be repeated. Applying a file\nagain changes nothing")
	f.text(&restore, "restore-from-savepoint", "ID", "replace the state by a savepoint that lies at [state] path, then serve;\na start that names the same one again goes on from where it was")
	f.yes(&checkConfig, "check-config", "read the configuration and the certificates, RBAC file and SQL that it names,\nprint what it means and where each value comes from (no secrets), and exit:\n0 it is good, 2 it is not")
	f.yes(&profile, "profile", "serve pprof on 127.0.0.1:6060, and on exit write cpu.pprof and\nheap.pprof into the working directory")
	f.yes(&version, "version", "print the version and exit")
	f.doc("help", "", "this text")
	return func(args []string, std stdio) error {
		switch {
		case len(args) > 0:
			return usagef("unexpected argument %q", args[0])
		case version:
			fmt.Fprintln(std.out, "heliosdb-streaming", server.Version)
			return nil
		}
		if f.given("restore-from-savepoint") { // "" is a variable that was not set: a new state is not what is wanted
			if err := server.CheckSavepointID(restore); err != nil {
				return usagef("--restore-from-savepoint: %w", err)
			}
		}
		// From here on a HUP must not end the process, whatever it does.
		hangup := make(chan os.Signal, 1)
		signal.Notify(hangup, syscall.SIGHUP)
		defer signal.Stop(hangup)
		cfg, err := c.load()
		if err != nil {
			return configError{err}
		}
		cfg.RestoreFrom = restore
		if checkConfig {
			if err := server.CheckFiles(cfg); err != nil {
				return configError{err}
			}
			printConfig(cfg, std)
			return nil
		}
		return runServer(cfg, server.RunOptions{Dev: c.dev, Out: std.out, Reload: hangup, Load: c.load}, profile, std)
	}
}

// runServer runs the server until a signal stops it.
func runServer(cfg *config.Config, o server.RunOptions, profile bool, std stdio) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	logTo := std.out
	if o.Dev {
		logTo = std.err // standard output shows the first screen and the progress
	}
	log, err := server.OpenLog(cfg, logTo)
	if err != nil {
		return configError{err}
	}
	defer log.Close()
	defer dumpStacksOnSignal(log)()
	if profile {
		end, err := server.StartProfile(log.Logger)
		if err != nil {
			return fmt.Errorf("--profile: %w", err)
		}
		defer end()
	}
	o.Log = log
	if err := server.Run(ctx, cfg, o); err != nil {
		// Also on the error output, by main; whoever keeps the log alone has to see it, too.
		log.Error("the server has failed", "error", err)
		return err
	}
	log.Info("stopped")
	return nil
}

// printConfig prints the configuration in force, and on the error output what
// is doubtful about it.
func printConfig(cfg *config.Config, std stdio) {
	fmt.Fprint(std.out, cfg.String())
	for _, w := range cfg.Warnings {
		fmt.Fprintln(std.err, "warning:", w)
	}
}
