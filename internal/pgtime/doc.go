// Package pgtime is PostgreSQL's date, timestamp, timestamptz and interval:
// text in and out, arithmetic, truncation, extraction, to_char, to_timestamp.
//
// A date is days since 2000-01-01, a timestamp microseconds since 2000-01-01
// 00:00 (UTC for timestamptz), both int64; infinities are the int32 and int64
// extremes. Meaning, limits, SQLSTATEs and texts are those of PostgreSQL 15
// (src/backend/utils/adt/{datetime,date,timestamp,formatting}.c specify them).
package pgtime
