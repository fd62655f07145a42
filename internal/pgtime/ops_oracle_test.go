package pgtime_test

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/testpg"
)

func randomTS(r *rand.Rand) int64 {
	switch r.Intn(12) {
	case 0:
		return []int64{pgtime.Inf, pgtime.NegInf, 0, -1, -211813488000000000, 9223371331200000000 - 1}[r.Intn(6)]
	case 1:
		return r.Int63n(400*365*pgtime.Day)*20 - 200*365*20*pgtime.Day // thousands of years
	case 2:
		return r.Int63n(40*365) * pgtime.Day
	}
	return r.Int63n(40*365*pgtime.Day) - 10*365*pgtime.Day
}

func randomInterval(r *rand.Rand) pgtime.Interval {
	iv := pgtime.Interval{}
	if r.Intn(2) == 0 {
		iv.Months = int32(r.Intn(60) - 30)
	}
	if r.Intn(2) == 0 {
		iv.Days = int32(r.Intn(200) - 100)
	}
	if r.Intn(2) == 0 {
		iv.Micros = r.Int63n(10*pgtime.Day) - 5*pgtime.Day
	}
	if r.Intn(20) == 0 {
		iv = pgtime.Interval{Months: int32(r.Uint32()), Days: int32(r.Uint32()), Micros: int64(r.Uint64())}
	}
	return iv
}

func tsText(ts int64) string { return string(pgtime.AppendTimestamp(nil, ts)) }

// ivText is a text that reads back exactly, however large the fields.
func ivText(iv pgtime.Interval) string {
	return fmt.Sprintf("%d months %d days %d us", iv.Months, iv.Days, iv.Micros)
}

func check(t *testing.T, o *testpg.Oracle, sql string, in [][]string, f func(i int) (string, error)) {
	t.Helper()
	bad := 0
	for i, a := range o.Ask("SELECT "+sql, in...) {
		got, err := f(i)
		if err != nil {
			got = showErr(err)
		}
		want := showAnswer(a)
		if a.Null {
			want = "NULL"
		}
		if got != want {
			if bad++; bad < 4 {
				t.Errorf("%s of %q: got %s, PostgreSQL %s", sql, in[i], got, want)
			}
		}
	}
	if bad > 0 {
		t.Errorf("%s: %d of %d differ", sql, bad, len(in))
	}
}

func TestArithmeticAgainstPostgres(t *testing.T) {
	t.Parallel()
	o, r := testpg.NewOracle(t), newRand(t)
	loc, err := pgtime.LoadZone("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	o.Exec("SET timezone = 'America/New_York'")
	const n = 1500
	ts, us := make([]int64, n), make([]int64, n)
	iv, jv := make([]pgtime.Interval, n), make([]pgtime.Interval, n)
	fs := make([]float64, n)
	ti, tt, ii, fi := make([][]string, n), make([][]string, n), make([][]string, n), make([][]string, n)
	for i := range n {
		ts[i], us[i], iv[i], jv[i] = randomTS(r), randomTS(r), randomInterval(r), randomInterval(r)
		fs[i] = []float64{0, 1, -1, 0.5, 1.0 / 3, 2.7, -7.25, 1e9, float64(r.Intn(20)), r.NormFloat64()}[r.Intn(10)]
		ti[i] = []string{tsText(ts[i]), ivText(iv[i])}
		tt[i] = []string{tsText(ts[i]), tsText(us[i])}
		ii[i] = []string{ivText(iv[i]), ivText(jv[i])}
		fi[i] = []string{ivText(iv[i]), fmt.Sprint(fs[i])}
	}
	text := func(ts int64, err error) (string, error) { return tsText(ts), err }
	textTZ := func(ts int64, err error) (string, error) {
		return string(pgtime.AppendTimestamptz(nil, ts, loc)), err
	}
	itext := func(iv pgtime.Interval, err error) (string, error) {
		return string(pgtime.AppendInterval(nil, iv)), err
	}
	check(t, o, "$1::timestamp + $2::interval", ti, func(i int) (string, error) { return text(pgtime.Add(ts[i], iv[i])) })
	check(t, o, "($1::text || ' UTC')::timestamptz + $2::interval", bcFree(ti), func(i int) (string, error) {
		if isBC(ts[i]) {
			return "1969-12-31 19:00:00-05", nil
		}
		return textTZ(pgtime.AddTZ(ts[i], iv[i], loc))
	})
	check(t, o, "$1::timestamp - $2::timestamp", tt, func(i int) (string, error) { return itext(pgtime.Diff(ts[i], us[i])) })
	check(t, o, "age($1::timestamp, $2::timestamp)", tt, func(i int) (string, error) { return itext(pgtime.Age(ts[i], us[i])) })
	check(t, o, "$1::interval + $2::interval", ii, func(i int) (string, error) { return itext(iv[i].Plus(jv[i])) })
	check(t, o, "$1::interval - $2::interval", ii, func(i int) (string, error) { return itext(iv[i].Minus(jv[i])) })
	check(t, o, "CASE WHEN $1::interval < $2::interval THEN -1 WHEN $1::interval = $2::interval THEN 0 ELSE 1 END", ii, func(i int) (string, error) { return fmt.Sprint(iv[i].Cmp(jv[i])), nil })
	check(t, o, "$1::interval * $2::float8", fi, func(i int) (string, error) { return itext(iv[i].Times(fs[i])) })
	check(t, o, "$1::interval / $2::float8", fi, func(i int) (string, error) { return itext(iv[i].Over(fs[i])) })
	one := func(in [][]string) [][]string {
		out := make([][]string, len(in))
		for i := range in {
			out[i] = in[i][:1]
		}
		return out
	}
	check(t, o, "justify_hours($1::interval)", one(ii), func(i int) (string, error) { return itext(pgtime.JustifyHours(iv[i])) })
	check(t, o, "justify_days($1::interval)", one(ii), func(i int) (string, error) { return itext(pgtime.JustifyDays(iv[i])) })
	check(t, o, "justify_interval($1::interval)", one(ii), func(i int) (string, error) { return itext(pgtime.JustifyInterval(iv[i])) })
	origin := 3*pgtime.Day + 5
	check(t, o, "date_bin($2::interval, $1::timestamp, '"+tsText(origin)+"')", ti, func(i int) (string, error) { return text(pgtime.Bin(iv[i], ts[i], origin)) })
}

func isBC(ts int64) bool { return pgtime.Finite(ts) && ts < -63082281600*pgtime.Second }

// bcFree replaces rows whose text ends in BC, where a zone cannot follow.
func bcFree(in [][]string) [][]string {
	out := make([][]string, len(in))
	for i, p := range in {
		out[i] = p
		if s := p[0]; len(s) > 2 && s[len(s)-2:] == "BC" {
			out[i] = []string{"epoch", "0"}
		}
		if s := p[0]; s == "infinity" || s == "-infinity" {
			out[i] = []string{s, p[1]}
		}
	}
	return out
}

func TestFieldsAgainstPostgres(t *testing.T) {
	t.Parallel()
	o, r := testpg.NewOracle(t), newRand(t)
	loc, err := pgtime.LoadZone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	o.Exec("SET timezone = 'Europe/Berlin'")
	const n = 400
	ts := make([]int64, n)
	iv := make([]pgtime.Interval, n)
	tin, iin, din, zin := make([][]string, n), make([][]string, n), make([][]string, n), make([][]string, n)
	days := make([]int64, n)
	for i := range n {
		ts[i], iv[i] = randomTS(r), randomInterval(r)
		days[i] = pgtime.TimestampToDate(ts[i])
		tin[i], iin[i] = []string{tsText(ts[i])}, []string{ivText(iv[i])}
		din[i] = []string{string(pgtime.AppendDate(nil, days[i]))}
		zin[i] = []string{string(pgtime.AppendTimestamptz(nil, ts[i], nil))}
	}
	for _, f := range []string{"microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month", "quarter", "year", "decade", "century", "millennium",
		"julian", "epoch", "dow", "isodow", "doy", "isoyear", "timezone", "timezone_hour", "timezone_minute", "bogus", "YEARS", "mons", "now"} {
		ext := func(d num.Decimal, null bool, err error) (string, error) {
			if null {
				return "NULL", err
			}
			return d.String(), err
		}
		check(t, o, "extract("+f+" FROM $1::timestamp)", tin, func(i int) (string, error) { return ext(pgtime.Extract(f, ts[i])) })
		check(t, o, "extract("+f+" FROM $1::timestamptz)", zin, func(i int) (string, error) { return ext(pgtime.ExtractTZ(f, ts[i], loc)) })
		check(t, o, "extract("+f+" FROM $1::date)", din, func(i int) (string, error) { return ext(pgtime.ExtractDate(f, days[i])) })
		check(t, o, "extract("+f+" FROM $1::interval)", iin, func(i int) (string, error) {
			d, err := pgtime.ExtractInterval(f, iv[i])
			return d.String(), err
		})
		check(t, o, "date_trunc('"+f+"', $1::timestamp)", tin, func(i int) (string, error) {
			x, err := pgtime.Trunc(f, ts[i])
			return tsText(x), err
		})
		check(t, o, "date_trunc('"+f+"', $1::timestamptz)", zin, func(i int) (string, error) {
			x, err := pgtime.TruncTZ(f, ts[i], loc)
			return string(pgtime.AppendTimestamptz(nil, x, loc)), err
		})
		check(t, o, "date_trunc('"+f+"', $1::interval)", iin, func(i int) (string, error) {
			x, err := pgtime.TruncInterval(f, iv[i])
			return string(pgtime.AppendInterval(nil, x)), err
		})
	}
}
