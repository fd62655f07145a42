// Package tracing sends OpenTelemetry traces by OTLP: queries, steps, checkpoints
// and fetches. It is off until Setup, and then costs one atomic load where a span
// would be.
//
//	if tracing.On() {
//		defer tracing.Record("step", start, attribute.Int("rows", n))
//	}
package tracing

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/credentials"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Options of the exporter.
type Options struct {
	Endpoint string // host:port of the collector
	HTTP     bool   // OTLP over HTTP instead of gRPC
	Insecure bool   // without TLS
	Sample   float64
	Headers  map[string]string // go with every export; usually a token
	Version  string            // of the program
	Instance string            // what tells one process from another
	// OnError is told of exports that failed, at most every five minutes, with
	// their number since it was told last. Nil: nobody is.
	OnError func(err error, failures int)
}

// Bounds of what waits for the collector; what does not fit is dropped, because
// traces must never hold up the engine.
const (
	maxQueue  = 4096
	maxBatch  = 512
	batchWait = 2 * time.Second
	// exportTimeout bounds one export.
	exportTimeout = 10 * time.Second
)

var tracer atomic.Pointer[trace.Tracer]

// On reports whether traces are sent.
func On() bool { return tracer.Load() != nil }

// Setup begins to send traces, until the returned function has sent the last
// ones. The collector need not be there: spans it does not take are dropped.
func Setup(ctx context.Context, o Options) (shutdown func(context.Context) error, err error) {
	tellErrors(o.OnError)
	client := newClient(o)
	exp, err := otlptrace.New(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("[tracing]: %w", err)
	}
	p := sdk.NewTracerProvider(
		sdk.WithBatcher(exp, sdk.WithMaxQueueSize(maxQueue), sdk.WithMaxExportBatchSize(maxBatch),
			sdk.WithBatchTimeout(batchWait), sdk.WithExportTimeout(exportTimeout)),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(o.Sample))),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "heliosdb-streaming"),
			attribute.String("service.version", o.Version),
			attribute.String("service.instance.id", o.Instance),
		)),
	)
	t := p.Tracer("github.com/heliosdb/heliosdb-streaming")
	tracer.Store(&t)
	return func(ctx context.Context) error {
		tracer.CompareAndSwap(&t, nil)
		return p.Shutdown(ctx)
	}, nil
}

func newClient(o Options) otlptrace.Client {
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.HTTP {
		opts := []otlptracehttp.Option{otlptracehttp.WithEndpoint(o.Endpoint), otlptracehttp.WithHeaders(o.Headers)}
		if o.Insecure {
			opts = append(opts, otlptracehttp.WithInsecure())
		} else {
			opts = append(opts, otlptracehttp.WithTLSClientConfig(secure))
		}
		return otlptracehttp.NewClient(opts...)
	}
	opts := []otlptracegrpc.Option{otlptracegrpc.WithEndpoint(o.Endpoint), otlptracegrpc.WithHeaders(o.Headers)}
	if o.Insecure {
		opts = append(opts, otlptracegrpc.WithInsecure())
	} else {
		opts = append(opts, otlptracegrpc.WithTLSCredentials(credentials.NewTLS(secure)))
	}
	return otlptracegrpc.NewClient(opts...)
}

// Start begins a span; end finishes it. Without tracing both do nothing.
func Start(ctx context.Context, name string, attrs ...attribute.KeyValue) (_ context.Context, end func(error)) {
	t := tracer.Load()
	if t == nil {
		return ctx, func(error) {}
	}
	ctx, span := (*t).Start(ctx, name, trace.WithAttributes(attrs...))
	return ctx, func(err error) { finish(span, err) }
}

// Record makes a span that began at start and ends now.
func Record(name string, start time.Time, err error, attrs ...attribute.KeyValue) {
	t := tracer.Load()
	if t == nil {
		return
	}
	_, span := (*t).Start(context.Background(), name, trace.WithTimestamp(start), trace.WithAttributes(attrs...))
	finish(span, err)
}

// finish ends a span. Errors may quote what a client sent, so that only their
// kind goes out.
func finish(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, kind(err))
	}
	span.End()
}

// kind is what may be told of an error: its SQLSTATE, or that there is one.
func kind(err error) string {
	var e *pgerr.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return "error"
}
