package config

import (
	"regexp"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/logging"
)

const envPrefix = "HELIOSDB_"

// envReserved are names and prefixes (ending in _) that other parts of the
// project read: CRASHPOINT kills the process at a named step (tests only),
// TEST_ and BENCH_ belong to the tests and benchmarks.
var envReserved = []string{"HELIOSDB_CRASHPOINT", "HELIOSDB_CRASHPOINT_", "HELIOSDB_TEST_", "HELIOSDB_BENCH_", "HELIOSDB_TOKEN"}

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
// gives them). Other programs' variables are not looked at. The short names of
// secrets (JWT_SECRET) and RUST_LOG give way to the full ones.
func (l *loader) applyEnv(env []string) {
	byName, byAlias := make(map[string]field), make(map[string]field)
	names := make([]string, 0, len(l.fields))
	for _, f := range l.fields {
		byName[f.env()] = f
		names = append(names, f.env())
		if alias := f.tag.Get("alias"); alias != "" {
			byAlias[alias] = f
		}
	}
	l.rank = rankAlias
	for _, item := range env {
		name, value, _ := strings.Cut(item, "=")
		if f, ok := byAlias[name]; ok && value != "" { // empty in manifests that leave it open
			l.setText(f, value, "environment "+name)
		}
		if name == rustLog {
			l.applyRustLog(value)
		}
	}
	l.rank = rankEnv
	for _, item := range env {
		name, value, ok := strings.Cut(item, "=")
		if !ok || !strings.HasPrefix(name, envPrefix) || ignoredEnv(name, value) {
			continue
		}
		f, ok := byName[name]
		if !ok {
			l.fail("environment", "unknown variable %s%s", name, didYouMean(name, names))
			continue
		}
		l.setText(f, value, "environment "+name)
	}
}

// rustLog is the variable that manifests of the older program set.
const rustLog = "RUST_LOG"

// rustCrate is that program's name in it.
const rustCrate = "heliosdb_streaming"

// applyRustLog reads RUST_LOG's "level", "heliosdb_streaming=level" and
// "heliosdb_streaming::component=level", separated by commas, as [logging] level
// and components. What belongs to other libraries has no meaning here, and
// nothing in it stops the start.
func (l *loader) applyRustLog(value string) {
	origin := "environment " + rustLog
	directives, _, _ := strings.Cut(value, "/") // a filter of messages
	level, named, components := "", false, []string(nil)
	for d := range strings.SplitSeq(directives, ",") {
		target, lv, ok := strings.Cut(strings.TrimSpace(d), "=")
		if !ok {
			target, lv = rustCrate, target
		}
		if lv = strings.ToLower(strings.TrimSpace(lv)); lv == "" && !ok {
			continue
		}
		target = strings.ReplaceAll(strings.TrimSpace(target), "-", "_")
		name, isPart := strings.CutPrefix(target, rustCrate+"::")
		if isPart { // of a module's parts the first is a component here
			name, _, _ = strings.Cut(name, "::")
			lv = name + "=" + lv
		}
		switch {
		case isPart && logging.CheckLevels(l.c.Logging.Level, lv) == nil:
			components = append(components, lv)
		case target == rustCrate && logging.CheckLevels(lv, "") == nil:
			if ok || !named { // what names the program wins over what is for all, wherever it stands
				level, named = lv, ok
			}
		default:
			l.warn("%s: %q has no effect; use HELIOSDB_LOGGING_LEVEL and HELIOSDB_LOGGING_COMPONENTS", origin, d)
		}
	}
	if level != "" {
		l.setText(l.byName["logging.level"], level, origin)
	}
	if len(components) > 0 {
		l.setText(l.byName["logging.components"], strings.Join(components, ","), origin)
	}
}
