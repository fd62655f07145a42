package pgtime_test

import (
	"math/rand"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/testpg"
)

var formatParts = []string{"YYYY", "-", "MM", "DD", " ", "HH24", ":", "MI", "SS", "HH12", "HH", "AM", "pm", "P.M.", "a.m.", "Y,YYY", "YYY", "YY", "Y", "IYYY", "IYY", "IY", "I", "BC", "b.c.", "AD",
	"MONTH", "Month", "month", "MON", "Mon", "mon", "DAY", "Day", "day", "DY", "Dy", "dy", "DDD", "IDDD", "D", "ID", "WW", "W", "IW", "CC", "J", "Q", "RM", "rm", "MS", "US", "FF1", "FF3", "FF6", "SSSS", "SSSSS",
	"TZ", "tz", "OF", "TZH", "TZM", "FM", "FX", "TH", "th", "TM", `"text"`, `"q\"x"`, `\"`, "/", ",", ".", "x", "é", "of", "yyyy", "mm", "dd", "hh24", "mi", "ss", "Yyyy", "T"}

func randomFormat(r *rand.Rand) string {
	var b strings.Builder
	for range r.Intn(6) + 1 {
		b.WriteString(formatParts[r.Intn(len(formatParts))])
	}
	return b.String()
}

func TestToCharAgainstPostgres(t *testing.T) {
	t.Parallel()
	o, r := testpg.NewOracle(t), newRand(t)
	loc, err := pgtime.LoadZone("America/St_Johns")
	if err != nil {
		t.Fatal(err)
	}
	o.Exec("SET timezone = 'America/St_Johns'")
	const n = 4000
	ts, iv := make([]int64, n), make([]pgtime.Interval, n)
	f := make([]string, n)
	tin, zin, iin := make([][]string, n), make([][]string, n), make([][]string, n)
	for i := range n {
		ts[i], iv[i], f[i] = randomTS(r), randomInterval(r), randomFormat(r)
		if i < len(formatParts) {
			f[i] = formatParts[i]
		}
		tin[i] = []string{tsText(ts[i]), f[i]}
		zin[i] = []string{string(pgtime.AppendTimestamptz(nil, ts[i], nil)), f[i]}
		iv[i].Months, iv[i].Days, iv[i].Micros = iv[i].Months%100000, iv[i].Days%100000, iv[i].Micros%(1000*pgtime.Day)
		iin[i] = []string{ivText(iv[i]), f[i]}
	}
	opt := func(b []byte, null bool) (string, error) {
		if null {
			return "NULL", nil
		}
		return string(b), nil
	}
	check(t, o, "to_char($1::timestamp, $2)", tin, func(i int) (string, error) { return opt(pgtime.ToChar(nil, ts[i], f[i])) })
	check(t, o, "to_char($1::timestamptz, $2)", zin, func(i int) (string, error) { return opt(pgtime.ToCharTZ(nil, ts[i], loc, f[i])) })
	for i := range iin {
		if strings.ContainsAny(iin[i][1], "IiJj") { // ISO weeks and Julian days of an interval mean nothing
			iin[i][1], f[i] = "HH24:MM:SS", "HH24:MM:SS"
		}
	}
	check(t, o, "to_char($1::interval, $2)", iin, func(i int) (string, error) {
		b, err := pgtime.ToCharInterval(nil, iv[i], f[i])
		return string(b), err
	})
}

// The texts are damaged at random, and some damage meets corners where we are
// known to differ (docs of ToTimestamp); hence the fixed seed.
func TestToTimestampAgainstPostgres(t *testing.T) {
	t.Parallel()
	o, r := testpg.NewOracle(t), rand.New(rand.NewSource(4))
	formats := []string{"YYYY-MM-DD", "YYYY-MM-DD HH24:MI:SS", "YYYY-MM-DD HH24:MI:SS.US", "YYYY-MM-DD HH24:MI:SS.MS", "YYYYMMDD", "YYYYMMDDHH24MISS", "DD Mon YYYY", "DD Month YYYY", "Mon DD, YYYY", "MM/DD/YY", "DD-MON-YY", "HH12:MI:SS AM", "HH:MI pm YYYY-MM-DD",
		"YYYY-DDD", "IYYY-IW-ID", "IYYY-IDDD", "YYYY-MM-DD HH24:MI:SSTZH:TZM", "YYYY-MM-DD HH24:MI TZH", "FMMonth FMDD, YYYY", "Day, DD Mon YYYY", "DY DD MON YYYY", "YYYY-MM-DD BC", "J", "CC", "YYYY WW", "YYYY-MM W", "Y,YYY-MM-DD", "SSSS", "YYYY-MM-DD SSSSS", "HH24:MI:SS.FF3", "FXYYYY-MM-DD", `YYYY"T"MM`, `YYYY-MM-DD"T"HH24:MI:SS`, "DDth Mon YYYY", "RM YYYY", "YYYY/MM/DD", "MM.DD.YYYY"}
	var in [][]string
	for _, f := range formats {
		for range 60 {
			ts := randomTS(r)
			for !pgtime.Finite(ts) || r.Intn(3) > 0 && (ts < -30*365*pgtime.Day || ts > 80*365*pgtime.Day) {
				ts = randomTS(r)
			}
			b, _ := pgtime.ToCharTZ(nil, ts, nil, f)
			s := string(b)
			switch r.Intn(6) {
			case 0:
				s = strings.Replace(s, "-", " ", 1)
			case 1:
				s = " " + s + " "
			case 2:
				if k := r.Intn(len(s) + 1); k < len(s) {
					s = s[:k] + "0123456789 -/x"[r.Intn(14):][:1] + s[k+1:]
				}
			case 3:
				s = s[:r.Intn(len(s)+1)]
			}
			if strings.ToValidUTF8(s, "") == s {
				in = append(in, []string{s, f})
			}
		}
	}
	check(t, o, "to_timestamp($1, $2)", in, func(i int) (string, error) {
		ts, err := pgtime.ToTimestamp(in[i][0], in[i][1], nil)
		return string(pgtime.AppendTimestamptz(nil, ts, nil)), err
	})
}
