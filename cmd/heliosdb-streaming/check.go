package main

import (
	"context"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/server"
)

var check = command{
	name:    "check",
	summary: "verify a data directory, while nothing runs on it",
	usage:   "--data-dir DIR | --config FILE",
	text: `Reads everything in the directory and compares every checksum and invariant;
it changes nothing. An encrypted directory needs --config, whose [kms] says what
wrapped its keys. Exit code 0: sound; 1: damaged; 2: could not be checked.`,
	define: func(f *flags) action {
		var from configuration
		f.text(&from.dataDir, "data-dir", "DIR", "the data directory ([state] path, or local_path beside a bucket)")
		f.text(&from.file, "config", "FILE", "the configuration, whose data directory is the default")
		return func(args []string, std stdio) error {
			if from.dataDir == "" && from.file == "" || len(args) > 0 {
				return usagef("--data-dir DIR or --config FILE is needed, and nothing else")
			}
			var cfg *config.Config
			dir := from.dataDir
			if from.file != "" {
				var err error
				if cfg, err = from.load(); err != nil {
					return configError{err}
				}
				dir = cfg.State.LocalDir()
			}
			sound, err := server.CheckDataDir(context.Background(), dir, cfg, std.out)
			switch {
			case err != nil:
				return configError{err}
			case !sound:
				return errFailed
			}
			return nil
		}
	},
}
