// Package logging makes the process's log: lines of JSON or text for people on a
// stream, the same as JSON in a rotated file, levels that differ by component and
// change while the process runs, and the last lines in memory for the support
// bundle.
//
// A component is the attribute "component" of a logger: log.With("component",
// "pgwire").
package logging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"
)

// LevelTrace is below debug.
const LevelTrace = slog.LevelDebug - 4

// Component is the attribute that names the part of the program that speaks.
const Component = "component"

var levels = map[string]slog.Level{
	"error": slog.LevelError, "warn": slog.LevelWarn, "info": slog.LevelInfo, "debug": slog.LevelDebug, "trace": LevelTrace,
}

// Components are the parts of the program that can have a level of their own.
var Components = []string{"api", "auth", "checkpoint", "config", "jobs", "kafka", "pgwire", "storage", "tls", "tracing"}

// Options of a log.
type Options struct {
	Level      string // error, warn, info, debug, trace
	Format     string // json, pretty
	Components string // "pgwire=debug,kafka=warn"
	// File gets JSON lines, too; "" is none. Its folder is made if need be.
	File string
	// MaxSizeMB is when the file is replaced by a new one, in MiB; MaxFiles is how
	// many old ones are kept.
	MaxSizeMB, MaxFiles int
}

// Log is the process's log and what can be changed of it.
type Log struct {
	*slog.Logger
	levels atomic.Pointer[levelSet]
	recent recent
	file   *lumberjack.Logger
}

// levelSet is the levels in force.
type levelSet struct {
	base        slog.Level
	byComponent map[string]slog.Level
}

func (s *levelSet) of(component string) slog.Level {
	if l, ok := s.byComponent[component]; ok {
		return l
	}
	return s.base
}

// New opens a log that writes to out.
func New(opt Options, out io.Writer) (*Log, error) {
	l := &Log{}
	if err := l.SetLevels(opt.Level, opt.Components); err != nil {
		return nil, err
	}
	handlers := []slog.Handler{format(opt.Format, out)}
	if opt.File != "" {
		if err := os.MkdirAll(filepath.Dir(opt.File), 0o750); err != nil {
			return nil, fmt.Errorf("[logging] file: %w", err)
		}
		// Opened once here, so that a file that cannot be written stops the start.
		if err := touch(opt.File); err != nil {
			return nil, err
		}
		l.file = &lumberjack.Logger{Filename: opt.File, MaxSize: max(1, opt.MaxSizeMB), MaxBackups: opt.MaxFiles}
		handlers = append(handlers, format("json", l.file))
	}
	handlers = append(handlers, format("json", &l.recent))
	l.Logger = slog.New(&handler{log: l, to: handlers})
	return l, nil
}

// touch makes the log's file if it is not there, for its owner and its group.
func touch(name string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return fmt.Errorf("[logging] file: %w", err)
	}
	return nil
}

// Reopen has the next line go to the file that has the log's name by then: logrotate
// and people rename the old one, or take it away.
func (l *Log) Reopen() error {
	if l.file == nil {
		return nil
	}
	// Made here, because lumberjack would not append to one that it makes itself.
	return errors.Join(touch(l.file.Filename), l.file.Close())
}

func format(name string, out io.Writer) slog.Handler {
	opts := &slog.HandlerOptions{Level: LevelTrace, ReplaceAttr: plain}
	if name == "json" {
		return slog.NewJSONHandler(out, opts)
	}
	return slog.NewTextHandler(out, opts)
}

// plain writes what slog would write as DEBUG-4, as nanoseconds or as the fields
// of an address so that people can read it.
func plain(groups []string, a slog.Attr) slog.Attr {
	switch {
	case a.Key == slog.LevelKey && len(groups) == 0 && a.Value.Any() == LevelTrace:
		return slog.String(slog.LevelKey, "TRACE")
	case a.Value.Kind() == slog.KindDuration:
		return slog.String(a.Key, a.Value.Duration().String())
	case a.Value.Kind() == slog.KindAny:
		if addr, ok := a.Value.Any().(net.Addr); ok { // in JSON it would be its fields
			return slog.String(a.Key, addr.String())
		}
	}
	return a
}

// SetLevels replaces the levels, at once and for every logger made from this log.
func (l *Log) SetLevels(base, components string) error {
	set, err := parseLevels(base, components)
	if err != nil {
		return err
	}
	l.levels.Store(set)
	return nil
}

// CheckLevels is SetLevels without a log: what is wrong with the levels.
func CheckLevels(base, components string) error {
	_, err := parseLevels(base, components)
	return err
}

func parseLevels(base, components string) (*levelSet, error) {
	set := &levelSet{byComponent: map[string]slog.Level{}}
	var ok bool
	if set.base, ok = levels[base]; !ok {
		return nil, fmt.Errorf("log level %q is none of %s", base, names(levels))
	}
	for _, part := range strings.Split(components, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, level, _ := strings.Cut(part, "=")
		lv, ok := levels[level]
		if !ok || !slices.Contains(Components, name) {
			return nil, fmt.Errorf("%q is not COMPONENT=LEVEL with a component of %s and a level of %s",
				part, strings.Join(Components, ", "), names(levels))
		}
		set.byComponent[name] = lv
	}
	return set, nil
}

func names(m map[string]slog.Level) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}

// Announce logs at level info whatever the levels are: what every operator, and
// every script that waits for it, has to see.
func (l *Log) Announce(msg string, args ...any) {
	r := slog.NewRecord(time.Now(), slog.LevelInfo, msg, 0)
	r.Add(args...)
	_ = l.Logger.Handler().Handle(context.Background(), r)
}

// Recent returns the last lines, oldest first, as JSON: at most 1 MiB.
func (l *Log) Recent() []byte { return l.recent.bytes() }

// Close closes the file.
func (l *Log) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// handler filters by the component's level and hands on to all outputs.
type handler struct {
	log       *Log
	component string
	grouped   bool // attributes go into a group: none of them is the component
	to        []slog.Handler
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.log.levels.Load().of(h.component)
}

// Handle implements slog.Handler. Every output gets the record; the first error
// is returned.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	var first error
	for _, to := range h.to {
		if err := to.Handle(ctx, r.Clone()); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := h.with(func(to slog.Handler) slog.Handler { return to.WithAttrs(attrs) })
	for _, a := range attrs {
		if a.Key == Component && !h.grouped {
			next.component = a.Value.String()
		}
	}
	return next
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	next := h.with(func(to slog.Handler) slog.Handler { return to.WithGroup(name) })
	next.grouped = h.grouped || name != ""
	return next
}

func (h *handler) with(fn func(slog.Handler) slog.Handler) *handler {
	next := &handler{log: h.log, component: h.component, grouped: h.grouped}
	for _, to := range h.to {
		next.to = append(next.to, fn(to))
	}
	return next
}
