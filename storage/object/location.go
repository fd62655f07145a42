package object

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

// Location says where a bucket is: the parts of a [state] path.
type Location struct {
	Provider string // "s3", "gcs", "azure", "file", "memory": the names of [state] backend
	Bucket   string // bucket or container; of "file" the directory
	Prefix   string // in front of every key, without slashes at its ends; may be empty
}

// schemes are the providers of URL schemes.
var schemes = map[string]string{
	"s3": "s3", "gs": "gcs", "gcs": "gcs", "azblob": "azure", "azure": "azure", "file": "file", "mem": "memory", "memory": "memory",
}

// forms are what the URLs of a provider look like.
var forms = map[string]string{
	"s3": "s3://bucket/prefix", "gcs": "gs://bucket/prefix", "azure": "azblob://container/prefix",
	"file": "file:///directory", "memory": "memory://",
}

// String is the URL that Parse reads.
func (l Location) String() string {
	switch l.Provider {
	case "file":
		return "file://" + l.Bucket
	case "memory":
		return "memory://"
	}
	s := strings.SplitN(forms[l.Provider], "bucket", 2)[0]
	if l.Provider == "azure" {
		s = "azblob://"
	}
	s += l.Bucket
	if l.Prefix != "" {
		s += "/" + l.Prefix
	}
	return s
}

// Parse reads s3://bucket/prefix, gs://bucket/prefix, azblob://container/prefix (also azure://), file:///directory and
// memory://. Credentials and options do not belong into it and are refused.
func Parse(path string) (Location, error) {
	fail := func(format string, args ...any) (Location, error) {
		return Location{}, fmt.Errorf("object store %q: %s", clean(path), fmt.Sprintf(format, args...))
	}
	scheme, rest, ok := strings.Cut(path, "://")
	provider := schemes[strings.ToLower(scheme)]
	if !ok || provider == "" {
		return fail("want one of %s, %s, %s, %s", forms["s3"], forms["gcs"], forms["azure"], forms["file"])
	}
	if provider == "file" {
		if !filepath.IsAbs(rest) {
			return fail("want an absolute directory: %s", forms[provider])
		}
		return Location{Provider: provider, Bucket: filepath.Clean(rest)}, nil
	}
	u, err := url.Parse(path)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fail("want %s, without user, port and options; credentials come from the provider's environment, "+
			"[state] endpoint, region and path_style say the rest", forms[provider])
	}
	l := Location{Provider: provider, Bucket: u.Host, Prefix: strings.Trim(u.Path, "/")}
	if provider == "memory" {
		return Location{Provider: provider}, nil
	}
	if l.Bucket == "" || u.Port() != "" {
		return fail("want %s", forms[provider])
	}
	if l.Prefix != "" {
		if err := checkKey("open", l.Prefix); err != nil {
			return fail("the prefix may have letters, digits and ._=- only, and no empty parts")
		}
		if len(l.Prefix) > MaxKey/2 {
			return fail("the prefix may have %d bytes", MaxKey/2)
		}
	}
	return l, nil
}

// ParseFor is Parse, and refuses a path of another backend ("s3", "gcs", "azure", "file", "memory") with what to write
// instead.
func ParseFor(backend, path string) (Location, error) {
	l, err := Parse(path)
	if err != nil {
		return l, fmt.Errorf("[state] path for backend %q: %w", backend, err)
	}
	// A folder or memory behind a backend for buckets would be a silent loss of what was asked for.
	if l.Provider != backend {
		return Location{}, fmt.Errorf("[state] path %q is for backend %q, but backend is %q: write backend = %q, or a path like %s",
			l, l.Provider, backend, l.Provider, forms[backend])
	}
	return l, nil
}
