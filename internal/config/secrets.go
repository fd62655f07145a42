package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strings"
)

// maxSecretBytes bounds a file that holds a secret.
const maxSecretBytes = 64 << 10

// fileSuffix ends the key that names a file with another key's secret.
const fileSuffix = "_file"

// readSecretFiles replaces secrets by what their files hold. Where a key and
// its file are both set, the one from the stronger place wins (environment over
// file); in one place they contradict each other.
func (l *loader) readSecretFiles() {
	for _, f := range l.fields {
		if !f.secret() {
			continue
		}
		file, ok := l.byName[f.name()+fileSuffix]
		if !ok || file.value.String() == "" || l.ranks[file.name()] < l.ranks[f.name()] {
			continue
		}
		origin := l.c.Origin(file.name())
		if l.ranks[file.name()] == l.ranks[f.name()] && f.value.String() != "" {
			l.fail(origin, "%s and %s are both set (%s): keep one", f.display(), file.key, l.c.Origin(f.name()))
			continue
		}
		text, err := readSecret(file.value.String())
		if err != nil {
			l.fail(origin, "%s: %v", file.display(), err)
			continue
		}
		l.setText(f, text, origin)
		if st, err := os.Stat(file.value.String()); err == nil {
			l.checkSecretFile(file, st)
		}
	}
}

// readSecret is a file's content without the line's end that editors add.
func readSecret(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecretBytes+1))
	if err != nil {
		return "", err
	}
	secret := strings.TrimRight(string(text), "\r\n")
	switch {
	case len(text) > maxSecretBytes:
		return "", fmt.Errorf("%s is larger than %d bytes", name, maxSecretBytes)
	case secret == "":
		return "", fmt.Errorf("%s is empty", name)
	}
	return secret, nil
}

// checkFileMode warns of a configuration file with secrets that everybody on
// the machine can read.
func (l *loader) checkFileMode(path string) {
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm()&0o004 == 0 || !st.Mode().IsRegular() {
		return
	}
	for _, f := range l.fields {
		if f.secret() && f.value.String() != "" && l.ranks[f.name()] == rankFile && strings.HasPrefix(l.c.Origin(f.name()), path+":") {
			l.warn("%s: %s stands in a file that everybody on this machine can read (mode %v): chmod 640 it, or use %s%s",
				l.c.Origin(f.name()), f.display(), st.Mode().Perm(), f.key, fileSuffix)
		}
	}
}

// keyFiles name files that are secret as a whole.
var keyFiles = map[string]bool{"security.tls_key_file": true, "kafka.ssl_key_file": true, "kafka.sasl_oauth_token_file": true, "security.rbac_file": true}

// checkSecretFile warns of a file of secrets that everybody on the machine can
// read.
func (l *loader) checkSecretFile(f field, st fs.FileInfo) {
	if st.Mode().Perm()&0o004 != 0 && st.Mode().IsRegular() {
		l.warn("%s: %s: everybody on this machine can read %s (mode %v): chmod 640 it", l.c.Origin(f.name()), f.display(), f.value, st.Mode().Perm())
	}
}

// checkFiles looks for the files that the configuration names and that must be
// there at the start.
func (l *loader) checkFiles() {
	for _, f := range l.fields {
		name := ""
		if f.value.Kind() == reflect.String {
			name = f.value.String()
		}
		if f.tag.Get("exists") == "" || name == "" {
			continue
		}
		st, err := os.Stat(name)
		switch {
		case err != nil:
			var pe *fs.PathError
			if errors.As(err, &pe) {
				err = pe.Err // the name is said already
			}
			l.fail(l.c.Origin(f.name()), "%s: %s: %v", f.display(), name, err)
		case st.IsDir():
			l.fail(l.c.Origin(f.name()), "%s: %s is a directory", f.display(), name)
		case keyFiles[f.name()]:
			l.checkSecretFile(f, st)
		}
	}
}
