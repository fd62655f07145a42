package server

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/logging"
	"github.com/heliosdb/heliosdb-streaming/internal/tracing"
)

// traceFlushTimeout bounds how long a stop waits for the collector.
const traceFlushTimeout = 2 * time.Second

// startTracing sends traces if the configuration says so, until stop.
func startTracing(ctx context.Context, cfg *config.Config, log *slog.Logger) (stop func(), err error) {
	t := &cfg.Tracing
	if !t.Enabled {
		return func() {}, nil
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	log = log.With(logging.Component, "tracing")
	headers, err := t.HeaderMap()
	if err != nil {
		return nil, fmt.Errorf("[tracing] headers %w", err)
	}
	shutdown, err := tracing.Setup(ctx, tracing.Options{
		Endpoint: t.Endpoint(), HTTP: t.OTLPProtocol == config.OTLPHTTP, Insecure: t.Insecure, Sample: t.SampleRatio,
		Headers: headers, Version: Version, Instance: fmt.Sprintf("%s/%d", host, os.Getpid()),
		OnError: func(err error, failures int) {
			log.Warn("the collector does not take traces; they are lost, and nothing else is",
				"endpoint", t.Endpoint(), "protocol", t.OTLPProtocol, "error", err, "failures", failures)
		},
	})
	if err != nil {
		return nil, err
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), traceFlushTimeout)
		defer cancel()
		_ = shutdown(ctx) // a collector that is gone is no reason to fail the stop
	}, nil
}
