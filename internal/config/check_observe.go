package config

import (
	"fmt"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/logging"
)

// maxHeaders bounds [tracing] headers.
const maxHeaders = 100

// HeaderMap are the headers of an export. Errors do not show the values.
func (t *Tracing) HeaderMap() (map[string]string, error) {
	out := make(map[string]string)
	for i, item := range strings.Split(t.Headers.Reveal(), ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		name, value, ok := strings.Cut(item, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, fmt.Errorf("must be NAME=VALUE,NAME=VALUE; item %d is not", i+1)
		}
		if out[strings.ToLower(name)] = strings.TrimSpace(value); len(out) > maxHeaders {
			return nil, fmt.Errorf("names more than %d headers", maxHeaders)
		}
	}
	return out, nil
}

func (l *loader) checkObservation() {
	c := l.c
	if err := logging.CheckLevels(c.Logging.Level, c.Logging.Components); err != nil {
		l.failKey("logging.components", "%v", err)
	}
	if _, err := c.Tracing.HeaderMap(); err != nil {
		l.failKey("tracing.headers", "%v", err)
	}
	if strings.Contains(c.Tracing.OTLPEndpoint, "://") {
		l.failKey("tracing.otlp_endpoint", "must be host:port without a scheme, not %q; otlp_protocol and insecure say the rest", c.Tracing.OTLPEndpoint)
	} else {
		l.checkAddress("tracing.otlp_endpoint", c.Tracing.Endpoint(), 1)
	}
	if c.Tracing.Enabled && c.Tracing.Insecure && c.Tracing.Headers != "" {
		l.warnKey("tracing.insecure", "= true sends [tracing] headers unencrypted")
	}
}
