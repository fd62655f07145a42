package object_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"

	"github.com/heliosdb/heliosdb-streaming/internal/testobject"
	"github.com/heliosdb/heliosdb-streaming/storage/object"
)

// patient has enough attempts for injected faults never to win.
var patient = object.Options{MaxRetries: 40, Backoff: time.Millisecond, RequestTimeout: 20 * time.Second}

// TestFaultsBetween breaks requests between each SDK and its real server.
func TestFaultsBetween(t *testing.T) {
	t.Parallel()
	for _, kind := range testobject.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			rnd := rand.New(rand.NewPCG(7, 7))
			store := testobject.New(t, kind)
			proxy := testobject.NewProxy(t, store.Endpoint, func(r *http.Request) testobject.Fault {
				mu.Lock()
				defer mu.Unlock()
				if rnd.IntN(4) > 0 {
					return testobject.None
				}
				return testobject.Fault(1 + rnd.IntN(int(testobject.CutAnswer)))
			})
			through := openStore(t, store, proxy.Endpoint, patient)
			direct := openStore(t, store, store.Endpoint, patient)
			underFaults(t, through, direct)
			if proxy.Faults.Load() < 10 {
				t.Errorf("only %d faults of %d requests", proxy.Faults.Load(), proxy.Requests.Load())
			}
		})
	}
}

// underFaults uses a bucket whose requests break, and looks at it through one whose requests do not.
func underFaults(t *testing.T, through, direct object.Bucket) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	data := bytes.Repeat([]byte("0123456789abcdef"), 10<<20/16) // two parts
	for i := range 25 {
		key, contents := fmt.Sprintf("k/%02d", i), fmt.Sprintf("contents %d", i)
		absent := object.PutOptions{IfAbsent: true}
		if err := through.Put(ctx, key, object.Bytes(contents), absent); err != nil {
			t.Fatalf("the only writer of %s: %v", key, err)
		}
		wantErr(t, through.Put(ctx, key, object.Bytes("other"), absent), object.ErrExists)
		info, err := through.Head(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		if err := through.Put(ctx, key, object.Bytes(contents+" changed"), object.PutOptions{IfVersion: info.Version}); err != nil {
			t.Fatalf("the only successor of %s: %v", key, err)
		}
		if got := get(t, ctx, through, key); got != contents+" changed" {
			t.Errorf("%s has %q", key, got)
		}
		if err := through.Copy(ctx, fmt.Sprintf("copy/%02d", i), key); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 4 {
		key := fmt.Sprint("large/", i)
		if err := through.Put(ctx, key, object.Bytes(data), object.PutOptions{IfAbsent: i%2 == 0}); err != nil {
			t.Fatal(err)
		}
		if got := get(t, ctx, through, key); got != string(data) {
			t.Errorf("%s differs", key)
		}
	}
	if got := keys(t, ctx, through, "k/"); len(got) != 25 {
		t.Errorf("%d keys", len(got))
	}
	if err := through.Delete(ctx, keys(t, ctx, through, "k/")...); err != nil {
		t.Fatal(err)
	}
	if got := keys(t, ctx, direct, ""); len(got) != 25+4 {
		t.Errorf("left %q", got)
	}
}

// TestNeverHalf checks that objects whose uploads broke for good are old or absent, never half.
func TestNeverHalf(t *testing.T) {
	t.Parallel()
	for _, kind := range testobject.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			store := testobject.New(t, kind)
			cut := func(r *http.Request) testobject.Fault {
				if r.Method == http.MethodGet || r.Method == http.MethodHead || r.ContentLength >= 0 && r.ContentLength < 100 {
					return testobject.None
				}
				return testobject.CutUpload
			}
			proxy := testobject.NewProxy(t, store.Endpoint, cut)
			through := openStore(t, store, proxy.Endpoint, object.Options{MaxRetries: 1, Backoff: time.Millisecond})
			direct := openStore(t, store, store.Endpoint, patient)
			put(t, ctx, direct, "old", "old")
			for _, size := range []int{1000, 10 << 20} {
				for _, key := range []string{"old", "new"} {
					err := through.Put(ctx, key, object.Bytes(make([]byte, size)), object.PutOptions{})
					wantErr(t, err, object.ErrUnavailable)
				}
			}
			if got := get(t, ctx, direct, "old"); got != "old" {
				t.Errorf("%d bytes of a broken upload", len(got))
			}
			if got := keys(t, ctx, direct, ""); len(got) != 1 {
				t.Errorf("broken uploads left %q", got)
			}
		})
	}
}

// TestFaulty lets the injected faults of this package happen, over each bucket that needs no server.
func TestFaulty(t *testing.T) {
	t.Parallel()
	folder, err := object.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	for name, raw := range map[string]object.Bucket{"memory": object.NewMemory(), "file": folder} {
		faulty := object.NewFaulty(raw, 1, object.Faults{Refuse: .1, Lost: .1, Partial: .1, Hang: .02})
		opts := patient
		opts.RequestTimeout = 50 * time.Millisecond
		through := object.Reliable(noLostDeletes{faulty}, opts)
		t.Run(name, func(t *testing.T) { underFaults(t, through, raw) })
		if faulty.Count() < 20 {
			t.Errorf("%s: %d faults", name, faulty.Count())
		}
	}
}

// noLostDeletes leaves out the fault that no retrying can see.
type noLostDeletes struct{ *object.Faulty }

func (n noLostDeletes) Delete(ctx context.Context, keys ...string) error {
	return n.Faulty.Bucket.Delete(ctx, keys...)
}

// TestModel compares random operations under faults with a map.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		faulty := object.NewFaulty(object.NewMemory(), rapid.Uint64().Draw(t, "seed"), object.Faults{Refuse: .2, Lost: .2, Partial: .2})
		b := object.WithPrefix(object.Reliable(noLostDeletes{faulty}, object.Options{MaxRetries: 200, Backoff: 1}), "p")
		model := map[string]string{}
		key := rapid.SampledFrom([]string{"a", "b/c", "b/d"})
		for n := range rapid.IntRange(1, 30).Draw(t, "steps") {
			k := key.Draw(t, "key")
			old, there := model[k]
			contents := fmt.Sprintf("%d %s", n, strings.Repeat("x", rapid.IntRange(0, 50).Draw(t, "size")))
			switch rapid.SampledFrom([]string{"put", "absent", "version", "delete", "get", "copy"}).Draw(t, "op") {
			case "put":
				must(t, b.Put(ctx, k, object.Bytes(contents), object.PutOptions{}))
				model[k] = contents
			case "absent":
				err := b.Put(ctx, k, object.Bytes(contents), object.PutOptions{IfAbsent: true})
				if there != errors.Is(err, object.ErrExists) || !there && err != nil {
					t.Fatalf("absent %s (there: %v): %v", k, there, err)
				}
				if !there {
					model[k] = contents
				}
			case "version":
				info, err := b.Head(ctx, k)
				if there != (err == nil) {
					t.Fatalf("head %s (there: %v): %v", k, there, err)
				}
				if there {
					must(t, b.Put(ctx, k, object.Bytes(contents), object.PutOptions{IfVersion: info.Version}))
					model[k] = contents
				}
			case "delete":
				must(t, b.Delete(ctx, k))
				delete(model, k)
			case "copy":
				if there {
					must(t, b.Copy(ctx, "a", k))
					model["a"] = old
				}
			case "get":
				data, _, err := object.ReadAll(ctx, b, k, 1000)
				if there != (err == nil) || string(data) != old {
					t.Fatalf("get %s: %q %v, want %q", k, data, err, old)
				}
			}
		}
		n := 0
		for info, err := range b.List(ctx, "") {
			must(t, err)
			if _, there := model[info.Key]; !there {
				t.Fatalf("listed %s", info.Key)
			}
			n++
		}
		if n != len(model) {
			t.Fatalf("%d of %d listed", n, len(model))
		}
	})
}

func must(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// TestDamage changes bytes behind the bucket's back.
func TestDamage(t *testing.T) {
	t.Parallel()
	b := object.Reliable(damaging{object.NewMemory()}, fast)
	put(t, t.Context(), b, "k", "some contents")
	_, _, err := object.ReadAll(t.Context(), b, "k", 100)
	wantErr(t, err, object.ErrCorrupt)
}

type damaging struct{ object.Bucket }

func (d damaging) Get(ctx context.Context, key string) (*object.Reader, error) {
	r, err := d.Bucket.Get(ctx, key)
	if err == nil {
		r.ReadCloser = io.NopCloser(strings.NewReader("some CONTENTS"))
	}
	return r, err
}

// TestGivingUp counts attempts, and what the error says.
func TestGivingUp(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	opts := fast
	opts.Metrics = object.NewMetrics(reg)
	faulty := object.NewFaulty(object.NewMemory(), 1, object.Faults{Refuse: 1})
	b := object.Reliable(faulty, opts)
	err := b.Put(t.Context(), "k", object.Bytes("x"), object.PutOptions{})
	wantErr(t, err, object.ErrUnavailable)
	if !strings.Contains(err.Error(), "3 attempts") || faulty.Count() != 3 {
		t.Errorf("%d requests: %v", faulty.Count(), err)
	}
	want := `
# HELP heliosdb_object_retries_total Requests to the object store that repeated a failed one.
# TYPE heliosdb_object_retries_total counter
heliosdb_object_retries_total{op="copy"} 0
heliosdb_object_retries_total{op="delete"} 0
heliosdb_object_retries_total{op="get"} 0
heliosdb_object_retries_total{op="head"} 0
heliosdb_object_retries_total{op="list"} 0
heliosdb_object_retries_total{op="put"} 2
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "heliosdb_object_retries_total"); err != nil {
		t.Error(err)
	}
	// What was refused is not repeated, and neither is what the caller has given up.
	_, err = object.Reliable(object.NewMemory(), opts).Head(t.Context(), "k")
	wantErr(t, err, object.ErrNotFound)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, b.Delete(ctx, "k"), context.Canceled)
}

// TestRefused uses a bucket that is not there, and a server that refuses: neither is asked again.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, kind := range testobject.Kinds {
		store := testobject.New(t, kind)
		var asked atomic.Bool
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Store(true)
			// An answer before the end of a large body may be lost with the connection.
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusForbidden)
		}))
		defer proxy.Close()
		denied := openStore(t, store, proxy.URL, patient)
		for _, err := range []error{
			denied.Put(t.Context(), "k", object.Bytes("x"), object.PutOptions{IfAbsent: true}),
			denied.Put(t.Context(), "k", object.Bytes(make([]byte, 9<<20)), object.PutOptions{}),
			denied.Delete(t.Context(), "k"),
		} {
			wantErr(t, err, object.ErrDenied)
			if err != nil && (!strings.Contains(err.Error(), "check the credentials") || strings.Contains(err.Error(), "attempts")) {
				t.Errorf("%s: %v", kind, err)
			}
		}
		if !asked.Load() {
			t.Errorf("%s: nobody asked", kind)
		}
		store.URL += "-missing"
		b := openStore(t, store, store.Endpoint, patient)
		for _, opts := range []object.PutOptions{{}, {IfAbsent: true}} {
			wantErr(t, b.Put(t.Context(), "k", object.Bytes("x"), opts), object.ErrNoBucket)
		}
		if _, err := b.Get(t.Context(), "k"); !errors.Is(err, object.ErrNoBucket) && !errors.Is(err, object.ErrNotFound) {
			t.Errorf("%s: %v", kind, err)
		}
		for _, err := range b.List(t.Context(), "") {
			wantErr(t, err, object.ErrNoBucket)
		}
	}
}

func TestErrorsHaveNoSecrets(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`Get "https://a.blob.core.windows.net/c/k?sv=1&sig=SECRET": EOF`,
		`Put http://user:SECRET@host/x: refused`,
		"Authorization: AWS4-HMAC-SHA256 Credential=SECRET, Signature=SECRET",
		`AccountKey=SECRET;EndpointSuffix=core.windows.net`,
	} {
		err := &object.Error{Op: "get", Key: "k", Class: object.ErrUnavailable, Cause: errors.New(text)}
		if got := err.Error(); strings.Contains(got, "SECRET") {
			t.Errorf("%s", got)
		}
	}
	if _, err := object.Parse("s3://key:SECRET@bucket/x"); err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("%v", err)
	}
}
