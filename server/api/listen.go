package api

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Bounds of connections.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 30 * time.Second // of a whole request; the route's own limit follows
	idleTimeout   = time.Minute
)

// NewServer makes the HTTP server of an API. Over a TLS listener whose
// configuration offers "h2" it speaks HTTP/2 as well. base ends the requests
// that run when the server stops for good.
func NewServer(base context.Context, h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: MaxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return base },
		ConnState:   connState,
		HTTP2:       &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
	}
}
