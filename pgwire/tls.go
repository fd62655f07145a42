package pgwire

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
)

// alpn is what a client that begins with TLS at once must ask for, so that a
// TLS connection meant for another service is not taken for ours.
const alpn = "postgresql"

// recordHandshake is the first byte of a TLS connection; a startup packet, whose
// length is small, begins with 0.
const recordHandshake = 0x16

// TLS describes an encrypted connection.
type TLS struct {
	State tls.ConnectionState
	// EndPoint is the channel-binding data "tls-server-end-point" (RFC 5929): a
	// hash of the certificate that was shown.
	EndPoint []byte
}

// ClientName is the common name of the client's certificate, which the
// handshake has verified; "": it showed none.
func (t *TLS) ClientName() string {
	if len(t.State.VerifiedChains) == 0 {
		return ""
	}
	return t.State.VerifiedChains[0][0].Subject.CommonName
}

// handshake is a connection before its startup message: plain, until TLS begins.
type handshake struct {
	net.Conn
	conf func() *tls.Config // nil: no TLS
	tls  *tls.Conn
	info *TLS
}

// negotiate answers an SSLRequest and, if there is TLS, begins it.
func (h *handshake) negotiate() (bool, error) {
	if h.conf == nil {
		_, err := h.Write([]byte{'N'})
		return false, err
	}
	if _, err := h.Write([]byte{'S'}); err != nil {
		return false, err
	}
	return true, h.begin(h.Conn)
}

// direct begins TLS when the client's first byte does (PostgreSQL 17's
// sslnegotiation=direct).
func (h *handshake) direct() error {
	if h.conf == nil {
		return nil
	}
	first := make([]byte, 1)
	if _, err := h.Read(first); err != nil {
		return err
	}
	raw := &prefixed{Conn: h.Conn, first: first}
	if first[0] != recordHandshake {
		h.Conn = raw
		return nil
	}
	if err := h.begin(raw); err != nil {
		return err
	}
	if p := h.info.State.NegotiatedProtocol; p != alpn {
		return fmt.Errorf("pgwire: a direct TLS connection asks for protocol %q instead of %q", p, alpn)
	}
	return nil
}

// begin does the handshake, under the deadline that the connection has.
func (h *handshake) begin(raw net.Conn) error {
	c := h.conf().Clone()
	c.NextProtos = []string{alpn}
	t := tls.Server(raw, c)
	if err := t.Handshake(); err != nil {
		return fmt.Errorf("pgwire: TLS handshake: %w", err)
	}
	h.Conn, h.tls = t, t
	h.info = &TLS{State: t.ConnectionState(), EndPoint: endPoint(c.Certificates[0].Leaf)}
	return nil
}

// endPoint is the hash of a certificate that RFC 5929 asks for: that of its
// signature, but no weaker than SHA-256. Signatures without a hash of their own
// (Ed25519) have none; clients then do without channel binding.
func endPoint(c *x509.Certificate) []byte {
	if c == nil {
		return nil
	}
	var h crypto.Hash
	switch c.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1,
		x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.DSAWithSHA256, x509.ECDSAWithSHA256:
		h = crypto.SHA256
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		h = crypto.SHA384
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		h = crypto.SHA512
	default:
		return nil
	}
	sum := h.New()
	sum.Write(c.Raw)
	return sum.Sum(nil)
}

// prefixed is a connection of which a byte was read too early.
type prefixed struct {
	net.Conn
	first []byte
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.first) > 0 && len(b) > 0 {
		n := copy(b, p.first)
		p.first = p.first[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}
