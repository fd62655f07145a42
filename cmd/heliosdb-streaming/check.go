package main

import "github.com/heliosdb/heliosdb-streaming/server"

var check = command{
	name:    "check",
	summary: "verify a data directory, while nothing runs on it",
	usage:   "--data-dir DIR",
	text: `Reads everything in the directory and compares every checksum and invariant;
it changes nothing. Exit code 0: sound; 1: damaged; 2: could not be checked.`,
	define: func(f *flags) action {
		var dir string
		f.text(&dir, "data-dir", "DIR", "the data directory ([state] path, or local_path beside a bucket)")
		return func(args []string, std stdio) error {
			if dir == "" || len(args) > 0 {
				return usagef("--data-dir DIR is needed, and nothing else")
			}
			sound, err := server.CheckDataDir(dir, std.out)
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
