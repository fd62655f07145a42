package server

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	netpprof "net/http/pprof"
	"os"
	"runtime"
	"runtime/pprof"
	"time"
)

// profileAddr is where --profile serves pprof: never beyond this machine, because
// profiles show what the process works on.
const profileAddr = "127.0.0.1:6060"

// Names of the files that --profile writes.
const (
	cpuProfile  = "cpu.pprof"
	heapProfile = "heap.pprof"
)

// StartProfile serves pprof on loopback and records a CPU profile. The returned
// function ends it and writes the profiles into the working directory. While it
// records, /debug/pprof/profile answers that the profiler is in use; every other
// profile is served.
func StartProfile(log *slog.Logger) (end func(), err error) {
	ln, err := net.Listen("tcp", profileAddr)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(cpuProfile, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close(), ln.Close())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", netpprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", netpprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", netpprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", netpprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", netpprof.Trace)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(ln) }()
	log.Info("profiling", "pprof", "http://"+ln.Addr().String()+"/debug/pprof/", "on_exit", cpuProfile+", "+heapProfile)
	return func() {
		pprof.StopCPUProfile()
		err := errors.Join(srv.Close(), f.Close(), writeHeapProfile())
		if err != nil {
			log.Error("the profile is not complete", "error", err)
		}
	}, nil
}

func writeHeapProfile() error {
	f, err := os.OpenFile(heapProfile, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	runtime.GC()
	return errors.Join(pprof.WriteHeapProfile(f), f.Close())
}
