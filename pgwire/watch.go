package pgwire

import (
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

var errClientLost = fatal(pgerr.ConnectionFailure, "connection to client lost")

// watch cancels the statements of clients that have hung up. Nobody reads
// from a connection while its statement runs, so without it a statement that
// sends nothing would go on for a client that is long gone.
func (s *Server) watch() {
	tick := time.NewTicker(s.cfg.ClientCheckInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.stopped:
			return
		case <-tick.C:
		}
		for _, c := range s.all() {
			if c.stillBusy() && hungUp(c.sock) {
				c.cancel(errClientLost)
			}
		}
	}
}

// stillBusy reports whether the request that runs now already ran at the last
// call: short ones are not worth a look at the socket.
func (c *conn) stillBusy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := c.watched
	c.watched = c.requests
	return c.cancelQuery != nil && seen == c.requests
}
