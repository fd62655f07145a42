package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
)

// maxFileBytes bounds a configuration file.
const maxFileBytes = 1 << 20

// maxErrors bounds the messages of one load.
const maxErrors = 50

// DataDir is the Key of an Override that means the data directory: [state]
// local_path when path names a bucket, else path.
const DataDir = "data directory"

// Override is a setting of the command line; it wins over file and environment.
type Override struct {
	Key    string // "section.key", e.g. "state.path", or DataDir
	Value  string // as in the environment: lists separated by commas
	Origin string // for messages, e.g. "flag --data-dir"
}

// Load reads the file at path (none if path is empty), then env (items
// "NAME=value", as os.Environ gives them), then overrides, on top of Default.
// The error lists everything that is wrong, one message a line, each starting
// with FILE:LINE, "environment" or the override's origin.
func Load(path string, env []string, overrides ...Override) (*Config, error) {
	return newLoader(Default()).load(path, env, overrides)
}

// LoadDev is Load on top of DevDefault, and insists on loopback addresses.
func LoadDev(path string, env []string, overrides ...Override) (*Config, error) {
	l := newLoader(DevDefault())
	l.dev = true
	return l.load(path, env, overrides)
}

func (l *loader) load(path string, env []string, overrides []Override) (*Config, error) {
	if path != "" {
		text, err := readFile(path)
		if err != nil {
			return nil, err
		}
		l.rank = rankFile
		l.applyText(path, text)
		l.resolvePaths(filepath.Dir(path))
		l.checkFileMode(path)
	}
	l.applyEnv(env)
	l.rank = rankOverride
	for _, o := range overrides {
		l.applyOverride(o)
	}
	l.readSecretFiles()
	if len(l.errs) == 0 {
		l.check()
		l.checkFiles()
	}
	if len(l.errs) > 0 {
		return nil, errors.Join(l.errs...)
	}
	return l.c, nil
}

func readFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("configuration file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return "", fmt.Errorf("configuration file: %w", err)
	}
	if len(text) > maxFileBytes {
		return "", fmt.Errorf("configuration file %s is larger than %d bytes", path, maxFileBytes)
	}
	return string(text), nil
}

// loader collects everything that is wrong, so that a user fixes it in one go.
type loader struct {
	c      *Config
	fields []field
	byName map[string]field
	errs   []error
	dev    bool

	rank  rank            // of what is being applied
	ranks map[string]rank // of what set "section.key"
}

// rank orders the places of a setting; the higher wins.
type rank int

const (
	rankFile rank = iota + 1
	rankAlias
	rankEnv
	rankOverride
)

func newLoader(c *Config) *loader {
	l := &loader{c: c, fields: fields(c), byName: make(map[string]field), ranks: make(map[string]rank)}
	for _, f := range l.fields {
		l.byName[f.name()] = f
	}
	if c.origins == nil {
		c.origins = make(map[string]string)
	}
	return l
}

func (l *loader) fail(origin, format string, args ...any) {
	if len(l.errs) < maxErrors {
		l.errs = append(l.errs, fmt.Errorf("%s: %s", origin, fmt.Sprintf(format, args...)))
	}
}

func (l *loader) setText(f field, value, origin string) {
	if err := f.setText(value); err != nil {
		l.fail(origin, "%v", err)
		return
	}
	l.c.origins[f.name()] = origin
	l.ranks[f.name()] = l.rank
}

func (l *loader) warn(format string, args ...any) {
	l.c.Warnings = append(l.c.Warnings, fmt.Sprintf(format, args...))
}

func (l *loader) applyOverride(o Override) {
	if o.Key == DataDir {
		o.Key = "state.path"
		if l.c.State.BucketURL() != "" {
			o.Key = "state.local_path"
		}
	}
	f, ok := l.byName[o.Key]
	if !ok {
		l.fail(o.Origin, "unknown key %q%s", o.Key, didYouMean(o.Key, l.names()))
		return
	}
	l.setText(f, o.Value, o.Origin)
}

// applyText decodes a TOML text; file is its name in messages.
func (l *loader) applyText(file, text string) {
	var doc map[string]any
	md, err := toml.Decode(text, &doc)
	if err != nil {
		var pe toml.ParseError
		if errors.As(err, &pe) {
			l.fail(fmt.Sprintf("%s:%d", file, pe.Position.Line), "%s", l.parseMessage(pe, text))
		} else {
			l.fail(file, "%v", err)
		}
		return
	}
	lines := keyLines(text)
	at := func(name string) string {
		if line, ok := lines[name]; ok {
			return fmt.Sprintf("%s:%d", file, line)
		}
		return file
	}
	done := make(map[string]bool) // a table shows up with each of its keys
	once := func(name string) bool {
		first := !done[name]
		done[name] = true
		return first
	}
	for _, key := range md.Keys() { // in the order of the file
		section := key[0]
		if once(section) {
			l.applySection(section, doc[section], at(section))
		}
		if _, isTable := doc[section].(map[string]any); len(key) < 2 || !isTable || !l.isSection(section) {
			continue
		}
		if name := section + "." + key[1]; once(name) {
			l.applyKey(section, key[1], lookup(doc, section, key[1]), at(name))
		}
	}
}

// parseMessage is what is wrong with a text that is no TOML. The library quotes
// a part of it; of a value that may be a secret nothing is shown.
func (l *loader) parseMessage(pe toml.ParseError, text string) string {
	if where := twice(pe.Message, text); where != "" {
		return strings.TrimSpace(pe.Message) + where
	}
	if key, ok := keyOfLine(text, pe.Position.Line); ok && l.maySecret(key) {
		return key + " has a value that is no TOML: a text stands in double quotes"
	}
	return strings.TrimSpace(pe.Message)
}

// keyOfLine is the last part of the key on a line (from 1) that sets one.
func keyOfLine(text string, line int) (string, bool) {
	lines := strings.Split(text, "\n")
	if line < 1 || line > len(lines) {
		return "", false
	}
	key, _, ok := strings.Cut(lines[line-1], "=")
	key = cleanKey(key)
	return key[strings.LastIndexByte(key, '.')+1:], ok
}

// maySecret reports whether a key is a secret's, or none that is known: it may
// be a secret's with a slip.
func (l *loader) maySecret(key string) bool {
	known := false
	for _, f := range l.fields {
		if f.key == key {
			if f.secret() {
				return true
			}
			known = true
		}
	}
	return !known
}

// twice adds to the message of a key that stands twice where it stood first.
func twice(message, text string) string {
	m := regexp.MustCompile(`^Key '(.*)' has already been defined`).FindStringSubmatch(message)
	if m == nil {
		return ""
	}
	return fmt.Sprintf(" (line %d): keep one of the two lines", firstLine(text, m[1]))
}

// lookup returns the value of a key in a section that may be none.
func lookup(doc map[string]any, section, key string) any {
	table, _ := doc[section].(map[string]any)
	return table[key]
}

// applySection checks a top-level name, which must be a known table.
func (l *loader) applySection(name string, v any, origin string) {
	_, isTable := v.(map[string]any)
	switch {
	case l.isSection(name) && isTable:
	case l.isSection(name):
		l.fail(origin, "[%s] must be a section", name)
	case isTable:
		l.fail(origin, "unknown section [%s]%s", name, didYouMean(name, l.sections()))
	default:
		l.fail(origin, "unknown key %q outside a section%s", name, l.hint("", name))
	}
}

func (l *loader) applyKey(section, key string, v any, origin string) {
	f, ok := l.byName[section+"."+key]
	if !ok {
		l.fail(origin, "unknown key %q in [%s]%s", key, section, l.hint(section, key))
		return
	}
	if err := f.set(v); err != nil {
		l.fail(origin, "%v", err)
		return
	}
	l.c.origins[f.name()] = origin
	l.ranks[f.name()] = l.rank
}

// hint says where an unknown key belongs: the section that has it, else the
// nearest name in its own section, else the nearest anywhere.
func (l *loader) hint(section, key string) string {
	var own []string
	for _, f := range l.fields {
		if f.key == key {
			return fmt.Sprintf("; it belongs to section [%s]", f.section)
		}
		if f.section == section {
			own = append(own, f.key)
		}
	}
	if s := didYouMean(key, own); s != "" {
		return s
	}
	const slip = 3 // edits; further away is another word
	for _, f := range l.fields {
		if distance(key, f.key, slip) < slip {
			return fmt.Sprintf("; did you mean %s?", f.display())
		}
	}
	return ""
}

func (l *loader) isSection(name string) bool {
	for _, f := range l.fields {
		if f.section == name {
			return true
		}
	}
	return false
}

func (l *loader) sections() []string {
	var out []string
	for _, f := range l.fields {
		if len(out) == 0 || out[len(out)-1] != f.section {
			out = append(out, f.section)
		}
	}
	return out
}

func (l *loader) names() []string {
	out := make([]string, len(l.fields))
	for i, f := range l.fields {
		out[i] = f.name()
	}
	return out
}

// resolvePaths makes the names of files in a configuration file independent of
// the working directory: a relative one is relative to that file's directory.
func (l *loader) resolvePaths(dir string) {
	for _, f := range l.fields {
		if l.ranks[f.name()] != rankFile {
			continue
		}
		switch {
		case f.value.Kind() == reflect.Slice:
			files := f.value.Interface().([]string)
			for i, name := range files {
				files[i] = absolute(dir, name)
			}
		case strings.HasSuffix(f.key, fileSuffix) || f.name() == "logging.file":
			f.value.SetString(absolute(dir, f.value.String()))
		}
	}
}

func absolute(dir, name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}
