package main

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/heliosdb/heliosdb-streaming/server"
)

// dumpStacksOnSignal writes the stacks of all goroutines to the log on SIGUSR1,
// until the returned function is called.
func dumpStacksOnSignal(log *slog.Logger) (stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-c:
				server.DumpStacks(log)
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(c)
		close(done)
	}
}
