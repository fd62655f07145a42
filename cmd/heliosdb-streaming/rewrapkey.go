package main

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"

	"github.com/heliosdb/heliosdb-streaming/server"
)

var rewrapKey = command{
	name:    "rewrap-key",
	summary: "wrap the data keys of encrypted state under another master key",
	usage:   "--config FILE --to FILE",
	text: `For a move to another key or another provider of [kms], while nothing runs on the data
directory or the bucket: --config is the configuration that the state was written with, --to the
one to go on with, which differs in [kms]. State is not rewritten. If it was interrupted, do it
again. Keep the old master key as long as there are savepoints and backups that it wrapped. (A new data key, under the same [kms], needs no stop:
ALTER SYSTEM ROTATE ENCRYPTION KEY.)`,
	define: func(f *flags) action {
		var from, to configuration
		f.text(&from.file, "config", "FILE", "the configuration as it was")
		f.text(&to.file, "to", "FILE", "the configuration to go on with")
		return func(args []string, std stdio) error {
			if from.file == "" || to.file == "" || len(args) > 0 {
				return usagef("--config FILE and --to FILE are needed, and nothing else")
			}
			before, err := from.load()
			if err != nil {
				return configError{err}
			}
			after, err := to.load()
			if err != nil {
				return configError{err}
			}
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			place, err := server.RewrapKeys(ctx, before, after)
			if err != nil {
				return err
			}
			fmt.Fprintf(std.out, "the data keys of %s are wrapped by [kms] of %s now\n", place, to.file)
			return nil
		}
	},
}
