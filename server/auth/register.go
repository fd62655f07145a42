package auth

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// SetupTokenFile is the name of the file in Options.Dir.
const SetupTokenFile = "setup-token"

// setupToken is the secret that makes the first user. It lives in a file that
// only the server's owner reads, and for one use.
type setupToken struct {
	path string
	mu   sync.Mutex
	sum  string // digest of the token; empty: there is none
}

func newSetupToken(dir string) *setupToken {
	return &setupToken{path: filepath.Join(dir, SetupTokenFile)}
}

// create writes a new token, in place of one that an earlier run left.
func (t *setupToken) create() (path string, err error) {
	token := base64.RawURLEncoding.EncodeToString(randomBytes(32))
	tmp := t.path + ".new"
	if err := errors.Join(os.MkdirAll(filepath.Dir(t.path), 0o700), ignoreMissing(os.Remove(tmp))); err != nil {
		return "", setupError(err)
	}
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", setupError(err)
	}
	_, err = f.WriteString(token + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(tmp, t.path)
	}
	if err != nil {
		return "", setupError(err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sum = digest(token)
	return t.path, nil
}

func setupError(err error) error {
	return pgerr.New(pgerr.IOError, "the setup token for the first user cannot be written: %v", err)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// matches compares in constant time: digests, so that the length does not tell
// either.
func (t *setupToken) matches(token string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sum != "" && subtle.ConstantTimeCompare([]byte(digest(strings.TrimSpace(token))), []byte(t.sum)) == 1
}

// remove ends the token.
func (t *setupToken) remove() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sum = ""
	if err := ignoreMissing(os.Remove(t.path)); err != nil {
		return pgerr.New(pgerr.IOError, "the used setup token cannot be removed: %v", err)
	}
	return nil
}

// Registration is the body of the register call.
type Registration struct {
	Username   string
	Password   string
	Roles      []string
	SetupToken string
}

// Register makes a user: the first one for who knows the setup token, who must
// then get a role with Admin; any other for an administrator (by; nil: nobody
// logged in). Everything else is refused and makes nothing. Of many first
// registrations at a time one succeeds.
func (a *Auth) Register(ctx context.Context, by *Identity, addr string, r Registration) (UserInfo, error) {
	who := Identity{Address: addr}
	if by != nil {
		who = *by
	}
	detail := "user " + clip(r.Username) + rolesDetail(r.Roles)
	err := a.audited(who, EventRegister, detail, func() error {
		if len(r.Password) == 0 {
			return pgerr.New(pgerr.InvalidParameterValue, "the password is missing")
		}
		spec := UserSpec{Name: r.Username, Password: r.Password, Roles: r.Roles}
		if by != nil {
			if err := a.needAdmin(*by, "register users"); err != nil {
				return err
			}
			return a.createUser(ctx, spec, nil)
		}
		return a.registerFirst(ctx, addr, spec, r.SetupToken)
	})
	if err != nil {
		return UserInfo{}, err
	}
	info, _ := a.User(r.Username)
	return info, nil
}

// setupUser stands for the setup token where failures are counted; no user can
// have the name.
const setupUser = "setup:"

func (a *Auth) registerFirst(ctx context.Context, addr string, spec UserSpec, token string) error {
	if err := a.throttled(setupUser, addr, "register"); err != nil {
		return err
	}
	if !a.setup.matches(token) {
		a.logins.failed(setupUser, addressKey(addr))
		return pgerr.New(pgerr.InvalidAuthorization, "only an administrator may register users").
			WithHint("Log in and send the token. The first user is registered with \"setup_token\", which is in the file that the server's log names.")
	}
	err := a.createUser(ctx, spec, func() error {
		if a.hasUsers() || !a.setup.matches(token) {
			return pgerr.New(pgerr.InvalidAuthorization, "the setup token was used already").WithHint("Log in and send the token.")
		}
		if !a.permissions(spec.Roles).Has(Admin) {
			return pgerr.New(pgerr.InvalidParameterValue, "the first user needs a role with permission Admin").
				WithHint("\"roles\": [\"%s\"]", RoleAdmin)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := a.setup.remove(); err != nil {
		a.log.Error("remove the file by hand; the token is no longer valid", "error", err)
	}
	return nil
}
