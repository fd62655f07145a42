package config

import (
	"regexp"
	"strings"
)

const envPrefix = "HELIOSDB_"

// envReserved are names and prefixes (ending in _) that other parts of the
// project read: CRASHPOINT kills the process at a named step (tests only),
// TEST_ and BENCH_ belong to the tests and benchmarks.
var envReserved = []string{"HELIOSDB_CRASHPOINT", "HELIOSDB_CRASHPOINT_", "HELIOSDB_TEST_", "HELIOSDB_BENCH_"}

// serviceLink matches what Kubernetes puts into every pod of a namespace that
// has a service called heliosdb-…: HELIOSDB_STREAMING_SERVICE_HOST,
// HELIOSDB_STREAMING_PORT_8080_TCP_ADDR and so on. They are nobody's settings.
var serviceLink = regexp.MustCompile(`_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|_PORT_[0-9]+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?$`)

// serviceURL matches the value of such a service's bare …_PORT variable.
var serviceURL = regexp.MustCompile(`^(tcp|udp|sctp)://`)

// ignoredEnv says whether a HELIOSDB_ variable is none of the configuration's.
func ignoredEnv(name, value string) bool {
	for _, r := range envReserved {
		if name == r || strings.HasSuffix(r, "_") && strings.HasPrefix(name, r) {
			return true
		}
	}
	return serviceLink.MatchString(name) || strings.HasSuffix(name, "_PORT") && serviceURL.MatchString(value)
}

// applyEnv sets the fields named by env ("NAME=value" items, as os.Environ
// gives them). Other programs' variables are not looked at.
func (l *loader) applyEnv(env []string) {
	byName := make(map[string]field, len(l.fields))
	names := make([]string, 0, len(l.fields))
	for _, f := range l.fields {
		byName[f.env()] = f
		names = append(names, f.env())
	}
	for _, item := range env {
		name, value, ok := strings.Cut(item, "=")
		if !ok || !strings.HasPrefix(name, envPrefix) || ignoredEnv(name, value) {
			continue
		}
		origin := "environment " + name
		f, ok := byName[name]
		if !ok {
			l.fail("environment", "unknown variable %s%s", name, didYouMean(name, names))
			continue
		}
		l.setText(f, value, origin)
	}
}
