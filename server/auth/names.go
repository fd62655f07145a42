package auth

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Bounds of names and of what is kept.
const (
	MaxName            = 63 // bytes, as PostgreSQL's identifiers
	MaxUsers           = 10_000
	MaxRoles           = 1_000
	MaxRolesPerUser    = 64
	MaxGrants          = 100_000
	maxExternalName    = 256 // bytes of another issuer's subject
	externalNamePrefix = "oidc:"
)

// systemName is the server's own in the audit log.
const systemName = "system"

// Public stands for everybody who is logged in, as the grantee of relations.
const Public = "public"

// checkName bounds the name of a user or role: letters, digits and ._-@+, not
// beginning with - or "pg_". So no name can be taken for one of another issuer
// (which holds a colon), or for another when it is printed.
func checkName(what, name string) error {
	bad := func(why string) error {
		return pgerr.New(pgerr.InvalidName, "%s name \"%s\" %s", what, clip(name), why).
			WithHint("1 to %d bytes: letters, digits and . _ - @ +, beginning with a letter, a digit or _.", MaxName)
	}
	switch {
	case name == "":
		return bad("is empty")
	case len(name) > MaxName:
		return bad("is too long")
	case !utf8.ValidString(name):
		return bad("is not UTF-8")
	}
	for i, r := range name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' {
			continue
		}
		if i == 0 || !strings.ContainsRune(".-@+", r) {
			return bad("has a character that names may not have")
		}
	}
	low := strings.ToLower(name)
	if strings.HasPrefix(low, "pg_") || low == Public || low == "none" || low == systemName {
		return pgerr.New(pgerr.ReservedName, "%s name \"%s\" is reserved", what, name)
	}
	return nil
}

// clip makes what a client sent fit for messages and keys.
func clip(s string) string {
	if len(s) > MaxName {
		s = s[:MaxName] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// addressKey is what limits count by: the address without its port, of IPv6 the
// network of 64 bits that one customer has.
func addressKey(addr string) string {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		ap, err := netip.ParseAddrPort(addr)
		if err != nil {
			return clip(addr)
		}
		ip = ap.Addr()
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		p, _ := ip.Prefix(64)
		return p.String()
	}
	return ip.String()
}
