package config

import (
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Secret is a string that no formatting verb, log handler or encoder prints.
// Reveal gives its value to the one place that needs it.
type Secret string

const redacted = "[redacted]"

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String hides the value, but not whether there is one.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Format hides the value from every verb, %q, %x and %#v included.
func (s Secret) Format(w fmt.State, _ rune) { fmt.Fprint(w, s.String()) }

// MarshalText hides the value from JSON and TOML encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the value from structured logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String returns the configuration as TOML with secrets redacted; a line per
// key, with a comment that says where a value that is no default came from.
func (c *Config) String() string {
	var b strings.Builder
	section := ""
	for _, f := range fields(c) {
		if f.section != section {
			section = f.section
			fmt.Fprintf(&b, "[%s]\n", section)
		}
		fmt.Fprintf(&b, "%s = %s", f.key, f.toml())
		if o := c.Origin(f.name()); o != "default" {
			fmt.Fprintf(&b, " # %s", o)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// toml renders a field's value as TOML.
func (f field) toml() string {
	if d, ok := f.value.Interface().(time.Duration); ok {
		return strconv.FormatFloat(float64(d)/float64(durationUnit(f.key)), 'f', -1, 64)
	}
	switch f.value.Kind() {
	case reflect.Slice:
		items := f.value.Interface().([]string)
		quoted := make([]string, len(items))
		for i, s := range items {
			quoted[i] = tomlString(s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case reflect.String:
		if f.secret() {
			return tomlString(f.value.Interface().(Secret).String())
		}
		return tomlString(f.value.String())
	default:
		return fmt.Sprint(f.value.Interface())
	}
}

// tomlString quotes s as a TOML basic string.
func tomlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, "\\u%04X", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
