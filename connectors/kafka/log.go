package kafka

import (
	"context"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kgo"
)

// libraryLog is the client library's log in ours. All of it is for diagnosis:
// what matters to people is the reader's status, in SHOW JOBS.
type libraryLog struct{ to *slog.Logger }

// levelTrace is below debug, as package logging has it.
const levelTrace = slog.LevelDebug - 4

var libraryLevels = map[kgo.LogLevel]slog.Level{
	kgo.LogLevelError: slog.LevelDebug, kgo.LogLevelWarn: slog.LevelDebug, kgo.LogLevelInfo: slog.LevelDebug, kgo.LogLevelDebug: levelTrace,
}

// Level implements kgo.Logger.
func (l libraryLog) Level() kgo.LogLevel {
	ctx := context.Background()
	switch {
	case l.to == nil:
		return kgo.LogLevelNone
	case l.to.Enabled(ctx, levelTrace):
		return kgo.LogLevelDebug
	case l.to.Enabled(ctx, slog.LevelDebug):
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelNone
}

// Log implements kgo.Logger.
func (l libraryLog) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	l.to.Log(context.Background(), libraryLevels[level], "client library: "+msg, keyvals...)
}
