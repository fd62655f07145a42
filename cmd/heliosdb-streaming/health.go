package main

import (
	"crypto/tls"
	"errors"
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
var health = command{
	name:    "health",
	summary: "ask a running server whether it is well; exit code 0 or 1",
	usage:   "[-f] [-s] [-k] [URL]",
	text:    "URL is http://localhost:8081/health by default. -f, -s and -S are accepted, as curl's are.",
	define: func(f *flags) action {
		var insecure bool
		for _, name := range []string{"f", "s", "S", "fs", "sf", "fsS", "sSf", "fail", "silent", "show-error"} {
			f.set.Bool(name, false, "")
		}
		f.yes(&insecure, "k", "take any certificate")
		return func(args []string, std stdio) error {
			url := "http://localhost:8081/health"
			switch {
			case len(args) > 1:
				return usagef("unexpected argument %q", args[1])
			case len(args) == 1:
				url = args[0]
			}
			return get(url, insecure, std.out)
		}
	},
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
