package config

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// field is one settable key, found by reflection over Config's tags.
type field struct {
	section, key string
	value        reflect.Value
	tag          reflect.StructTag
}

func (f field) name() string    { return f.section + "." + f.key }
func (f field) display() string { return "[" + f.section + "] " + f.key }
func (f field) env() string {
	return "HELIOSDB_" + strings.ToUpper(f.section) + "_" + strings.ToUpper(f.key)
}

var (
	durationType = reflect.TypeOf(time.Duration(0))
	secretType   = reflect.TypeOf(Secret(""))
)

func (f field) secret() bool { return f.value.Type() == secretType }

// fields lists every key of c in the order of declaration.
func fields(c *Config) []field {
	var out []field
	root := reflect.ValueOf(c).Elem()
	for i := range root.NumField() {
		section, ok := root.Type().Field(i).Tag.Lookup("section")
		if !ok {
			continue
		}
		sv := root.Field(i)
		for j := range sv.NumField() {
			tag := sv.Type().Field(j).Tag
			out = append(out, field{section: section, key: tag.Get("key"), value: sv.Field(j), tag: tag})
		}
	}
	return out
}

// durationUnit is the unit that a duration's key names.
func durationUnit(key string) time.Duration {
	switch {
	case strings.HasSuffix(key, "_ms"):
		return time.Millisecond
	case strings.HasSuffix(key, "_hours"):
		return time.Hour
	default:
		return time.Second
	}
}

// maxListItems bounds a list; startup files are few.
const maxListItems = 1000

// set stores a decoded TOML value: string, int64, float64, bool or []any.
func (f field) set(v any) error {
	if f.value.Type() == durationType {
		n, ok := number(v)
		if !ok {
			return f.typeError("a number", v)
		}
		return f.setDuration(n)
	}
	switch f.value.Kind() {
	case reflect.String:
		s, ok := v.(string)
		if !ok {
			return f.typeError("a string", v)
		}
		return f.setString(s)
	case reflect.Int:
		n, ok := v.(int64)
		if !ok {
			return f.typeError("a whole number", v)
		}
		if err := f.inRange(float64(n)); err != nil {
			return err
		}
		f.value.SetInt(n)
	case reflect.Float64:
		n, ok := number(v)
		if !ok {
			return f.typeError("a number", v)
		}
		if err := f.inRange(n); err != nil {
			return err
		}
		f.value.SetFloat(n)
	case reflect.Bool:
		b, ok := v.(bool)
		if !ok {
			return f.typeError("true or false", v)
		}
		f.value.SetBool(b)
	case reflect.Slice:
		return f.setList(v)
	default:
		return fmt.Errorf("%s has a type that cannot be configured", f.display())
	}
	return nil
}

// setText stores a value written without TOML's quoting, as the environment
// and flags give it.
func (f field) setText(s string) error {
	if f.value.Type() == durationType {
		n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil {
			return f.typeError("a number", s)
		}
		return f.setDuration(n)
	}
	switch f.value.Kind() {
	case reflect.Int:
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		if err != nil {
			return f.typeError("a whole number", s)
		}
		return f.set(n)
	case reflect.Float64:
		n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil {
			return f.typeError("a number", s)
		}
		return f.set(n)
	case reflect.Bool:
		b, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(s)))
		if err != nil {
			return f.typeError("true or false", s)
		}
		return f.set(b)
	case reflect.Slice:
		var list []any
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return f.set(list)
	default:
		return f.set(s)
	}
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

func (f field) setDuration(n float64) error {
	if err := f.inRange(n); err != nil {
		return err
	}
	f.value.SetInt(int64(math.Round(n * float64(durationUnit(f.key)))))
	return nil
}

func (f field) setString(s string) error {
	if strings.IndexByte(s, 0) >= 0 {
		return fmt.Errorf("%s must not contain a zero byte", f.display())
	}
	if choices, ok := f.tag.Lookup("oneof"); ok && !contains(choices, s) {
		all := strings.Split(choices, ",")
		return fmt.Errorf("%s must be one of %q, not %q%s", f.display(), all, s, didYouMean(s, all))
	}
	f.value.SetString(s)
	return nil
}

func (f field) setList(v any) error {
	items, ok := v.([]any)
	if !ok && v != nil {
		return f.typeError("a list of strings", v)
	}
	if len(items) > maxListItems {
		return fmt.Errorf("%s has %d items, at most %d are allowed", f.display(), len(items), maxListItems)
	}
	list := make([]string, 0, len(items))
	for _, it := range items {
		s, ok := it.(string)
		if !ok || s == "" || strings.IndexByte(s, 0) >= 0 {
			return f.typeError("a list of non-empty strings", it)
		}
		list = append(list, s)
	}
	f.value.Set(reflect.ValueOf(list))
	return nil
}

// inRange checks the range tag, in the unit of the key.
func (f field) inRange(n float64) error {
	tag := f.tag.Get("range")
	if tag == "" {
		return nil
	}
	low, high, _ := strings.Cut(tag, ",")
	lo, _ := strconv.ParseFloat(low, 64)
	hi, _ := strconv.ParseFloat(high, 64)
	if !(n >= lo && n <= hi) { // written so that NaN fails
		return fmt.Errorf("%s must be between %s and %s, not %v", f.display(), low, high, n)
	}
	return nil
}

func (f field) typeError(want string, got any) error {
	if f.secret() {
		return fmt.Errorf("%s must be %s", f.display(), want)
	}
	if s, ok := got.(string); ok {
		return fmt.Errorf("%s must be %s, not %q", f.display(), want, s)
	}
	return fmt.Errorf("%s must be %s, not %v", f.display(), want, got)
}

func contains(list, s string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if item == s {
			return true
		}
	}
	return false
}
