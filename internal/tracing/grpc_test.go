package tracing

import (
	"context"
	"net"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
)

// fakeCollector takes OTLP over gRPC, as Jaeger does.
type fakeCollector struct {
	collector.UnimplementedTraceServiceServer
	spans chan string
}

func (f *fakeCollector) Export(_ context.Context, req *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	for _, rs := range req.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				f.spans <- s.Name
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func TestExportGRPC(t *testing.T) { // not parallel: tracing is of the process
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeCollector{spans: make(chan string, 10)}
	srv := grpc.NewServer()
	collector.RegisterTraceServiceServer(srv, f)
	go func() { _ = srv.Serve(ln) }()
	defer srv.Stop()
	stop, err := Setup(t.Context(), Options{Endpoint: ln.Addr().String(), Insecure: true, Sample: 1})
	if err != nil {
		t.Fatal(err)
	}
	Record("fetch", time.Now(), nil)
	if err := stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := <-f.spans; got != "fetch" {
		t.Errorf("got span %q", got)
	}
}
