// Package kms wraps the data keys of encrypted state under a master key: of a key file on this machine, of AWS KMS, of
// Azure Key Vault, or of Google Cloud KMS. The master key itself never leaves the service, and a service is asked only
// when a keyring is made, loaded or rotated.
package kms

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

// KMS wraps and unwraps data keys; see package seal.
type KMS = seal.KMS

const (
	// callTimeout bounds one wrapping or unwrapping, further attempts included.
	callTimeout = 20 * time.Second
	// attempts bounds how often a call is made that fails for a passing reason.
	attempts = 5
	// firstPause is the pause before the second attempt; each further one is twice as long.
	firstPause = 200 * time.Millisecond
	// application is what wrapped keys are bound to where the service can do so.
	application = "heliosdb-streaming"
)

// Open returns the configured service. keyFile is the key of provider "local"; with create it is made if there is none,
// which must be so only as long as nothing was encrypted under it. Nothing is asked of a service yet, except for
// credentials.
func Open(ctx context.Context, c config.KMS, keyFile string, create bool) (KMS, error) {
	switch c.Provider {
	case config.KMSLocal:
		return OpenLocal(keyFile, create)
	case config.KMSAWS:
		return openAWS(ctx, c)
	case config.KMSAzure:
		return openAzure(c, azureOptions{})
	case config.KMSGCP:
		return openGCP(ctx, c)
	}
	return nil, fmt.Errorf("[kms] provider = %q is none of local, aws, azure, gcp", c.Provider)
}

// class is why a call failed, as far as it matters for what to do.
type class int

const (
	other       class = iota
	denied            // no permission, or no credentials
	notFound          // no such key
	unusable          // the key is disabled, deleted, or of the wrong kind
	wrongKey          // the bytes were not wrapped under this key
	throttled         // too many requests
	unavailable       // the service does not answer
)

// remote is a service behind a network.
type remote struct {
	provider string // as people call it
	key      string
	id       string
	wrap     func(ctx context.Context, plain []byte) ([]byte, error)
	unwrap   func(ctx context.Context, wrapped []byte) ([]byte, error)
	// classify looks into an error and returns its class and one line about it.
	classify func(error) (class, string)
	// permissions are what the process needs to be given.
	permissions string
	pause       time.Duration // before the second attempt
}

// ID implements KMS.
func (r *remote) ID() string { return r.id }

// Wrap implements KMS.
func (r *remote) Wrap(ctx context.Context, plain []byte) ([]byte, error) {
	return r.call(ctx, "wrapping", plain, r.wrap)
}

// Unwrap implements KMS.
func (r *remote) Unwrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	return r.call(ctx, "unwrapping", wrapped, r.unwrap)
}

// call makes a call, again if it fails for a passing reason.
func (r *remote) call(ctx context.Context, what string, in []byte, fn func(context.Context, []byte) ([]byte, error)) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	pause := r.pause
	for n := 1; ; n++ {
		out, err := fn(ctx, in)
		if err == nil {
			return out, nil
		}
		c, text := r.classify(err)
		passing := c == throttled || c == unavailable
		if ctx.Err() != nil {
			c, text = unavailable, fmt.Sprintf("no answer within %s", callTimeout)
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil, fmt.Errorf("%s, %s: %s a data key: %w", r.provider, r.key, what, context.Canceled)
			}
		}
		if !passing || n == attempts || !sleep(ctx, pause) {
			return nil, &Error{Provider: r.provider, Key: r.key, Doing: what, Reason: oneLine(text), Advice: r.advice(c)}
		}
		pause *= 2
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func (r *remote) advice(c class) string {
	switch c {
	case denied:
		return "give the process credentials that allow " + r.permissions + " with this key"
	case notFound:
		return "check the key's name, region and account in [kms]; the key must exist, it is not made here"
	case unusable:
		return "enable the key, or restore it if it is about to be deleted: without it the state cannot be read"
	case wrongKey:
		return "what is to be unwrapped was wrapped under another key: set [kms] to the key that keyring.json names"
	case throttled:
		return "the service limits the requests of this account: try again later"
	case unavailable:
		return "check network, proxy and endpoint, and try again"
	}
	return "see the service's documentation for this error"
}

// Error says which service failed, and what to do. It holds no secret.
type Error struct {
	Provider, Key string
	Doing         string // "wrapping" or "unwrapping"
	Reason        string
	Advice        string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s, key %s: %s a data key failed: %s: %s", e.Provider, e.Key, e.Doing, e.Reason, e.Advice)
}

// maxReason bounds what is kept of a service's own words.
const maxReason = 300

// oneLine makes a service's words fit for a log.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxReason {
		s = strings.ToValidUTF8(s[:maxReason], "") + "…"
	}
	return s
}

// checkEndpoint allows an endpoint of one's own: encrypted, or on this machine.
func checkEndpoint(key, endpoint string) (plain bool, err error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.User != nil {
		return false, fmt.Errorf("[kms] %s must be a URL such as https://host:port", key)
	}
	switch u.Scheme {
	case "https":
		return false, nil
	case "http":
		ip, err := netip.ParseAddr(u.Hostname())
		if u.Hostname() == "localhost" || err == nil && ip.IsLoopback() {
			return true, nil
		}
	}
	return false, fmt.Errorf("[kms] %s: data keys go to another machine by https only", key)
}
