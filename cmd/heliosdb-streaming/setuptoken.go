package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/server"
)

var setupToken = command{
	name:    "setup-token",
	summary: "print the token that registers the first administrator",
	usage:   "[--config FILE]",
	text: `A server without users leaves a token in a file of its data directory, which only
its own user may read. This prints it, also where there is no shell:
  kubectl exec heliosdb-streaming-0 -n heliosdb-streaming -- heliosdb-streaming setup-token
Exit code 1: there is none, because the first user is registered.`,
	define: func(f *flags) action {
		var from configuration
		from.define(f)
		return func(args []string, std stdio) error {
			if len(args) > 0 {
				return usagef("unexpected argument %q", args[0])
			}
			cfg, err := from.load()
			if err != nil {
				return configError{err}
			}
			raw, err := os.ReadFile(filepath.Join(cfg.State.LocalDir(), server.SetupTokenFile))
			if errors.Is(err, fs.ErrNotExist) {
				return errors.New("there is no setup token: the first user is registered, or the server has not started yet")
			}
			if err != nil {
				return err
			}
			fmt.Fprintln(std.out, strings.TrimSpace(string(raw)))
			return nil
		}
	},
}
