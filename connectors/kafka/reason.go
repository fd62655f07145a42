package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

// reason is an error in words for SHOW JOBS.
func (a *access) reason(topic, broker string, err error) string {
	s := a.current.Load()
	var op *net.OpError
	var ke *kerr.Error
	var te *tlsError
	var login *loginError
	var refused *refusedError
	switch {
	case errors.Is(err, errNoTopic), errors.Is(err, kerr.UnknownTopicID):
		return fmt.Sprintf("topic %q does not exist", topic)
	case errors.As(err, &login):
		return fmt.Sprintf("broker %s: %s: %v", broker, s.Mechanism, login.err)
	case errors.As(err, &te):
		return fmt.Sprintf("broker %s: TLS: %s", broker, handshakeReason(te.err))
	case errors.As(err, &op):
		if op.Op == "remote error" { // an alert, in TLS 1.3 after the handshake
			return fmt.Sprintf("broker %s: TLS: %s", broker, alertReason(op.Err))
		}
		if op.Addr != nil {
			broker = op.Addr.String()
		}
		return fmt.Sprintf("broker %s: %s", broker, rootCause(op.Err))
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("broker %s: no answer in time", broker)
	case errors.Is(err, kerr.SaslAuthenticationFailed), errors.As(err, &refused):
		return fmt.Sprintf("broker %s: %s%s: wrong user, password or token: the broker refuses the login", broker, s.Mechanism, quotedUser(s))
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return fmt.Sprintf("broker %s does not offer the mechanism %s", broker, s.Mechanism)
	case errors.Is(err, kerr.IllegalSaslState):
		return fmt.Sprintf("broker %s asks for no login (SASL) on this port", broker)
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.GroupAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return fmt.Sprintf("topic %q:%s is not allowed to read it", topic, orWe(quotedUser(s)))
	case errors.As(err, &ke):
		return fmt.Sprintf("topic %q: %s", topic, ke.Message)
	case strings.Contains(err.Error(), "invalid large response size"): // kgo gives no better sign
		return fmt.Sprintf("broker %s does not answer as Kafka does%s", broker, closedHint(s))
	case errors.Is(err, io.EOF):
		return fmt.Sprintf("broker %s closes the connection%s", broker, closedHint(s))
	}
	return fmt.Sprintf("broker %s: %v", broker, err)
}

func quotedUser(s *Security) string {
	if s.Username == "" {
		return ""
	}
	return fmt.Sprintf(" user %q", s.Username)
}

func orWe(user string) string {
	if user == "" {
		return " this client"
	}
	return user
}

// closedHint says what a connection that ends at once most often means.
func closedHint(s *Security) string {
	switch {
	case !s.TLS && s.Mechanism == "":
		return ": perhaps this port speaks TLS or asks for a login"
	case !s.TLS:
		return ": perhaps this port speaks TLS, or asks for no login"
	case s.Mechanism == "":
		return ": perhaps it asks for a login or a certificate"
	}
	return ""
}

// handshakeReason says what was wrong in a TLS handshake.
func handshakeReason(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var plain tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.As(err, &unknown):
		return "the broker's certificate leads to no certificate in the CA file (ssl_ca_file, " + optCA + ")"
	case errors.As(err, &name):
		return fmt.Sprintf("the broker's certificate is for another name: %v", name)
	case errors.As(err, &invalid):
		return fmt.Sprintf("the broker's certificate: %v", invalid)
	case errors.As(err, &plain):
		return "the broker does not speak TLS on this port"
	case errors.As(err, &op) && op.Op == "remote error":
		return alertReason(op.Err)
	case errors.Is(err, io.EOF):
		return "the broker closes the connection in the handshake: perhaps it does not speak TLS on this port"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time: perhaps the broker does not speak TLS on this port"
	}
	return rootCause(err).Error()
}

// alertReason is an alert that the broker sent.
func alertReason(err error) string {
	switch text := err.Error(); text {
	case "tls: certificate required", "tls: bad certificate":
		return "the broker asks for a client certificate that it trusts (ssl_cert_file, " + optCert + "): " + text
	default:
		return "the broker says: " + text
	}
}

// rootCause is the innermost error: "connection refused" and not its history.
func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
