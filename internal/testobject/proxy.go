package testobject

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
)

// Fault is what a Proxy does to one request.
type Fault int

// Faults.
const (
	None       Fault = iota
	Refuse           // 503 without asking the server
	Throttle         // 429
	LoseAnswer       // the server does it, the client's connection breaks
	CutUpload        // half of the request's body reaches the server, then both connections break
	CutAnswer        // half of the answer's body reaches the client
)

// Proxy stands between an SDK and a store and breaks requests.
type Proxy struct {
	Endpoint string
	// Requests that came, Faults that were made.
	Requests, Faults atomic.Int64

	decide atomic.Pointer[func(r *http.Request) Fault]
}

// NewProxy starts a proxy on loopback for the length of a test. decide is asked
// for each request, concurrently.
func NewProxy(t testing.TB, endpoint string, decide func(r *http.Request) Fault) *Proxy {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{}
	p.Decide(decide)
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // it is signed
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	forward.ModifyResponse = func(r *http.Response) error {
		if f, _ := r.Request.Context().Value(faultKey{}).(Fault); f == CutAnswer && r.ContentLength > 1 {
			r.Body = &cutBody{ReadCloser: r.Body, left: r.ContentLength / 2}
		}
		return nil
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.Requests.Add(1)
		p.serve(w, r, forward)
	}))
	// What breaks here is meant to.
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	forward.ErrorLog = server.Config.ErrorLog
	server.Start()
	t.Cleanup(server.Close)
	p.Endpoint = server.URL
	return p
}

// Decide replaces the function that chooses faults.
func (p *Proxy) Decide(decide func(r *http.Request) Fault) { p.decide.Store(&decide) }

type faultKey struct{}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	fault := (*p.decide.Load())(r)
	if fault != None {
		p.Faults.Add(1)
	}
	switch fault {
	case Refuse:
		http.Error(w, "injected", http.StatusServiceUnavailable)
	case Throttle:
		http.Error(w, "injected", http.StatusTooManyRequests)
	case LoseAnswer:
		forward.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case CutUpload:
		length := r.ContentLength
		if length < 0 { // chunked
			whole, err := io.ReadAll(r.Body)
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			length, r.Body = int64(len(whole)), io.NopCloser(bytes.NewReader(whole))
		}
		if length > 1 {
			r.Body = &cutBody{ReadCloser: r.Body, left: length / 2}
		}
		forward.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	default:
		forward.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), faultKey{}, fault)))
	}
}

// cutBody fails after a number of bytes.
type cutBody struct {
	io.ReadCloser
	left int64
}

var errCut = errors.New("injected: the connection is cut")

func (c *cutBody) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errCut
	}
	n, err := c.ReadCloser.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}
