package pgwire

import (
	"bytes"
	"encoding/binary"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/jackc/pgproto3/v2"
)

// checkHeader says whether a message of type t and body length n may be read
// at all. Its errors are fatal: the stream is out of step, or not ours.
func checkHeader(t byte, n int, authed bool, maxBytes int) *pgerr.Error {
	limit := maxSmallBytes
	switch t {
	case 'p':
		if authed {
			return badType(t)
		}
		limit = maxAuthBytes
	case 'Q', 'P', 'B', 'F', 'd':
		limit = maxBytes
	case 'C', 'D', 'E', 'H', 'S', 'X', 'c', 'f':
	default:
		return badType(t)
	}
	if !authed && t != 'p' {
		return fatal(pgerr.ProtocolViolation, "expected password response, got message type %d", t)
	}
	if n < 0 {
		return fatal(pgerr.ProtocolViolation, "invalid message length")
	}
	if n > limit {
		return fatal(pgerr.ProtocolViolation, "invalid message length").
			WithDetail("A message of type %q has %d bytes; at most %d are accepted.", string(rune(t)), n, limit)
	}
	return nil
}

func badType(t byte) *pgerr.Error {
	return fatal(pgerr.ProtocolViolation, "invalid frontend message type %d", t)
}

// checkBody checks that a body is exactly what its type promises, so that
// pgproto3's decoders neither panic nor read less than there is. auth is the
// kind of authentication request that a 'p' answers.
func checkBody(t byte, b []byte, auth uint32) *pgerr.Error {
	ok := true
	switch t {
	case 'Q', 'f':
		b, ok = cutString(b)
		ok = ok && len(b) == 0
	case 'P':
		ok = checkParse(b)
	case 'B':
		ok = checkBind(b)
	case 'E':
		b, ok = cutString(b)
		ok = ok && len(b) == 4
	case 'C', 'D':
		if len(b) == 0 {
			ok = false
			break
		}
		if b[0] != 'S' && b[0] != 'P' {
			name := map[byte]string{'C': "CLOSE", 'D': "DESCRIBE"}[t]
			return protocolViolation("invalid %s message subtype %d", name, b[0])
		}
		b, ok = cutString(b[1:])
		ok = ok && len(b) == 0
	case 'H', 'S', 'X', 'c':
		ok = len(b) == 0
	case 'p':
		ok = checkAuth(b, auth)
	}
	if !ok {
		return protocolViolation("invalid message format")
	}
	return nil
}

func cutString(b []byte) (rest []byte, ok bool) {
	i := bytes.IndexByte(b, 0)
	if i < 0 {
		return nil, false
	}
	return b[i+1:], true
}

// cutCodes cuts a 16-bit count and that many items of size bytes.
func cutCodes(b []byte, size int) (rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, false
	}
	n := int(binary.BigEndian.Uint16(b)) * size
	if len(b)-2 < n {
		return nil, false
	}
	return b[2+n:], true
}

func checkParse(b []byte) bool {
	b, ok := cutString(b)
	if !ok {
		return false
	}
	if b, ok = cutString(b); !ok {
		return false
	}
	b, ok = cutCodes(b, 4)
	return ok && len(b) == 0
}

func checkBind(b []byte) bool {
	b, ok := cutString(b)
	if !ok {
		return false
	}
	if b, ok = cutString(b); !ok {
		return false
	}
	if b, ok = cutCodes(b, 2); !ok || len(b) < 2 {
		return false
	}
	n := int(binary.BigEndian.Uint16(b))
	b = b[2:]
	if len(b) < 4*n { // before anything is allocated for n values
		return false
	}
	for range n {
		if len(b) < 4 {
			return false
		}
		size := int(int32(binary.BigEndian.Uint32(b)))
		b = b[4:]
		if size == -1 {
			continue
		}
		if size < 0 || size > len(b) {
			return false
		}
		b = b[size:]
	}
	b, ok = cutCodes(b, 2)
	return ok && len(b) == 0
}

func checkAuth(b []byte, auth uint32) bool {
	switch auth {
	case pgproto3.AuthTypeSASL:
		b, ok := cutString(b)
		if !ok || len(b) < 4 {
			return false
		}
		n := int(int32(binary.BigEndian.Uint32(b)))
		return n == len(b)-4 || n == -1 && len(b) == 4
	case pgproto3.AuthTypeSASLContinue:
		return true
	}
	b, ok := cutString(b)
	return ok && len(b) == 0
}
