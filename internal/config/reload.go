package config

import (
	"maps"
	"reflect"
)

// Clone copies c.
func (c *Config) Clone() *Config {
	d := *c
	d.Warnings = append([]string(nil), c.Warnings...)
	d.Startup.SQLFiles = append([]string(nil), c.Startup.SQLFiles...)
	d.origins = maps.Clone(c.origins)
	return &d
}

// Reloadable says whether a running server takes a new value of "section.key".
func Reloadable(name string) bool {
	for _, f := range fields(&Config{}) {
		if f.name() == name {
			return f.tag.Get("reload") == "yes"
		}
	}
	return false
}

// Reloaded is what a configuration that was read again means for a running
// server.
type Reloaded struct {
	// Config is the running configuration with next's values of the keys that a
	// running server can change.
	Config *Config
	// Changed names those keys whose value became another, as "[section] key".
	Changed []string
	// Restart names the keys that differ from what the server was started with
	// and wait for a restart.
	Restart []string
}

// Reload compares next, which was read again, with running. started is the
// configuration as it was read at the start: what the program itself changed
// since then (a free port, an embedded broker) is no difference.
//
// The content of files (certificates, keys, rbac_file) may have changed under
// the same names, so that subscribers read them again whatever Changed says.
func Reload(started, running, next *Config) Reloaded {
	r := Reloaded{Config: running.Clone()}
	was, now, want := fields(started), fields(r.Config), fields(next)
	for i, f := range want {
		value := f.value.Interface()
		if f.tag.Get("reload") != "yes" {
			if !reflect.DeepEqual(was[i].value.Interface(), value) {
				r.Restart = append(r.Restart, f.display())
			}
			continue
		}
		if !reflect.DeepEqual(now[i].value.Interface(), value) {
			r.Changed = append(r.Changed, f.display())
			now[i].value.Set(f.value)
		}
		delete(r.Config.origins, f.name())
		if o, ok := next.origins[f.name()]; ok {
			r.Config.origins[f.name()] = o
		}
	}
	return r
}
