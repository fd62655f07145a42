//go:build !unix

package pgwire

import "net"

// hungUp cannot look at a socket without reading from it here.
func hungUp(net.Conn) bool { return false }
