package kafka

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
)

// loginError is a login that failed on our side of it.
type loginError struct{ err error }

func (e *loginError) Error() string { return "login: " + e.err.Error() }
func (e *loginError) Unwrap() error { return e.err }

// options are the client's options about security. The mechanism stays what it
// is now; user, password and token are asked for at every login.
func (a *access) options(timeout time.Duration) []kgo.Opt {
	opts := []kgo.Opt{kgo.Dialer(a.dialer(timeout))}
	if m := a.mechanism(timeout); m != nil {
		opts = append(opts, kgo.SASL(explained{m}))
	}
	return opts
}

// explained is a mechanism whose errors about what the broker answers can be
// told from others.
type explained struct{ sasl.Mechanism }

// refusedError is an answer of the broker that a login did not get past.
type refusedError struct{ err error }

func (e *refusedError) Error() string { return "login refused: " + e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }

func (m explained) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	s, first, err := m.Mechanism.Authenticate(ctx, host)
	return explainedSession{s}, first, err
}

type explainedSession struct{ sasl.Session }

func (s explainedSession) Challenge(answer []byte) (bool, []byte, error) {
	done, next, err := s.Session.Challenge(answer)
	if err != nil {
		err = &refusedError{err}
	}
	return done, next, err
}

func (a *access) mechanism(timeout time.Duration) sasl.Mechanism {
	user := func(context.Context) (scram.Auth, error) {
		s := a.current.Load()
		return scram.Auth{User: s.Username, Pass: s.Password.Reveal()}, nil
	}
	switch a.current.Load().Mechanism {
	case config.SASLPlain:
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			s := a.current.Load()
			return plain.Auth{User: s.Username, Pass: s.Password.Reveal()}, nil
		})
	case config.SASLScram256:
		return scram.Sha256(user)
	case config.SASLScram512:
		return scram.Sha512(user)
	case config.SASLOAuthBearer:
		return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			token, err := a.tokens.get(ctx, &a.current.Load().OAuth)
			if err != nil {
				return oauth.Auth{}, &loginError{err}
			}
			return oauth.Auth{Token: token}, nil
		})
	}
	return nil
}

// tokens gives the tokens of OAUTHBEARER, and keeps one from a token endpoint
// until it is about to expire.
type tokens struct {
	mu   sync.Mutex
	of   OAuth
	kept *oauth2.Token
}

// maxTokenBytes bounds a token; larger ones do not fit a login.
const maxTokenBytes = 64 << 10

// tokenSlack is how long a kept token must still be good for.
const tokenSlack = 10 * time.Second

func (t *tokens) get(ctx context.Context, o *OAuth) (string, error) {
	if o.TokenFile != "" {
		return tokenFromFile(o.TokenFile)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == *o && t.kept != nil && time.Until(t.kept.Expiry) > tokenSlack {
		return t.kept.AccessToken, nil
	}
	token, err := fetchToken(ctx, o)
	if err != nil {
		return "", err
	}
	t.of, t.kept = *o, token
	return token.AccessToken, nil
}

func tokenFromFile(name string) (string, error) {
	st, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if st.Size() > maxTokenBytes {
		return "", fmt.Errorf("%s is larger than a token", name)
	}
	text, err := readFile(name)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fmt.Errorf("%s holds no token", name)
	}
	return token, nil
}

// fetchToken asks a token endpoint by the client credentials grant (RFC 6749,
// 4.4). Its errors do not show what the endpoint wrote.
func fetchToken(ctx context.Context, o *OAuth) (*oauth2.Token, error) {
	c := clientcredentials.Config{ClientID: o.ClientID, ClientSecret: o.ClientSecret.Reveal(), TokenURL: o.TokenURL}
	if o.Scope != "" {
		c.Scopes = strings.Fields(o.Scope)
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{
		// A token endpoint answers itself; the secret must not follow a redirect.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	token, err := c.Token(ctx)
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.ErrorCode != "":
		return nil, fmt.Errorf("token endpoint %s: %s", o.TokenURL, refused.ErrorCode)
	case errors.As(err, &refused) && refused.Response != nil:
		return nil, fmt.Errorf("token endpoint %s: %s", o.TokenURL, refused.Response.Status)
	case err != nil:
		return nil, fmt.Errorf("token endpoint %s: %w", o.TokenURL, rootCause(err))
	case len(token.AccessToken) > maxTokenBytes:
		return nil, fmt.Errorf("token endpoint %s: the token is too long", o.TokenURL)
	}
	return token, nil
}
