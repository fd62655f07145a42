package pgwire

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Codes that stand in the startup packet's version field.
const (
	codeCancel = 1234<<16 | 5678
	codeSSL    = 1234<<16 | 5679
	codeGSSEnc = 1234<<16 | 5680
	version30  = 3 << 16
)

// startup is a decoded startup packet.
type startup struct {
	params StartupParams
	// negotiate: the client asked for a newer minor version, or for options
	// of the protocol (_pq_.…) that are unknown here.
	negotiate bool
	unknown   []string
}

// cancelKey names a connection and proves the right to cancel it.
type cancelKey struct{ pid, secret uint32 }

// readStartup reads packets from h up to the startup message or a cancel
// request (then the first result is nil). Everything is read by exact length:
// bytes that follow an SSLRequest stay in the socket, where the handshake meets
// them, so nothing sent in the clear can be taken for part of an encrypted
// stream (CVE-2021-23214).
func readStartup(h *handshake) (*startup, *cancelKey, error) {
	if err := h.direct(); err != nil {
		return nil, nil, err
	}
	sslDone, gssDone := h.tls != nil, h.tls != nil
	for {
		b, err := readStartupPacket(h)
		if err != nil {
			return nil, nil, err
		}
		code := binary.BigEndian.Uint32(b)
		switch {
		case code == codeCancel && len(b) == 12:
			return nil, &cancelKey{binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])}, nil
		case code == codeSSL && !sslDone && len(b) == 4:
			sslDone = true
			ok, err := h.negotiate()
			if err != nil {
				return nil, nil, err
			}
			gssDone = gssDone || ok
		case code == codeGSSEnc && !gssDone && len(b) == 4:
			gssDone = true
			if _, err := h.Write([]byte{'N'}); err != nil {
				return nil, nil, err
			}
		default:
			s, err := decodeStartup(code, b[4:])
			return s, nil, err
		}
	}
}

// errNotPostgres: what came first is no startup packet (a port scan, HTTP, a
// TLS hello); such a peer gets no answer.
var errNotPostgres = protocolViolation("invalid length of startup packet")

func readStartupPacket(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n < 8 || n > maxStartupBytes {
		return nil, errNotPostgres
	}
	b := make([]byte, n-4)
	_, err := io.ReadFull(r, b)
	return b, err
}

// decodeStartup reads the name-value pairs; its errors are fatal *pgerr.Error.
func decodeStartup(version uint32, b []byte) (*startup, error) {
	if version>>16 != 3 {
		return nil, fatal(pgerr.FeatureNotSupported, "unsupported frontend protocol %d.%d: server supports 3.0 to 3.0", version>>16, version&0xffff)
	}
	s := &startup{negotiate: version != version30}
	var options string
	var own []Setting
	for {
		name, rest, ok := bytes.Cut(b, []byte{0})
		if !ok {
			return nil, badLayout()
		}
		if len(name) == 0 {
			if len(rest) != 0 {
				return nil, badLayout()
			}
			break
		}
		value, rest, ok := bytes.Cut(rest, []byte{0})
		if !ok {
			return nil, badLayout()
		}
		b = rest
		if bad := invalidUTF8(name); bad != nil {
			return nil, asFatal(bad)
		}
		if bad := invalidUTF8(value); bad != nil {
			return nil, asFatal(bad)
		}
		n, v := string(name), string(value)
		switch {
		case n == "user":
			s.params.User = v
		case n == "database":
			s.params.Database = v
		case n == "options":
			options = v
		case n == "replication":
			if !isFalse(v) {
				return nil, fatal(pgerr.FeatureNotSupported, "replication connections are not supported")
			}
		case strings.HasPrefix(n, "_pq_."):
			s.negotiate = true
			s.unknown = append(s.unknown, n)
		default:
			own = append(own, Setting{n, v})
		}
	}
	return s, s.finish(options, own)
}

func (s *startup) finish(options string, own []Setting) error {
	if s.params.User == "" {
		return fatal(pgerr.InvalidAuthorization, "no PostgreSQL user name specified in startup packet")
	}
	if s.params.Database == "" {
		s.params.Database = s.params.User
	}
	set, err := parseOptions(options)
	if err != nil {
		return err
	}
	s.params.Settings = append(set, own...)
	for _, x := range s.params.Settings {
		if strings.EqualFold(x.Name, "client_encoding") {
			if _, ok := ClientEncoding(x.Value); !ok {
				return fatal(pgerr.InvalidParameterValue, "invalid value for parameter \"client_encoding\": \"%s\"", x.Value).
					WithHint("Only UTF8 is supported.")
			}
		}
	}
	return nil
}

func badLayout() *pgerr.Error {
	return fatal(pgerr.ProtocolViolation, "invalid startup packet layout: expected terminator as last byte")
}

func asFatal(e *pgerr.Error) *pgerr.Error { e.Severity = sevFatal; return e }

func isFalse(v string) bool {
	switch strings.ToLower(v) {
	case "false", "off", "no", "0", "f", "n":
		return true
	}
	return false
}

// parseOptions reads the command-line form of settings, "-c name=value" and
// "--name=value", split at white space, with backslash as escape.
func parseOptions(s string) ([]Setting, error) {
	words := splitOptions(s)
	var out []Setting
	for i := 0; i < len(words); i++ {
		w := words[i]
		var kv string
		switch {
		case w == "-c" && i+1 < len(words):
			i++
			kv = words[i]
		case strings.HasPrefix(w, "-c") && len(w) > 2:
			kv = w[2:]
		case strings.HasPrefix(w, "--"):
			kv = w[2:]
		default:
			return nil, fatal(pgerr.SyntaxError, "invalid command-line argument for server process: %s", w)
		}
		name, value, ok := strings.Cut(kv, "=")
		if !ok || name == "" {
			return nil, fatal(pgerr.SyntaxError, "-c %s requires a value", kv)
		}
		out = append(out, Setting{strings.ReplaceAll(name, "-", "_"), value})
	}
	return out, nil
}

func splitOptions(s string) []string {
	var words []string
	var w strings.Builder
	in := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			w.WriteByte(s[i])
			in = true
		case strings.IndexByte(" \t\n\r\f\v", c) >= 0:
			if in {
				words = append(words, w.String())
				w.Reset()
				in = false
			}
		default:
			w.WriteByte(c)
			in = true
		}
	}
	if in {
		words = append(words, w.String())
	}
	return words
}

// ClientEncoding is the canonical name of a client encoding that a session may
// set; ok is false when it is not supported. SQL_ASCII means no conversion,
// which for us is UTF-8 all the same.
func ClientEncoding(name string) (canonical string, ok bool) {
	key := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == ' ' || r == '\'' {
			return -1
		}
		return r
	}, strings.ToLower(name))
	switch key {
	case "utf8", "unicode":
		return "UTF8", true
	case "sqlascii":
		return "SQL_ASCII", true
	}
	return "", false
}

// invalidUTF8 is 22021 with the first offending bytes, or nil.
func invalidUTF8(b []byte) *pgerr.Error {
	if utf8.Valid(b) {
		return nil
	}
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			break
		}
		b = b[n:]
	}
	return badEncoding(b[:min(len(b), utf8SeqLen(b[0]))])
}

// utf8SeqLen is how many bytes a sequence begun by c would have, as
// PostgreSQL's pg_utf_mblen says; its message shows so many.
func utf8SeqLen(c byte) int {
	switch {
	case c&0xe0 == 0xc0:
		return 2
	case c&0xf0 == 0xe0:
		return 3
	case c&0xf8 == 0xf0:
		return 4
	}
	return 1
}

func badEncoding(b []byte) *pgerr.Error {
	const hex = "0123456789abcdef"
	var s strings.Builder
	for i, c := range b {
		if i > 0 {
			s.WriteByte(' ')
		}
		s.WriteString("0x")
		s.WriteByte(hex[c>>4])
		s.WriteByte(hex[c&15])
	}
	return pgerr.New(pgerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": %s", s.String())
}
