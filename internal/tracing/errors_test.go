package tracing

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestTeller(t *testing.T) {
	t.Parallel()
	now := time.Unix(1, 0)
	var got []int
	h := &teller{tell: func(_ error, n int) { got = append(got, n) }, now: func() time.Time { return now }}
	h.Handle(nil)
	for range 10 {
		h.Handle(errors.New("refused"))
	}
	now = now.Add(errorEvery)
	h.Handle(errors.New("refused"))
	if len(got) != 2 || got[0] != 1 || got[1] != 10 {
		t.Errorf("told of %v failures, want [1 10]", got)
	}
}

// TestErrorsAreTold: what the exporter has to complain of goes to OnError.
func TestErrorsAreTold(t *testing.T) { // not parallel: tracing is of the process
	told := make(chan error, 10)
	stop, err := Setup(t.Context(), Options{
		Endpoint: "127.0.0.1:1", HTTP: true, Insecure: true, Sample: 1, OnError: func(err error, _ int) { told <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	Record("step", time.Now(), nil)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_ = stop(ctx) // it fails, and says so
	if err := <-told; err == nil {
		t.Error("no error")
	}
}
