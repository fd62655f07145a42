package auth

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// maxRBACFile bounds the file, in bytes.
const maxRBACFile = 4 << 20

// rbacFile is a file of users and roles, checked.
type rbacFile struct {
	users map[string]*fileUser
	roles map[string]RoleInfo // by lower-case name
}

// fileUser is one user of the file, his roles in their own spelling.
type fileUser struct {
	Name, Hash string
	Roles      []string
	Enabled    bool
}

// mark is a digest of what ends tokens when it changes.
func (u *fileUser) mark() string {
	return digest(fmt.Sprintf("%q %q %v", u.Hash, u.Roles, u.Enabled))
}

// The file as written; text keeps its line.
type (
	rbacYAML struct {
		Users []userYAML `yaml:"users"`
		Roles []roleYAML `yaml:"roles"`
	}
	userYAML struct {
		Username     text   `yaml:"username"`
		PasswordHash text   `yaml:"password_hash"`
		Roles        []text `yaml:"roles"`
		Enabled      *bool  `yaml:"enabled"`
	}
	roleYAML struct {
		Name        text   `yaml:"name"`
		Permissions []text `yaml:"permissions"`
	}
	text struct {
		s    string
		line int
	}
)

// UnmarshalYAML implements yaml.Unmarshaler.
func (t *text) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return fmt.Errorf("line %d: a text is needed here", n.Line)
	}
	t.s, t.line = n.Value, n.Line
	return nil
}

// rbacError says where in the file something is wrong.
type rbacError struct {
	line int
	what string
}

func (e *rbacError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.what) }

func rbacBad(at text, format string, args ...any) error {
	return &rbacError{at.line, fmt.Sprintf(format, args...)}
}

// goTypes are the names that the YAML library has for what it was to read.
var goTypes = strings.NewReplacer("[]auth.userYAML", "a list of users", "[]auth.roleYAML", "a list of roles", "[]auth.text", "a list of texts",
	"type auth.userYAML", "a user", "type auth.roleYAML", "a role", "type auth.rbacYAML", "the file", "auth.userYAML", "a user", "auth.roleYAML", "a role",
	"auth.rbacYAML", "users and roles", "yaml: unmarshal errors:\n  ", "")

// rbacYAMLError is the library's error in words of the file.
func rbacYAMLError(err error) error { return errors.New(goTypes.Replace(err.Error())) }

// parseRBAC reads and checks a file. known finds roles that are defined
// elsewhere; minCost is the cheapest bcrypt hash accepted.
func parseRBAC(p []byte, known func(string) (RoleInfo, bool), minCost int) (*rbacFile, error) {
	var y rbacYAML
	d := yaml.NewDecoder(bytes.NewReader(p))
	d.KnownFields(true)
	if err := d.Decode(&y); err != nil && !errors.Is(err, io.EOF) {
		return nil, rbacYAMLError(err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one document in it")
	}
	if len(y.Users) > MaxUsers || len(y.Roles) > MaxRoles {
		return nil, fmt.Errorf("it has more than %d users or %d roles", MaxUsers, MaxRoles)
	}
	f := &rbacFile{users: map[string]*fileUser{}, roles: map[string]RoleInfo{}}
	for _, r := range y.Roles {
		if err := f.addRole(r); err != nil {
			return nil, err
		}
	}
	for _, u := range y.Users {
		if err := f.addUser(u, known, minCost); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *rbacFile) addRole(r roleYAML) error {
	if err := checkName("role", r.Name.s); err != nil {
		return rbacBad(r.Name, "%s", pgerr.From(err).Message)
	}
	low := strings.ToLower(r.Name.s)
	if _, ok := f.roles[low]; ok {
		return rbacBad(r.Name, "role %q is defined twice", r.Name.s)
	}
	info := RoleInfo{Name: r.Name.s, FromFile: true}
	for _, p := range r.Permissions {
		perm, ok := ParsePermission(p.s)
		if !ok {
			return rbacBad(p, "permission %q of role %q is unknown; the permissions are %s", clip(p.s), r.Name.s, AllPermissions)
		}
		info.Permissions = info.Permissions.With(perm)
	}
	for _, b := range builtIn {
		if strings.EqualFold(b.Name, info.Name) {
			info.Name, info.BuiltIn = b.Name, true
		}
	}
	if info.Name == RoleAdmin && info.Permissions != AllPermissions {
		return rbacBad(r.Name, "role Admin has all permissions and cannot have fewer: %s", AllPermissions)
	}
	f.roles[low] = info
	return nil
}

func (f *rbacFile) addUser(u userYAML, known func(string) (RoleInfo, bool), minCost int) error {
	if err := checkName("user", u.Username.s); err != nil {
		return rbacBad(u.Username, "%s", pgerr.From(err).Message)
	}
	if f.users[u.Username.s] != nil {
		return rbacBad(u.Username, "user %q is defined twice", u.Username.s)
	}
	out := &fileUser{Name: u.Username.s, Hash: u.PasswordHash.s, Enabled: u.Enabled == nil || *u.Enabled}
	if out.Hash != "" {
		cost, ok := bcryptCost(out.Hash)
		switch {
		case !ok:
			return rbacBad(u.PasswordHash, "password_hash of user %q is not a bcrypt hash ($2a$, $2b$ or $2y$); heliosdb-streaming hash-password makes one", out.Name)
		case cost < minCost || cost > MaxBcryptCost:
			return rbacBad(u.PasswordHash, "password_hash of user %q has cost %d; %d to %d are accepted, and heliosdb-streaming hash-password uses %d",
				out.Name, cost, minCost, MaxBcryptCost, DefaultBcryptCost)
		}
	}
	for _, r := range u.Roles {
		role, ok := f.roles[strings.ToLower(r.s)]
		if !ok {
			role, ok = known(r.s)
		}
		if !ok {
			return rbacBad(r, "role %q of user %q is unknown", clip(r.s), out.Name)
		}
		out.Roles = append(out.Roles, role.Name)
	}
	slices.Sort(out.Roles)
	out.Roles = slices.Compact(out.Roles)
	if len(out.Roles) > MaxRolesPerUser {
		return rbacBad(u.Username, "user %q has more than %d roles", out.Name, MaxRolesPerUser)
	}
	f.users[out.Name] = out
	return nil
}

// CheckRBACFile says what is wrong with a file, before a server reads it. A role
// that the file does not define may be one made in SQL.
func CheckRBACFile(path string) error {
	p, err := readBounded(path)
	if err == nil {
		_, err = parseRBAC(p, func(name string) (RoleInfo, bool) { return RoleInfo{Name: name}, true }, MinBcryptCost)
	}
	if err != nil {
		return fmt.Errorf("RBAC file %s: %w", path, err)
	}
	return nil
}

// LoadRBAC reads the RBAC file, again perhaps, and lets it count at once; an
// empty path ends what an earlier one defined. If the file cannot be read or
// something in it is wrong, what was in force stays.
func (a *Auth) LoadRBAC(path string) error {
	changed, err := a.loadRBAC(path)
	detail := "file " + path
	if err != nil {
		err = pgerr.New(pgerr.ConfigFileError, "RBAC file %s: %v", path, err)
	} else {
		detail += fmt.Sprintf(", %d users changed", len(changed))
	}
	if path != "" || len(changed) > 0 {
		a.recordOutcome(System(), EventRBACReload, detail, err)
	}
	if err != nil {
		return err
	}
	a.tell(changed...)
	return nil
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := io.ReadAll(io.LimitReader(f, maxRBACFile+1))
	if err == nil && len(p) > maxRBACFile {
		err = fmt.Errorf("it is longer than %d bytes", maxRBACFile)
	}
	return p, err
}

// loadRBAC puts the file in force and lists the users who changed.
func (a *Auth) loadRBAC(path string) ([]string, error) {
	var p []byte
	if path != "" {
		var err error
		if p, err = readBounded(path); err != nil {
			return nil, err
		}
	}
	a.change.Lock()
	defer a.change.Unlock()
	file, err := parseRBAC(p, a.roleBesidesFile, a.hash.minCost())
	if err != nil {
		return nil, err
	}
	if err := a.rolesStay(file); err != nil {
		return nil, err
	}
	before := map[string]account{}
	for _, n := range a.userNames() {
		before[n] = *a.account(n)
	}
	r := a.fileRecord(file)
	if err := a.commit(r); err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.file = file
	a.watchCosts()
	a.mu.Unlock()
	var changed []string
	for n, old := range before {
		if acc := a.account(n); acc == nil || acc.version != old.version {
			changed = append(changed, n)
		}
	}
	slices.Sort(changed)
	return changed, nil
}

// fileRecord gives new versions to users whose entries are new or changed, and
// drops those without one; change is held.
func (a *Auth) fileRecord(file *rbacFile) *record {
	r := &record{}
	for n, u := range file.users {
		kept := a.st.files[n]
		if kept != nil && kept.Mark == u.mark() {
			continue
		}
		rec := &fileUserRec{Name: n, Mark: u.mark(), Version: randomID()}
		if kept != nil && kept.Hash == digest(u.Hash) {
			rec.Scram, rec.Hash = kept.Scram, kept.Hash
		}
		r.FileUsers = append(r.FileUsers, rec)
		if kept == nil {
			r.Users = append(r.Users, a.renewed(n)...)
		}
	}
	for n := range a.st.files {
		if file.users[n] == nil {
			r.DropFileUsers = append(r.DropFileUsers, n)
			r.Users = append(r.Users, a.renewed(n)...)
		}
	}
	return r
}

// renewed is the stored user behind an entry that comes or goes, with another
// version: his tokens, and those logged out, are not the entry's.
func (a *Auth) renewed(name string) []*userRec {
	u := a.st.users[name]
	if u == nil {
		return nil
	}
	n := *u
	n.Version = randomID()
	return []*userRec{&n}
}

// roleBesidesFile finds a built-in or stored role; change is held.
func (a *Auth) roleBesidesFile(name string) (RoleInfo, bool) {
	low := strings.ToLower(name)
	for _, b := range builtIn {
		if strings.ToLower(b.Name) == low {
			return b, true
		}
	}
	if r := a.st.roles[low]; r != nil {
		return RoleInfo{Name: r.Name}, true
	}
	return RoleInfo{}, false
}

// rolesStay refuses a file without a role that stored users still have.
func (a *Auth) rolesStay(file *rbacFile) error {
	for _, n := range a.userNames() {
		u := a.st.users[n]
		if u == nil {
			continue
		}
		for _, r := range u.Roles {
			if _, ok := file.roles[strings.ToLower(r)]; ok {
				continue
			}
			if _, ok := a.roleBesidesFile(r); !ok {
				return fmt.Errorf("role %q is not defined any more, but user %q has it", r, n)
			}
		}
	}
	return nil
}
