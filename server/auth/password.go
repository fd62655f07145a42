package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Bounds of passwords, in bytes. bcrypt reads no more than 72; a longer one is
// refused, because hashing it first would give hashes that no other program can
// make for the RBAC file.
const (
	MinPassword = 8
	MaxPassword = 72
)

// Costs of bcrypt. Of hashes made elsewhere a cheaper one than MinBcryptCost is
// too easy to break, and a dearer one than MaxBcryptCost takes seconds.
const (
	DefaultBcryptCost = 12
	MinBcryptCost     = 10
	MaxBcryptCost     = 14
)

// maxHashing bounds those who wait for a password to be hashed.
const maxHashing = 256

// CheckPassword says what is wrong with a new password.
func CheckPassword(user, password string) error {
	bad := func(why string) error { return pgerr.New(pgerr.InvalidParameterValue, "the password %s", why) }
	switch {
	case len(password) < MinPassword:
		return pgerr.New(pgerr.InvalidParameterValue, "the password is shorter than %d bytes", MinPassword)
	case len(password) > MaxPassword:
		return pgerr.New(pgerr.InvalidParameterValue, "the password is longer than %d bytes", MaxPassword)
	case !utf8.ValidString(password):
		return bad("is not UTF-8")
	case strings.ContainsRune(password, 0):
		return bad("contains a zero byte")
	case strings.EqualFold(password, user):
		return bad("is the user's name")
	}
	return nil
}

// HashPassword is the bcrypt hash of a password, as the RBAC file wants it.
func HashPassword(password string) (string, error) {
	if err := CheckPassword("", password); err != nil {
		return "", err
	}
	return bcryptHash(password, DefaultBcryptCost)
}

func bcryptHash(password string, cost int) (string, error) {
	h, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		return "", pgerr.Internal("hashing a password: %v", err)
	}
	return string(h), nil
}

var bcryptForm = regexp.MustCompile(`^\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}$`)

// bcryptCost is the cost of a hash, and whether it is one.
func bcryptCost(hash string) (int, bool) {
	m := bcryptForm.FindStringSubmatch(hash)
	if m == nil {
		return 0, false
	}
	return int(m[1][0]-'0')*10 + int(m[1][1]-'0'), true
}

// hasher runs bcrypt for as many at a time as there are processors.
type hasher struct {
	cost    int          // of new hashes
	dearest atomic.Int64 // of all hashes seen, at least cost
	dummy   string       // of cost bcrypt.MinCost, of a password that nobody has
	slots   chan struct{}
	waiting atomic.Int64
}

func newHasher(cost int) (*hasher, error) {
	dummy, err := bcryptHash(base64.StdEncoding.EncodeToString(randomBytes(32)), bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	h := &hasher{cost: cost, dummy: dummy, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
	h.dearest.Store(int64(cost))
	return h, nil
}

// minCost is the cheapest hash accepted from elsewhere.
func (h *hasher) minCost() int { return min(h.cost, MinBcryptCost) }

// seen notes the cost of a hash in use.
func (h *hasher) seen(hash string) {
	if c, ok := bcryptCost(hash); ok && int64(c) > h.dearest.Load() {
		h.dearest.Store(int64(c))
	}
}

// run calls fn when a processor is free for it.
func (h *hasher) run(ctx context.Context, fn func()) error {
	if h.waiting.Add(1) > maxHashing {
		h.waiting.Add(-1)
		return pgerr.New(pgerr.TooManyConnections, "too many logins at a time").WithHint("Try again in a few seconds.")
	}
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return pgerr.New(pgerr.QueryCanceled, "the login was canceled")
	}
	defer func() { <-h.slots }()
	fn()
	return nil
}

// make hashes a new password both ways.
func (h *hasher) make(ctx context.Context, password string, iterations int) (hash, scram string, err error) {
	if e := h.run(ctx, func() {
		hash, err = bcryptHash(password, h.cost)
		scram = NewVerifier(password, iterations).String()
	}); e != nil {
		return "", "", e
	}
	return hash, scram, err
}

// check compares a password with what is known of a user, who must be enabled. A failure takes as
// long for everybody, known or not: cost c is 2^c rounds, so that hashes of
// cost c, c+1, ... C-1 after one of cost c make it 2^C together.
func (h *hasher) check(ctx context.Context, password, hash, scram string, enabled bool) (ok bool, err error) {
	usable := len(password) <= MaxPassword && !strings.ContainsRune(password, 0)
	err = h.run(ctx, func() {
		cost := bcrypt.MinCost
		c, isHash := bcryptCost(hash)
		switch {
		case isHash && usable:
			ok = bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
			cost = c
		case scram != "" && usable:
			v, err := ParseVerifier(scram)
			ok = err == nil && v.Matches(password)
			h.burn(cost)
		default:
			h.burn(cost)
		}
		if ok = ok && enabled; ok {
			return
		}
		for ; cost < int(h.dearest.Load()); cost++ {
			h.burn(cost)
		}
	})
	return ok, err
}

// burn takes the time of one comparison.
func (h *hasher) burn(cost int) {
	hash := []byte(h.dummy)
	hash[4], hash[5] = byte('0'+cost/10), byte('0'+cost%10)
	_ = bcrypt.CompareHashAndPassword(hash, []byte("x")) // takes the time; never equal
}

// digest is a short fingerprint of something secret or long.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
