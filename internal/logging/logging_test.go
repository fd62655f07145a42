package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func lines(t *testing.T, b []byte) []map[string]any {
	t.Helper()
	var out []map[string]any
	for l := range bytes.Lines(b) {
		var m map[string]any
		if err := json.Unmarshal(l, &m); err != nil {
			t.Fatalf("not a line of JSON: %v %q", err, l)
		}
		out = append(out, m)
	}
	return out
}

func TestLevels(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l, err := New(Options{Level: "info", Format: "json", Components: "pgwire=debug, kafka=error"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	pg, kafka := l.With(Component, "pgwire"), l.With(Component, "kafka").WithGroup("g").With("x", 1)
	say := func() string {
		out.Reset()
		for _, x := range []*slog.Logger{l.Logger, pg, kafka} {
			x.Log(t.Context(), LevelTrace, "trace")
			x.Debug("debug")
			x.Info("info")
			x.Error("error")
		}
		var got []string
		for _, m := range lines(t, out.Bytes()) {
			got = append(got, fmt.Sprint(m["component"], m["level"]))
		}
		return strings.Join(got, " ")
	}
	if got, want := say(), "<nil>INFO <nil>ERROR pgwireDEBUG pgwireINFO pgwireERROR kafkaERROR"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// A change acts on loggers that exist.
	if err := l.SetLevels("error", "pgwire=trace"); err != nil {
		t.Fatal(err)
	}
	if got, want := say(), "<nil>ERROR pgwireTRACE pgwireDEBUG pgwireINFO pgwireERROR kafkaERROR"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, bad := range [][2]string{{"loud", ""}, {"info", "pgwire"}, {"info", "pgwire=loud"}, {"info", "nobody=info"}} {
		if err := l.SetLevels(bad[0], bad[1]); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if got := say(); !strings.HasPrefix(got, "<nil>ERROR pgwireTRACE") {
		t.Errorf("a bad change changed something: %s", got)
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "heliosdb", "streaming.log")
	var out bytes.Buffer
	l, err := New(Options{Level: "info", Format: "pretty", File: name, MaxSizeMB: 1, MaxFiles: 2}, &out)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 1000 {
				l.Info("line", "n", i, "text", strings.Repeat("x", 400))
			}
		})
	}
	wg.Wait()
	l.DumpStacks()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(out.String(), "{") || !strings.Contains(out.String(), "msg=line") {
		t.Error("the stream is not for people")
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	got := lines(t, raw)
	if last := got[len(got)-1]; !strings.Contains(fmt.Sprint(last["stacks"]), "goroutine ") {
		t.Errorf("the last line is %v", last["msg"])
	}
	old, err := filepath.Glob(strings.TrimSuffix(name, ".log") + "-*.log")
	if err != nil || len(old) == 0 || len(old) > 3 { // the oldest is removed in the background
		t.Errorf("rotated into %q (%v)", old, err)
	}
	if st, err := os.Stat(name); err != nil || st.Mode().Perm()&0o007 != 0 {
		t.Errorf("everybody may read %s: %v", name, st.Mode())
	}
	recent := l.Recent()
	if len(recent) > recentBytes || len(lines(t, recent)) < 1000 {
		t.Errorf("%d bytes of recent lines", len(recent))
	}
	if _, err := New(Options{Level: "info", File: filepath.Join(name, "below-a-file")}, &out); err == nil {
		t.Error("a file that cannot be is taken")
	}
}

// TestReopen: a file that somebody renamed or took away is made anew, and
// appended to, when the program is told.
func TestReopen(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "streaming.log")
	l, err := New(Options{Level: "info", Format: "json", File: name, MaxSizeMB: 1, MaxFiles: 2}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	has := func(file, want string) {
		t.Helper()
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range lines(t, raw) {
			got = append(got, fmt.Sprint(m["msg"]))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s has %q, want %q", filepath.Base(file), got, want)
		}
	}
	l.Info("one")
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	l.Info("two")
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	l.Info("three")
	has(name+".1", "one two")
	has(name, "three")
	if err := os.Truncate(name, 0); err != nil { // logrotate's copytruncate
		t.Fatal(err)
	}
	l.Info("four")
	has(name, "four")
	if st, err := os.Stat(name); err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("%v %v", st.Mode(), err)
	}
	if err := l.Reopen(); err != nil { // nothing was renamed
		t.Fatal(err)
	}
	l.Info("five")
	has(name, "four five")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	none, err := New(Options{Level: "info", Format: "json"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(none.Reopen(), none.Close()); err != nil {
		t.Error(err)
	}
}

// TestPlain: a length of time has its unit and an address is one text, in either
// format.
func TestPlain(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{"json": `"took":"1.5s","remote":"127.0.0.1:80"`, "pretty": "took=1.5s remote=127.0.0.1:80"} {
		var out bytes.Buffer
		l, err := New(Options{Level: "info", Format: format}, &out)
		if err != nil {
			t.Fatal(err)
		}
		l.Info("done", "took", 1500*time.Millisecond, "remote", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80})
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: %s", format, out.String())
		}
	}
}
