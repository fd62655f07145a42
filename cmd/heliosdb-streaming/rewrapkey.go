package main

import (
	"context"
	"fmt"

	"github.com/heliosdb/heliosdb-streaming/server"
)

var rewrapKey = command{
	name:    "rewrap-key",
	summary: "wrap the data keys of encrypted state under another master key",
	usage:   "--config FILE --to FILE",
	text: `For a move to another key or another provider of [kms], while nothing runs on the data
directory: --config is the configuration that the state was written with, --to the one to go
on with. State is not rewritten. Keep the old master key as long as there are savepoints and
backups that it wrapped. (A new data key, under the same [kms], needs no stop:
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
			if err := server.RewrapKeys(context.Background(), before, after); err != nil {
				return err
			}
			fmt.Fprintf(std.out, "the data keys of %s are wrapped by [kms] of %s now\n", after.State.LocalDir(), to.file)
			return nil
		}
	},
}
