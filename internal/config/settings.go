package config

import (
	"reflect"
	"time"
)

// Setting is one key as it stands, for people and programs: of a secret only
// whether there is one.
type Setting struct {
	Name   string // section.key
	Value  any    // string, bool, a number or []string; durations in the key's unit
	Origin string // where the value came from, see Origin
}

// Settings lists every key in the order of declaration.
func (c *Config) Settings() []Setting {
	var out []Setting
	for _, f := range fields(c) {
		s := Setting{Name: f.name(), Origin: c.Origin(f.name())}
		switch v := f.value.Interface().(type) {
		case Secret:
			s.Value = v.String()
		case time.Duration:
			s.Value = float64(v) / float64(durationUnit(f.key))
		case []string:
			s.Value = append([]string{}, v...)
		default:
			switch f.value.Kind() {
			case reflect.String:
				s.Value = f.value.String()
			default:
				s.Value = v
			}
		}
		out = append(out, s)
	}
	return out
}
