package pgwire

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/testtls"
	"github.com/heliosdb/heliosdb-streaming/internal/tlsconf"
)

// tlsServer serves with a certificate and gives what Connect was told of the
// connections.
func tlsServer(t *testing.T, cfg Config) (h *fakeHandler, addr string, client *tls.Config, seen chan *TLS, ca *testtls.CA) {
	t.Helper()
	ca = testtls.NewCA(t)
	cert, key := ca.Issue("server", "localhost")
	src, err := tlsconf.Open(tlsconf.Options{CertFile: cert, KeyFile: key, ClientCAFile: ca.File})
	if err != nil {
		t.Fatal(err)
	}
	cfg.TLS = src.Current
	h, seen = newFake(), make(chan *TLS, 100)
	h.connect = func(_ context.Context, _ Conn, p StartupParams) error { seen <- p.TLS; return nil }
	_, addr = startServer(t, h, cfg)
	return h, addr, &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", MinVersion: tls.VersionTLS12}, seen, ca
}

func request(code uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 8), code)
}

// ssl asks for encryption and does the handshake.
func (w *wire) ssl(c *tls.Config) *tls.Conn {
	w.t.Helper()
	if _, err := w.nc.Write(request(codeSSL)); err != nil {
		w.t.Fatal(err)
	}
	w.answer('S')
	nc := tls.Client(w.nc, c)
	if err := nc.Handshake(); err != nil {
		w.t.Fatal(err)
	}
	w.nc = nc
	return nc
}

func (w *wire) answer(want byte) {
	w.t.Helper()
	var b [1]byte
	if _, err := io.ReadFull(w.nc, b[:]); err != nil || b[0] != want {
		w.t.Fatalf("answer %q %v, want %q", b, err, want)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	_, addr, client, seen, ca := tlsServer(t, Config{})
	w := dial(t, addr)
	if _, err := w.nc.Write(request(codeGSSEnc)); err != nil {
		t.Fatal(err)
	}
	w.answer('N')
	nc := w.ssl(client)
	w.send("Startup user=a")
	w.until("ReadyForQuery", 1)
	wantLines(t, strings.Split(w.ask(`Query "SELECT"`), "\n"), `RowDescription`, `DataRow`, `CommandComplete "SELECT 1"`, "ReadyForQuery I")
	info := <-seen
	want := sha256.Sum256(nc.ConnectionState().PeerCertificates[0].Raw)
	if info == nil || !bytes.Equal(info.EndPoint, want[:]) || info.ClientName() != "" {
		t.Errorf("the handler was told of %+v", info)
	}

	// A client certificate that the authority signed gives its name.
	cert, key := ca.Issue("client", "alice")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	c := client.Clone()
	c.Certificates = []tls.Certificate{pair}
	w = dial(t, addr)
	w.ssl(c)
	w.send("Startup user=alice")
	w.until("ReadyForQuery", 1)
	if name := (<-seen).ClientName(); name != "alice" {
		t.Errorf("client's name %q", name)
	}

	// Plain connections still work: who may have one is the handler's matter.
	connect(t, addr)
	if (<-seen) != nil {
		t.Error("a plain connection passes for an encrypted one")
	}
}

// TestTLSDirect: the handshake comes first and names the protocol.
func TestTLSDirect(t *testing.T) {
	t.Parallel()
	_, addr, client, seen, _ := tlsServer(t, Config{})
	c := client.Clone()
	c.NextProtos = []string{"postgresql"}
	nc := tls.Client(dial(t, addr).nc, c)
	w := &wire{t, nc}
	w.send("Startup user=a")
	w.until("ReadyForQuery", 1)
	if (<-seen) == nil {
		t.Error("not taken for encrypted")
	}
	for _, protos := range [][]string{nil, {"http/1.1"}} {
		c.NextProtos = protos
		nc := tls.Client(dial(t, addr).nc, c)
		if err := nc.Handshake(); err == nil {
			if _, err = nc.Read(make([]byte, 1)); err == nil {
				t.Errorf("ALPN %q was let in", protos)
			}
		}
	}
}

// TestTLSInjection: what was sent in the clear behind an SSLRequest is never
// taken for the encrypted stream (CVE-2021-23214), neither with nor without a
// handshake behind it.
func TestTLSInjection(t *testing.T) {
	t.Parallel()
	_, addr, client, seen, _ := tlsServer(t, Config{})
	plain, err := clientMessage("Startup user=mallory")
	if err != nil {
		t.Fatal(err)
	}
	query, err := clientMessage(`Query "SELECT"`)
	if err != nil {
		t.Fatal(err)
	}
	for _, inject := range [][]byte{plain, query, {0}} {
		w := dial(t, addr)
		if _, err := w.nc.Write(append(request(codeSSL), inject...)); err != nil {
			t.Fatal(err)
		}
		w.answer('S')
		if err := tls.Client(w.nc, client).Handshake(); err == nil {
			t.Error("a handshake behind injected bytes succeeded")
		}
	}
	if len(seen) > 0 {
		t.Error("the handler saw a connection")
	}
}

func TestTLSSecondRequest(t *testing.T) {
	t.Parallel()
	_, addr, client, _, _ := tlsServer(t, Config{})
	for code, name := range map[uint32]string{codeSSL: "5679", codeGSSEnc: "5680"} {
		w := dial(t, addr)
		w.ssl(client)
		if _, err := w.nc.Write(request(code)); err != nil {
			t.Fatal(err)
		}
		wantLines(t, w.until("EOF", 1),
			`ErrorResponse S="FATAL" C="0A000" M="unsupported frontend protocol 1234.`+name+`: server supports 3.0 to 3.0"`, "EOF")
	}
}

func TestTLSCancel(t *testing.T) {
	t.Parallel()
	h, addr, client, _, _ := tlsServer(t, Config{})
	w := dial(t, addr)
	w.ssl(client)
	pid, secret := w.key()
	w.send(`Query "SELECT pg_sleep(1000)"`)
	<-h.waiting
	c := dial(t, addr)
	c.ssl(client)
	b := binary.BigEndian.AppendUint32(nil, 16)
	for _, x := range []uint32{codeCancel, pid, secret} {
		b = binary.BigEndian.AppendUint32(b, x)
	}
	if _, err := c.nc.Write(b); err != nil {
		t.Fatal(err)
	}
	wantLines(t, w.until("ReadyForQuery", 1),
		`ErrorResponse S="ERROR" C="57014" M="canceling statement due to user request"`, "ReadyForQuery I")
}

// TestTLSDeadline: a client that is silent in the handshake does not keep its slot.
func TestTLSDeadline(t *testing.T) {
	t.Parallel()
	_, addr, _, _, _ := tlsServer(t, Config{AuthTimeout: 50 * time.Millisecond})
	for _, send := range [][]byte{request(codeSSL), {recordHandshake}, {recordHandshake, 3, 1, 0, 100}, nil} {
		w := dial(t, addr)
		if _, err := w.nc.Write(send); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, w.nc); err != nil {
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				t.Errorf("after %x: the connection stays open", send)
			}
		}
	}
}

// TestNoTLS: without a certificate a client is told so.
func TestNoTLS(t *testing.T) {
	t.Parallel()
	_, addr := startServer(t, newFake(), Config{})
	w := dial(t, addr)
	if _, err := w.nc.Write(request(codeSSL)); err != nil {
		t.Fatal(err)
	}
	w.answer('N')
	w.send("Startup user=a")
	w.until("ReadyForQuery", 1)
}
