package auth

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// OIDCOptions name a provider of OpenID Connect whose access tokens are
// accepted. All fields are needed but the last two.
type OIDCOptions struct {
	URL      string // of the JWKS
	Issuer   string
	Audience string
	// RolesClaim lists roles: an array, or a text with spaces. Dots go into
	// objects: "realm_access.roles". Default "roles".
	RolesClaim string
	// Client fetches the keys; default one of our own.
	Client *http.Client
}

// Bounds of a provider's keys and tokens.
const (
	maxJWKS         = 1 << 20 // bytes
	jwksTimeout     = 10 * time.Second
	jwksRefresh     = time.Hour
	jwksUnknownWait = 5 * time.Second // a token with an unknown key waits so long for a new fetch
	jwksUnknownRate = time.Minute     // and only so often there is one
	clockLeeway     = 30 * time.Second
	maxClaimRoles   = 256 // looked at in one token
)

// externalMethods are the signatures accepted of a provider. None is symmetric.
var externalMethods = []string{"RS256", "ES256", "EdDSA"}

type oidc struct {
	o    OIDCOptions
	now  func() time.Time
	keys keyfunc.Keyfunc
	stop context.CancelFunc
}

func newOIDC(o OIDCOptions, log *slog.Logger, now func() time.Time) (*oidc, error) {
	bad := func(format string, args ...any) error {
		return pgerr.New(pgerr.ConfigFileError, format, args...).WithHint("See [security] oidc_jwks_url, oidc_issuer and oidc_audience.")
	}
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Host == "":
		return nil, bad("oidc_jwks_url is not a URL")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return nil, bad("oidc_jwks_url is not an https URL")
	case o.Issuer == "" || o.Audience == "":
		return nil, bad("oidc_jwks_url needs oidc_issuer and oidc_audience")
	}
	if o.RolesClaim == "" {
		o.RolesClaim = "roles"
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: jwksTimeout}
	}
	client := *o.Client
	client.Transport = boundedBody{client.Transport}
	ctx, stop := context.WithCancel(context.Background())
	keys, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{o.URL}, keyfunc.Override{
		Client: &client, HTTPTimeout: jwksTimeout, RateLimitWaitMax: jwksUnknownWait, RefreshInterval: jwksRefresh,
		RefreshUnknownKID: rate.NewLimiter(rate.Every(jwksUnknownRate), 1),
		RefreshErrorHandlerFunc: func(string) func(context.Context, error) {
			return func(_ context.Context, err error) {
				log.Error("the keys of the OIDC provider cannot be fetched; its tokens are refused until they can", "error", err)
			}
		},
	})
	if err != nil {
		stop()
		return nil, bad("the keys of the OIDC provider: %v", err)
	}
	return &oidc{o: o, now: now, keys: keys, stop: stop}, nil
}

func (o *oidc) close() { o.stop() }

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// boundedBody cuts answers that are too long.
type boundedBody struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b boundedBody) RoundTrip(r *http.Request) (*http.Response, error) {
	next := b.next
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxJWKS), resp.Body}
	}
	return resp, err
}

// claims reports whether a token says that it is the provider's.
func (o *oidc) claims(raw string) bool {
	var c jwt.RegisteredClaims
	_, _, err := jwt.NewParser().ParseUnverified(raw, &c)
	return err == nil && c.Issuer == o.o.Issuer
}

// verify checks a token of the provider. The roles are as the token names them.
func (o *oidc) verify(ctx context.Context, raw string) (Identity, error) {
	c := jwt.MapClaims{}
	keys := o.keys.KeyfuncCtx(ctx)
	_, err := jwt.ParseWithClaims(raw, c, func(t *jwt.Token) (any, error) {
		if err := noExtensions(t); err != nil {
			return nil, err
		}
		return keys(t)
	}, jwt.WithValidMethods(externalMethods), jwt.WithIssuer(o.o.Issuer),
		jwt.WithAudience(o.o.Audience), jwt.WithExpirationRequired(), jwt.WithLeeway(clockLeeway), jwt.WithStrictDecoding(), jwt.WithTimeFunc(o.now))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return Identity{}, invalidToken("it has expired")
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return Identity{}, invalidToken("its key is not among the provider's")
	case err != nil:
		return Identity{}, invalidToken("it is not one of the provider's for this server")
	}
	sub, _ := c["sub"].(string)
	if !printable(sub) {
		return Identity{}, invalidToken("its subject is missing, too long or not printable")
	}
	exp, err := c.GetExpirationTime()
	if err != nil || exp == nil {
		return Identity{}, invalidToken("it does not expire")
	}
	return Identity{
		Name: externalNamePrefix + sub, External: true, Roles: claimRoles(c, o.o.RolesClaim), Expires: exp.Time, tokenID: "x." + digest(raw),
	}, nil
}

func printable(s string) bool {
	if s == "" || len(s) > maxExternalName || !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// claimRoles reads the claim that lists roles.
func claimRoles(c map[string]any, path string) []string {
	v, ok := c[path]
	for key := range strings.SplitSeq(path, ".") {
		if ok {
			break
		}
		inner, isObject := c[key].(map[string]any)
		if !isObject {
			v = c[key]
			break
		}
		c = inner
	}
	var names []string
	switch v := v.(type) {
	case string:
		names = strings.Fields(v)
	case []any:
		for _, e := range v {
			if s, ok := e.(string); ok {
				names = append(names, s)
			}
		}
	}
	return names[:min(len(names), maxClaimRoles)]
}
