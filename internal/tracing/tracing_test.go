package tracing

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Spans reach a collector that speaks OTLP over HTTP, with what was said of them
// and without what an error quotes.
func TestExport(t *testing.T) { // not parallel: tracing is of the process
	if On() {
		t.Fatal("on before Setup")
	}
	Record("nothing", time.Now(), nil)
	_, end := Start(t.Context(), "nothing")
	end(nil)

	var mu sync.Mutex
	var got []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var req collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &req); err != nil || r.Header.Get("x-token") != "s3cret" || strings.Contains(string(body), "private") {
			t.Errorf("%v, token %q, body %q", err, r.Header.Get("x-token"), body)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, rs := range req.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				for _, s := range ss.Spans {
					got = append(got, s.Name+":"+s.Status.GetMessage())
				}
			}
		}
	}))
	defer srv.Close()
	stop, err := Setup(t.Context(), Options{
		Endpoint: strings.TrimPrefix(srv.URL, "http://"), HTTP: true, Insecure: true, Sample: 1, Headers: map[string]string{"x-token": "s3cret"}, Version: "1", Instance: "here",
	})
	if err != nil {
		t.Fatal(err)
	}
	Record("step", time.Now().Add(-time.Second), nil, attribute.Int("rows", 3))
	ctx, end := Start(t.Context(), "checkpoint")
	_, endChild := Start(ctx, "checkpoint.write")
	endChild(errors.New("private"))
	end(nil)
	if err := stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(got)
	if want := []string{"checkpoint.write:error", "checkpoint:", "step:"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if On() {
		t.Error("on after shutdown")
	}
}

func TestNoCollector(t *testing.T) {
	stop, err := Setup(t.Context(), Options{Endpoint: "127.0.0.1:1", Insecure: true, Sample: 0})
	if err != nil {
		t.Fatal(err) // a collector that is not there is no reason not to start
	}
	Record("unsampled", time.Now(), nil)
	if err := stop(context.Background()); err != nil {
		t.Error(err)
	}
}

func BenchmarkOff(b *testing.B) {
	for b.Loop() {
		if On() {
			Record("step", time.Now(), nil)
		}
	}
}
