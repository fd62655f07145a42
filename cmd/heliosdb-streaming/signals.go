package main

import (
	"os"
	"os/signal"
	"syscall"
)

// stackDumper is the log.
type stackDumper interface{ DumpStacks() }

// dumpStacksOnSignal writes the stacks of all goroutines to the log on SIGUSR1,
// until the returned function is called.
func dumpStacksOnSignal(log stackDumper) (stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-c:
				log.DumpStacks()
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
