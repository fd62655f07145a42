package config

import "strings"

// schemes are how the path of each backend may begin.
var schemes = map[string][]string{
	BackendFile:  {"file://"},
	BackendS3:    {"s3://"},
	BackendGCS:   {"gs://"},
	BackendAzure: {"azblob://", "azure://"},
}

// backendOf is the backend whose paths begin as path does; "" for a directory.
func backendOf(path string) string {
	for backend, begins := range schemes {
		for _, s := range begins {
			if strings.HasPrefix(path, s) {
				return backend
			}
		}
	}
	return ""
}

func (l *loader) checkState() {
	c := l.c
	if n := c.MemoryLimitBytes(); int64(c.State.CacheSizeMB)<<20 > n/2 {
		l.failKey("state.cache_size_mb", "(%d) is more than half of the memory limit (%d MiB)", c.State.CacheSizeMB, n>>20)
	}
	l.checkURL("state.endpoint", c.State.Endpoint)
	if c.State.Backend == BackendMemory {
		l.warnKey("state.backend", `= "memory": all state is lost when the process ends; savepoints stay`)
		return
	}
	l.checkPath()
	if c.State.BucketURL() != "" {
		return
	}
	for _, key := range []string{"local_path", "endpoint", "region", "path_style", "request_timeout_secs", "max_retries", "lease_secs", "take_over"} {
		l.warnKey("state."+key, "has no effect: it belongs to object stores")
	}
}

// checkPath compares path with the backend that it belongs to.
func (l *loader) checkPath() {
	s := &l.c.State
	scheme, _, isURL := strings.Cut(s.Path, "://")
	name := "state.path"
	switch of := backendOf(s.Path); {
	case s.Path == "":
		l.failKey(name, "must not be empty")
	case s.Backend == BackendFile && !isURL:
	case s.Backend != BackendFile && (!isURL || !l.isSet(name)):
		if !l.isSet(name) {
			name = "state.backend"
		}
		l.fail(l.c.Origin(name), `[state] backend = %q needs the bucket in path: write path = "%sBUCKET/PREFIX" (the directory of the local copy is local_path)`,
			s.Backend, schemes[s.Backend][0])
	case of == "":
		l.failKey(name, "begins with %s://, which is no known object store: s3, gs, azblob, file", scheme)
	case of != s.Backend:
		l.failKey(name, "= %q belongs to backend = %q, not %q", withoutUser(s.Path), of, s.Backend)
	default:
		l.checkBucket(scheme, strings.TrimPrefix(s.Path, scheme+"://"))
	}
}

// checkBucket checks what stands behind the scheme.
func (l *loader) checkBucket(scheme, rest string) {
	bucket, _, _ := strings.Cut(rest, "/")
	switch {
	case scheme != "file" && strings.ContainsAny(bucket, "@:"):
		l.failKey("state.path", "must not hold a login: credentials come from the environment, as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY do")
	case strings.ContainsAny(rest, "?#"):
		l.failKey("state.path", "must not hold a query: endpoint, region and path_style are keys of their own")
	case scheme == "file" && (bucket != "" || len(rest) < 2):
		l.failKey("state.path", "must be file:///DIRECTORY, with three slashes and a full path")
	case scheme == "file" && strings.Trim(rest, "/") == strings.Trim(l.c.State.LocalDir(), "/"):
		l.failKey("state.path", "and local_path are one directory: write another local_path, or path without file:// to keep state there alone")
	case scheme != "file" && bucket == "":
		l.failKey("state.path", "names no bucket: %s://BUCKET/PREFIX", scheme)
	}
}
