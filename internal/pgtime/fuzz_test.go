package pgtime_test

import (
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
)

// No text and no pattern panics, and what is accepted prints and reads back.
func FuzzText(f *testing.F) {
	for _, s := range []string{"2024-01-05 10:11:12.5+02", "Jan 5 2024 BC", "J2451545", "infinity", "1 day -02:03", "P1Y2M3DT4H5M6S", "@ 1 week ago"} {
		f.Add(s, "YYYY-MM-DD HH24:MI:SS.US TZH", int64(0))
		f.Add(s, `Y,YYY FMMonth DDth "x" RM CC J`, int64(1)<<60)
	}
	f.Fuzz(func(t *testing.T, s, format string, x int64) {
		e := &pgtime.Env{TZ: time.UTC, Now: 1}
		if ts, err := pgtime.ParseTimestamptz([]byte(s), e); err == nil {
			text := pgtime.AppendTimestamptz(nil, ts, nil)
			if back, err := pgtime.ParseTimestamptz(text, e); err != nil || back != ts {
				t.Fatalf("%q is %s, which reads as %d, %v", s, text, back, err)
			}
		}
		if iv, err := pgtime.ParseInterval([]byte(s), -1); err == nil {
			text := pgtime.AppendInterval(nil, iv)
			if back, err := pgtime.ParseInterval(text, -1); err == nil && back != iv {
				t.Fatalf("%q is %s, which reads as %v", s, text, back)
			}
		}
		_, _ = pgtime.ParseDate([]byte(s), e)
		_, _ = pgtime.ToTimestamp(s, format, nil)
		_, _ = pgtime.ToDate(s, format)
		if pgtime.CheckTimestamp(x) == nil {
			pgtime.ToChar(nil, x, format)
			pgtime.ToCharTZ(nil, x, nil, format)
		}
		_, _ = pgtime.ToCharInterval(nil, pgtime.Interval{Months: int32(x), Days: int32(x >> 20), Micros: x}, format)
	})
}

func BenchmarkMinuteCache(b *testing.B) {
	var c pgtime.MinuteCache
	s := []byte("2024-01-05T10:11:12.123Z")
	for b.Loop() {
		if _, _, ok := c.Parse(s); !ok {
			b.Fatal("not parsed")
		}
	}
}

func BenchmarkFastTimestamp(b *testing.B) {
	s := []byte("2024-01-05 10:11:12.123456")
	for b.Loop() {
		if _, _, ok := pgtime.FastTimestamp(s); !ok {
			b.Fatal("not parsed")
		}
	}
}

func BenchmarkTrunc(b *testing.B) {
	for b.Loop() {
		if _, err := pgtime.Trunc("minute", 8e14); err != nil {
			b.Fatal(err)
		}
	}
}
