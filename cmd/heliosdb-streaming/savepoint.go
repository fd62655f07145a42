package main

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/heliosdb/heliosdb-streaming/server"
)

var savepoints = command{
	name:    "savepoint",
	summary: "list, verify or delete savepoints, whether a server runs or not",
	usage:   "list | verify ID | delete ID  [--config FILE]",
	text: `Works on the savepoints at [state] path. A running server makes one with
  curl -X POST -H "Authorization: Bearer $TOKEN" http://localhost:8080/api/v1/admin/savepoint
or, over SQL, CREATE STATE SAVEPOINT. --restore-from-savepoint ID starts from one.
verify reads all of it and compares every checksum; it needs no key.
Exit code 0: done; 1: not there or damaged; 2: wrong command line or configuration.`,
	define: func(f *flags) action {
		var from configuration
		from.define(f)
		return func(args []string, std stdio) error {
			list := len(args) == 1 && args[0] == "list"
			if !list && (len(args) != 2 || args[0] != "verify" && args[0] != "delete") {
				return usagef("list, verify ID or delete ID is needed")
			}
			if !list {
				if err := server.CheckSavepointID(args[1]); err != nil {
					return usageError{err}
				}
			}
			cfg, err := from.load()
			if err != nil {
				return configError{err}
			}
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			tool, err := server.OpenSavepoints(ctx, cfg)
			if err != nil {
				return err
			}
			defer tool.Close()
			switch {
			case list:
				return listSavepoints(ctx, tool, std)
			case args[0] == "verify":
				info, err := tool.Verify(ctx, args[1])
				if err == nil {
					fmt.Fprintf(std.out, "savepoint-%s: epoch %d, %d files, %d bytes, written by version %s: all checksums match\n",
						info.ID, info.Epoch, len(info.Files), info.Bytes, info.Program)
				}
				return err
			}
			return tool.Delete(ctx, args[1])
		}
	},
}

func listSavepoints(ctx context.Context, tool *server.SavepointTool, std stdio) error {
	list, unread, err := tool.List(ctx)
	if err != nil {
		return err
	}
	for _, why := range unread {
		fmt.Fprintln(std.err, "not listed:", why)
	}
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SAVEPOINT\tNAME\tCREATED\tEPOCH\tJOBS\tBYTES\tSEALED\tVERSION")
	for _, i := range list {
		fmt.Fprintf(w, "savepoint-%s\t%s\t%s\t%d\t%d\t%d\t%t\t%s\n", i.ID, i.Name, i.Created.Format(time.RFC3339), i.Epoch, i.Jobs, i.Bytes, i.Sealed, i.Program)
	}
	return w.Flush()
}
