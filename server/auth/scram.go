package auth

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/xdg-go/stringprep"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Iterations of SCRAM verifiers: RFC 7677 asks for 4096 at least; the client
// computes them at each login, so that drivers set an end to it.
const (
	DefaultScramIterations = 16_384
	MinScramIterations     = 4_096
	MaxScramIterations     = 1_000_000
	scramSaltBytes         = 16
	scramName              = "SCRAM-SHA-256"
)

// Verifier is what a server keeps to check a SCRAM-SHA-256 proof (RFC 5802
// section 3, RFC 7677); no password can be read from it.
type Verifier struct {
	Iterations           int
	Salt                 []byte
	StoredKey, ServerKey []byte
}

// NewVerifier makes a verifier with a salt of its own.
func NewVerifier(password string, iterations int) Verifier {
	return deriveVerifier(password, randomBytes(scramSaltBytes), iterations)
}

func deriveVerifier(password string, salt []byte, iterations int) Verifier {
	salted, err := pbkdf2.Key(sha256.New, normalize(password), salt, iterations, sha256.Size)
	if err != nil {
		// Only lengths that are constants here can be wrong.
		salted = randomBytes(sha256.Size)
	}
	stored := sha256.Sum256(hmacSHA256(salted, "Client Key"))
	return Verifier{Iterations: iterations, Salt: salt, StoredKey: stored[:], ServerKey: hmacSHA256(salted, "Server Key")}
}

// normalize is SASLprep where it applies, else the bytes, as PostgreSQL and its
// clients do.
func normalize(password string) string {
	if p, err := stringprep.SASLprep.Prepare(password); err == nil && p != "" {
		return p
	}
	return password
}

func hmacSHA256(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// Matches reports whether a password belongs to the verifier.
func (v Verifier) Matches(password string) bool {
	w := deriveVerifier(password, v.Salt, v.Iterations)
	return subtle.ConstantTimeCompare(v.StoredKey, w.StoredKey) == 1
}

// String is PostgreSQL's text:
// SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>, in base64.
func (v Verifier) String() string {
	b := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s$%d:%s$%s:%s", scramName, v.Iterations, b(v.Salt), b(v.StoredKey), b(v.ServerKey))
}

// IsVerifier reports whether a password given over SQL is a verifier already,
// as psql's \password sends it.
func IsVerifier(s string) bool { return strings.HasPrefix(s, scramName+"$") }

// ParseVerifier reads PostgreSQL's text.
func ParseVerifier(s string) (Verifier, error) {
	bad := pgerr.New(pgerr.InvalidParameterValue, "the SCRAM-SHA-256 verifier cannot be read").
		WithHint("Its form is SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>, with %d to %d iterations.", MinScramIterations, MaxScramIterations)
	part := strings.Split(s, "$")
	if len(part) != 3 || part[0] != scramName {
		return Verifier{}, bad
	}
	iter, salt, ok1 := strings.Cut(part[1], ":")
	stored, server, ok2 := strings.Cut(part[2], ":")
	n, err := strconv.Atoi(iter)
	if !ok1 || !ok2 || err != nil || n < MinScramIterations || n > MaxScramIterations {
		return Verifier{}, bad
	}
	v := Verifier{Iterations: n}
	for _, f := range []struct {
		dst      *[]byte
		text     string
		min, max int
	}{{&v.Salt, salt, 8, 64}, {&v.StoredKey, stored, sha256.Size, sha256.Size}, {&v.ServerKey, server, sha256.Size, sha256.Size}} {
		b, err := base64.StdEncoding.Strict().DecodeString(f.text)
		if err != nil || len(b) < f.min || len(b) > f.max {
			return Verifier{}, bad
		}
		*f.dst = b
	}
	return v, nil
}

// mockVerifier is shown for a user who does not exist, always the same for a
// name; no password belongs to it.
func mockVerifier(key []byte, user string, iterations int) Verifier {
	return Verifier{
		Iterations: iterations, Salt: hmacSHA256(key, "salt "+user)[:scramSaltBytes],
		StoredKey: hmacSHA256(key, "stored "+user), ServerKey: hmacSHA256(key, "server "+user),
	}
}
