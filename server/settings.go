package server

import (
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/pgwire"
)

// settings are a session's parameters with PostgreSQL's transaction rules: SET
// ends with a transaction that is rolled back, SET LOCAL with any.
type settings struct {
	boot    map[string]string // what RESET goes back to, where not the built-in default
	now     map[string]string // in force, by lower-case name; missing: boot or the default
	before  map[string]string // when the transaction began; nil: it changed nothing
	after   map[string]string // once it commits
	changed func(name string) // tells the client
	wire    pgwire.Settings   // derived from now
}

func newSettings() *settings {
	s := &settings{boot: map[string]string{}, now: map[string]string{}, changed: func(string) {}}
	s.derive()
	return s
}

// get is the value of a parameter by its lower-case name.
func (s *settings) get(name string) (string, bool) {
	if v, ok := s.now[name]; ok {
		return v, true
	}
	return s.initial(name)
}

func (s *settings) initial(name string) (string, bool) {
	if v, ok := s.boot[name]; ok {
		return v, true
	}
	if p := parameters[name]; p != nil {
		return p.def, true
	}
	return "", false
}

// unknownParameter is 42704 as PostgreSQL words it.
func unknownParameter(name string) error {
	return pgerr.New(pgerr.UndefinedObject, "unrecognized configuration parameter \"%s\"", name)
}

// check brings a value into its canonical form, or says what is wrong with it.
func checkSetting(name, value string) (string, error) {
	p := parameters[strings.ToLower(name)]
	switch {
	case p != nil && p.fixed:
		return "", pgerr.New(pgerr.CantChangeRuntimeParam, "parameter \"%s\" cannot be changed", p.name)
	case p != nil:
		return p.kind.canon(p, value)
	case strings.Contains(name, "."):
		return value, nil // a custom parameter
	}
	return "", unknownParameter(name)
}

// set gives a parameter a value (nil: its initial one), until the transaction
// ends when local.
func (s *settings) set(name string, value *string, local bool) error {
	low := strings.ToLower(name)
	var v string
	keep := true
	if value != nil {
		var err error
		if v, err = checkSetting(name, *value); err != nil {
			return err
		}
	} else {
		if p := parameters[low]; p != nil && p.fixed {
			return pgerr.New(pgerr.CantChangeRuntimeParam, "parameter \"%s\" cannot be changed", p.name)
		}
		if _, keep = s.initial(low); !keep && !strings.Contains(low, ".") {
			return unknownParameter(name)
		}
		keep = false
	}
	s.open()
	assign(s.now, low, v, keep)
	if !local {
		assign(s.after, low, v, keep)
	}
	s.derive()
	s.changed(low)
	return nil
}

func assign(m map[string]string, name, v string, keep bool) {
	if keep {
		m[name] = v
	} else {
		delete(m, name)
	}
}

// resetAll is RESET ALL.
func (s *settings) resetAll() {
	s.open()
	old := maps.Clone(s.now)
	clear(s.now)
	clear(s.after)
	s.derive()
	for name := range old {
		s.changed(name)
	}
}

// open remembers the state before a transaction's first change.
func (s *settings) open() {
	if s.before == nil {
		s.before, s.after = maps.Clone(s.now), maps.Clone(s.now)
	}
}

// settingsMark is the state of the settings at a savepoint.
type settingsMark struct{ now, after map[string]string }

func (s *settings) mark() settingsMark {
	s.open()
	return settingsMark{maps.Clone(s.now), maps.Clone(s.after)}
}

// backTo takes back the changes since the mark was made.
func (s *settings) backTo(m settingsMark) {
	old := s.now
	s.now, s.after = maps.Clone(m.now), maps.Clone(m.after)
	s.tell(old)
}

// end ends a transaction's changes.
func (s *settings) end(commit bool) {
	if s.before == nil {
		return
	}
	old := s.now
	s.now = s.before
	if commit {
		s.now = s.after
	}
	s.before, s.after = nil, nil
	s.tell(old)
}

// tell reports the parameters that differ from old.
func (s *settings) tell(old map[string]string) {
	s.derive()
	for name := range parameters {
		if old[name] != s.now[name] {
			s.changed(name)
		}
	}
}

// derive recomputes what the front end reads.
func (s *settings) derive() {
	now, objects := s.wire.Text.Now, s.wire.Text.Objects
	s.wire = pgwire.Settings{Text: values.DefaultOpts}
	s.wire.Text.Now, s.wire.Text.Objects = now, objects
	s.wire.Text.TZ = s.zone()
	if style, _ := s.get("datestyle"); strings.HasSuffix(style, "DMY") {
		s.wire.Text.DateOrder = pgtime.DMY
	} else if strings.HasSuffix(style, "YMD") {
		s.wire.Text.DateOrder = pgtime.YMD
	}
	s.wire.Text.ExtraFloatDigits = s.integer("extra_float_digits")
	s.wire.StatementTimeout = s.millis("statement_timeout")
	s.wire.IdleSessionTimeout = s.millis("idle_session_timeout")
	s.wire.IdleInTransactionTimeout = s.millis("idle_in_transaction_session_timeout")
}

func (s *settings) zone() *time.Location {
	v, _ := s.get("timezone")
	z, err := pgtime.LoadZone(v)
	if err != nil {
		return time.UTC
	}
	return z
}

func (s *settings) integer(name string) int {
	v, _ := s.get(name)
	n, _ := strconv.Atoi(v)
	return n
}

func (s *settings) millis(name string) time.Duration {
	return time.Duration(s.integer(name)) * time.Millisecond
}

func (s *settings) on(name string) bool {
	v, _ := s.get(name)
	return v == "on"
}

// show is the value as SHOW prints it.
func (s *settings) show(name string) (string, bool) {
	v, ok := s.get(name)
	if p := parameters[name]; p != nil {
		return p.kind.show(v), ok
	}
	return v, ok
}

// searchPath are the schemas of search_path that exist; "$user" never does.
func (s *settings) searchPath(exists func(string) bool) []string {
	v, _ := s.get("search_path")
	var path []string
	names, _ := splitIdents(v)
	for _, n := range names {
		if n != "$user" && exists(n) {
			path = append(path, n)
		}
	}
	return path
}
