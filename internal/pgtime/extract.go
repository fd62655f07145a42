package pgtime

import (
	"math"
	"math/big"
	"math/bits"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/num"
)

// extracted is a field's value before it becomes numeric or double: micros
// over 10^scale, or an infinity, or NULL.
type extracted struct {
	val   int64
	scale int
	inf   int // ±1
	null  bool
	big   *big.Int // instead of val when it does not fit
}

func (x extracted) decimal() (num.Decimal, bool) {
	switch {
	case x.null:
		return num.Zero, true
	case x.inf > 0:
		return num.PosInf, false
	case x.inf < 0:
		return num.NegInf, false
	case x.big != nil:
		d, err := num.Parse(x.big.Append(nil, 10))
		if err == nil {
			var m num.Decimal
			if m, err = d.Mul(num.FromUnscaled(1, x.scale)); err == nil {
				return m, false
			}
		}
		return num.NaN, false
	}
	return num.FromUnscaled(x.val, x.scale), false
}

func (x extracted) float() (float64, bool) {
	switch {
	case x.null:
		return 0, true
	case x.inf != 0:
		return math.Inf(x.inf), false
	case x.big != nil:
		f, _ := new(big.Float).SetInt(x.big).Float64()
		return f / math.Pow10(x.scale), false
	}
	return float64(x.val) / math.Pow10(x.scale), false
}

// Extract is EXTRACT(field FROM timestamp) as numeric; null for a field that an
// infinite timestamp does not have.
func Extract(field string, ts int64) (d num.Decimal, null bool, err error) {
	x, err := extractTS(field, ts, 0, nameTS)
	d, null = x.decimal()
	return d, null, err
}

// ExtractTZ is EXTRACT(field FROM timestamptz) in loc.
func ExtractTZ(field string, ts int64, loc *time.Location) (d num.Decimal, null bool, err error) {
	x, err := extractTS(field, ts, tzOffset(ts, loc), nameTZ)
	d, null = x.decimal()
	return d, null, err
}

// ExtractDate is EXTRACT(field FROM date).
func ExtractDate(field string, days int64) (d num.Decimal, null bool, err error) {
	x, err := extractDate(field, days)
	d, null = x.decimal()
	return d, null, err
}

// ExtractInterval is EXTRACT(field FROM interval).
func ExtractInterval(field string, iv Interval) (num.Decimal, error) {
	x, err := extractInterval(field, iv)
	d, _ := x.decimal()
	return d, err
}

// Part, PartTZ, PartDate and PartInterval are date_part(), the same values as
// double precision.
func Part(field string, ts int64) (f float64, null bool, err error) {
	x, err := extractTS(field, ts, 0, nameTS)
	f, null = x.float()
	return f, null, err
}

// PartTZ is date_part(field, timestamptz).
func PartTZ(field string, ts int64, loc *time.Location) (f float64, null bool, err error) {
	x, err := extractTS(field, ts, tzOffset(ts, loc), nameTZ)
	f, null = x.float()
	return f, null, err
}

// PartDate is date_part(field, date), which works on the date's midnight.
func PartDate(field string, days int64) (f float64, null bool, err error) {
	ts, err := DateToTimestamp(days)
	if err != nil {
		return 0, false, err
	}
	return Part(field, ts)
}

// PartInterval is date_part(field, interval).
func PartInterval(field string, iv Interval) (float64, error) {
	x, err := extractInterval(field, iv)
	f, _ := x.float()
	return f, err
}

func tzOffset(ts int64, loc *time.Location) int {
	if !Finite(ts) {
		return 0
	}
	return Offset(ts, loc)
}

func whole(x int64) extracted { return extracted{val: x} }

// extractTS takes a field of the wall clock reading ts+off; typ says whether
// zone fields exist.
func extractTS(field string, ts int64, off int, typ string) (extracted, error) {
	u := unitOf(field)
	if u == uInvalid || u == uNone {
		return extracted{}, badUnit(field, typ)
	}
	if !Finite(ts) {
		return extractInfinite(field, u, ts > 0, typ)
	}
	local := ts + int64(off)*Second
	days, us := split(local)
	switch u {
	case uTimezone, uTimezoneHour, uTimezoneMinute:
		if typ != nameTZ {
			break
		}
		switch u {
		case uTimezone:
			return whole(int64(off)), nil
		case uTimezoneHour:
			return whole(int64(off / 3600)), nil
		}
		return whole(int64(off / 60 % 60)), nil
	case uMicro:
		return whole(us % Minute), nil
	case uMilli:
		return extracted{val: us % Minute, scale: 3}, nil
	case uSecond:
		return extracted{val: us % Minute, scale: 6}, nil
	case uMinute:
		return whole(us / Minute % 60), nil
	case uHour:
		return whole(us / Hour), nil
	case uEpoch:
		return epochOf(ts), nil
	case uJulian:
		return julianOf(days, us), nil
	}
	if x, fine := calendarField(u, days); fine {
		return x, nil
	}
	return extracted{}, unsupportedUnit(field, typ)
}

func epochOf(ts int64) extracted {
	e, fine := add64(ts, unixMicros)
	if !fine {
		// PostgreSQL divides here, with the few decimals a quotient of such size has.
		b, err := num.FromInt64(ts).Add(num.FromInt64(unixMicros))
		if err == nil {
			b, err = b.Div(num.FromInt64(Second))
		}
		if err == nil {
			b, err = b.Round(6)
		}
		if err == nil {
			return extracted{big: b.BigInt(), scale: b.Scale()}
		}
	}
	return extracted{val: e, scale: 6}
}

// julianOf is the Julian day with the day's fraction, which is a numeric
// quotient (its digits depend on the division).
func julianOf(days, us int64) extracted {
	q, err := num.FromInt64(us).Div(num.FromInt64(Day))
	if err == nil {
		if s, err := q.Add(num.FromInt64(days + julianEpoch)); err == nil {
			return extracted{big: s.BigInt(), scale: s.Scale()}
		}
	}
	return whole(days + julianEpoch)
}

// calendarField is a field that depends on the date alone.
func calendarField(u int, days int64) (extracted, bool) {
	y, m, d := CivilOf(days)
	switch u {
	case uDay:
		return whole(int64(d)), true
	case uMonth:
		return whole(int64(m)), true
	case uQuarter:
		return whole(int64((m-1)/3 + 1)), true
	case uWeek:
		_, w := ISOWeek(days)
		return whole(int64(w)), true
	case uYear:
		if y <= 0 {
			y-- // there is no year 0
		}
		return whole(int64(y)), true
	case uDecade:
		return whole(floorDiv(int64(y), 10)), true
	case uCentury:
		return whole(eraNumber(y, 100)), true
	case uMillennium:
		return whole(eraNumber(y, 1000)), true
	case uISOYear:
		iy, _ := ISOWeek(days)
		if iy <= 0 {
			iy--
		}
		return whole(int64(iy)), true
	case uDow:
		return whole(int64(weekday(days))), true
	case uISODow:
		return whole(int64((weekday(days)+6)%7 + 1)), true
	case uDoy:
		return whole(days - DaysOf(y, 1, 1) + 1), true
	}
	return extracted{}, false
}

func eraNumber(y, n int) int64 {
	if y > 0 {
		return int64((y + n - 1) / n)
	}
	return -int64((n - 1 - (y - 1)) / n)
}

// ISOWeek is the ISO 8601 year (0 is 1 BC) and week of a date.
func ISOWeek(days int64) (year, week int) {
	thursday := days - mod(days+5, 7) + 3 // of the same week; Monday is 0
	year, _, _ = CivilOf(thursday)
	return year, int(thursday-DaysOf(year, 1, 1))/7 + 1
}

// extractInfinite: fields that grow without limit are infinite, others NULL.
func extractInfinite(field string, u int, pos bool, typ string) (extracted, error) {
	switch u {
	case uYear, uDecade, uCentury, uMillennium, uJulian, uISOYear, uEpoch:
		if pos {
			return extracted{inf: 1}, nil
		}
		return extracted{inf: -1}, nil
	case uMicro, uMilli, uSecond, uMinute, uHour, uDay, uMonth, uQuarter, uWeek, uDow, uISODow, uDoy:
		return extracted{null: true}, nil
	case uTimezone, uTimezoneHour, uTimezoneMinute:
		return extracted{null: true}, nil
	}
	return extracted{}, unsupportedUnit(field, typ)
}

func extractDate(field string, days int64) (extracted, error) {
	u := unitOf(field)
	if u == uInvalid || u == uNone {
		return extracted{}, badUnit(field, nameDate)
	}
	if !FiniteDate(days) && (u >= uDay && u <= uMillennium || u == uDow || u == uDoy || u == uISODow || u == uISOYear || u == uEpoch || u == uJulian) {
		return extractInfinite(field, u, days > 0, nameDate)
	}
	switch u {
	case uEpoch:
		return whole((days + unixDays) * 86400), nil
	case uJulian:
		return whole(days + julianEpoch), nil
	}
	if x, fine := calendarField(u, days); fine {
		return x, nil
	}
	return extracted{}, unsupportedUnit(field, nameDate)
}

func extractInterval(field string, iv Interval) (extracted, error) {
	u := unitOf(field)
	if u == uInvalid || u == uNone || u == uReserved {
		return extracted{}, badUnit(field, nameInterval)
	}
	years, months := int64(iv.Months/12), int64(iv.Months%12)
	switch u {
	case uMicro:
		return whole(iv.Micros % Minute), nil
	case uMilli:
		return extracted{val: iv.Micros % Minute, scale: 3}, nil
	case uSecond:
		return extracted{val: iv.Micros % Minute, scale: 6}, nil
	case uMinute:
		return whole(iv.Micros / Minute % 60), nil
	case uHour:
		return whole(iv.Micros / Hour), nil
	case uDay:
		return whole(int64(iv.Days)), nil
	case uMonth:
		return whole(months), nil
	case uQuarter:
		return whole(months/3 + 1), nil
	case uYear:
		return whole(years), nil
	case uDecade:
		return whole(years / 10), nil
	case uCentury:
		return whole(years / 100), nil
	case uMillennium:
		return whole(years / 1000), nil
	case uEpoch:
		return intervalEpoch(iv), nil
	}
	return extracted{}, unsupportedUnit(field, nameInterval)
}

// intervalEpoch counts a year as 365.25 days and a month as 30.
func intervalEpoch(iv Interval) extracted {
	quarterDays := int64(iv.Months/12)*1461 + int64(iv.Months%12)*120 + int64(iv.Days)*4
	hi, lo := bits.Mul64(uint64(max(quarterDays, -quarterDays)), uint64(Day/4))
	b := new(big.Int).SetUint64(hi)
	b.Lsh(b, 64).Or(b, new(big.Int).SetUint64(lo))
	if quarterDays < 0 {
		b.Neg(b)
	}
	b.Add(b, big.NewInt(iv.Micros))
	if b.IsInt64() {
		return extracted{val: b.Int64(), scale: 6}
	}
	return extracted{big: b, scale: 6}
}
