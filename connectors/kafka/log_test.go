package kafka

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestLibraryLog(t *testing.T) {
	t.Parallel()
	for level, want := range map[slog.Level]kgo.LogLevel{
		slog.LevelInfo: kgo.LogLevelNone, slog.LevelDebug: kgo.LogLevelInfo, levelTrace: kgo.LogLevelDebug,
	} {
		var out bytes.Buffer
		l := libraryLog{slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level}))}
		if got := l.Level(); got != want {
			t.Errorf("at %v: %v, want %v", level, got, want)
		}
		l.Log(kgo.LogLevelInfo, "said", "addr", "b:1")
		if heard := strings.Contains(out.String(), "addr=b:1"); heard != (level <= slog.LevelDebug) {
			t.Errorf("at %v: %q", level, out.String())
		}
	}
	if got := (libraryLog{}).Level(); got != kgo.LogLevelNone {
		t.Errorf("nobody listens at %v", got)
	}
}
