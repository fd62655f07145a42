package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// Bounds of a health check.
const (
	healthTimeout  = 5 * time.Second
	healthMaxBytes = 64 << 10
)

// health asks a health endpoint. It takes the flags that people give to curl in
// health checks (-f, -s, -S), because the image installs this program under that
// name: an image without a shell or a curl still answers
// `curl -f http://localhost:8081/health`.
func health(args []string, out, errOut io.Writer) int {
	fs := flag.NewFlagSet("health", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	for _, name := range []string{"f", "s", "S", "fs", "sf", "fsS", "sSf", "fail", "silent", "show-error"} {
		fs.Bool(name, false, "")
	}
	insecure := fs.Bool("k", false, "")
	err := fs.Parse(args)
	if err != nil || fs.NArg() > 1 {
		fmt.Fprint(errOut, "Usage: heliosdb-streaming health [-f] [-s] [-k] [URL]\n\n"+
			"URL is http://localhost:8081/health by default; -k takes any certificate.\n")
		return 2
	}
	url := "http://localhost:8081/health"
	if fs.NArg() == 1 {
		url = fs.Arg(0)
	}
	if err := get(url, *insecure, out); err != nil {
		fmt.Fprintln(errOut, "heliosdb-streaming health:", err)
		return 1
	}
	return 0
}

func get(url string, insecure bool, out io.Writer) error {
	tr := http.DefaultTransport.(*http.Transport).Clone()
	tr.Proxy = nil // the server is on this machine
	// -k is what a health check of the machine's own server may ask for.
	tr.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure}
	client := &http.Client{Timeout: healthTimeout, Transport: tr}
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(out, io.LimitReader(resp.Body, healthMaxBytes)); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return nil
}
