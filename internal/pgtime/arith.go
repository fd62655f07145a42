package pgtime

import (
	"math"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// addMonths moves a date by months, keeping the day where the month has it.
func addMonths(days int64, months int32) int64 {
	y, m, d := CivilOf(days)
	n := int64(y)*12 + int64(m) - 1 + int64(months)
	y, m = int(floorDiv(n, 12)), int(mod(n, 12))+1
	return DaysOf(y, m, min(d, monthDays(y, m)))
}

func add64(a, b int64) (int64, bool) {
	c := a + b
	return c, (c > a) == (b > 0) || b == 0
}

// Add is timestamp + interval: months first (clipped to the month's end), then
// days, then time. Infinities stay. 22008 out of range.
func Add(ts int64, iv Interval) (int64, error) { return AddTZ(ts, iv, nil) }

// AddTZ is timestamptz + interval: months and days move the wall clock of loc,
// time moves the instant.
func AddTZ(ts int64, iv Interval, loc *time.Location) (int64, error) {
	if !Finite(ts) {
		return ts, nil
	}
	if iv.Months != 0 {
		days, us := split(ToLocal(ts, loc))
		days = addMonths(days, iv.Months)
		var err error
		if ts, err = fromLocal(days, us, loc); err != nil {
			return 0, err
		}
	}
	if iv.Days != 0 {
		days, us := split(ToLocal(ts, loc))
		var err error
		if ts, err = fromLocal(days+int64(iv.Days), us, loc); err != nil {
			return 0, err
		}
	}
	ts, fine := add64(ts, iv.Micros)
	if !fine || !validTS(ts) {
		return 0, errTS()
	}
	return ts, nil
}

// fromLocal is the instant of a wall clock reading, if it is a timestamp.
func fromLocal(days, us int64, loc *time.Location) (int64, error) {
	if days < minTS/Day-1 || days > endTS/Day {
		return 0, errTS()
	}
	return ToUTC(days*Day+us, loc)
}

// Sub and SubTZ subtract an interval.
func Sub(ts int64, iv Interval) (int64, error) { return Add(ts, iv.Neg()) }

// SubTZ is timestamptz - interval.
func SubTZ(ts int64, iv Interval, loc *time.Location) (int64, error) { return AddTZ(ts, iv.Neg(), loc) }

// Diff is a - b as days and time. 22008 for infinities.
func Diff(a, b int64) (Interval, error) {
	if !Finite(a) || !Finite(b) {
		return Interval{}, pgerr.New(pgerr.DatetimeFieldOverflow, "cannot subtract infinite timestamps")
	}
	// Beyond 292,000 years the difference wraps around, as in PostgreSQL 15.
	return JustifyHours(Interval{Micros: a - b})
}

// AddDays is date + integer. 22008 out of range.
func AddDays(d int64, n int64) (int64, error) {
	if !FiniteDate(d) {
		return d, nil
	}
	if d += n; !validDate(d) {
		return 0, errDate()
	}
	return d, nil
}

// SubDates is date - date in days. 22008 for infinities.
func SubDates(a, b int64) (int64, error) {
	if !FiniteDate(a) || !FiniteDate(b) {
		return 0, pgerr.New(pgerr.DatetimeFieldOverflow, "cannot subtract infinite dates")
	}
	return a - b, nil
}

// Neg is -iv. Fields at their minimum wrap; use NegChecked for SQL's operator.
func (iv Interval) Neg() Interval { return Interval{-iv.Months, -iv.Days, -iv.Micros} }

// NegChecked is -iv or 22008.
func (iv Interval) NegChecked() (Interval, error) {
	if iv.Months == math.MinInt32 || iv.Days == math.MinInt32 || iv.Micros == math.MinInt64 {
		return iv, errInterval()
	}
	return iv.Neg(), nil
}

func add32(a, b int32) (int32, bool) {
	c := int64(a) + int64(b)
	return int32(c), c == int64(int32(c))
}

// Plus is iv + o, or 22008.
func (iv Interval) Plus(o Interval) (Interval, error) {
	m, f1 := add32(iv.Months, o.Months)
	d, f2 := add32(iv.Days, o.Days)
	us, f3 := add64(iv.Micros, o.Micros)
	if !f1 || !f2 || !f3 {
		return iv, errInterval()
	}
	return Interval{m, d, us}, nil
}

// Minus is iv - o, or 22008.
func (iv Interval) Minus(o Interval) (Interval, error) {
	n, err := o.NegChecked()
	if err != nil {
		return iv, err
	}
	return iv.Plus(n)
}

// round6 rounds to microseconds, as TSROUND does.
func round6(f float64) float64 { return math.RoundToEven(f*1e6) / 1e6 }

// Times is iv × f: fractions of months become days, of days become time.
func (iv Interval) Times(f float64) (Interval, error) {
	return iv.scaled(func(x float64) float64 { return x * f })
}

// Over is iv ÷ f; 22012 for 0.
func (iv Interval) Over(f float64) (Interval, error) {
	if f == 0 {
		return iv, pgerr.New(pgerr.DivisionByZero, "division by zero")
	}
	return iv.scaled(func(x float64) float64 { return x / f })
}

func (iv Interval) scaled(f func(float64) float64) (Interval, error) {
	months, days := f(float64(iv.Months)), f(float64(iv.Days))
	if !fits32(months) || !fits32(days) {
		return iv, errInterval()
	}
	r := Interval{Months: int32(months), Days: int32(days)}
	monthRest := round6((months - float64(r.Months)) * 30)
	secRest := round6((days - float64(r.Days) + monthRest - float64(int64(monthRest))) * 86400)
	if math.Abs(secRest) >= 86400 {
		r.Days += int32(secRest / 86400)
		secRest -= float64(int(secRest/86400) * 86400)
	}
	var fine bool
	if r.Days, fine = add32(r.Days, int32(monthRest)); !fine {
		return iv, errInterval()
	}
	us := math.RoundToEven(f(float64(iv.Micros)) + secRest*1e6)
	if math.IsNaN(us) || us < math.MinInt64 || us >= math.MaxInt64 {
		return iv, errInterval()
	}
	r.Micros = int64(us)
	return r, nil
}

func fits32(f float64) bool { return f >= math.MinInt32 && f < math.MaxInt32+1 }

// JustifyHours moves whole 24-hour periods to days.
func JustifyHours(iv Interval) (Interval, error) {
	n := iv.Micros / Day
	us := iv.Micros - n*Day
	d := int64(iv.Days) + n
	if d > 0 && us < 0 {
		us, d = us+Day, d-1
	} else if d < 0 && us > 0 {
		us, d = us-Day, d+1
	}
	if d != int64(int32(d)) {
		return iv, errInterval()
	}
	return Interval{iv.Months, int32(d), us}, nil
}

// JustifyDays moves whole 30-day periods to months.
func JustifyDays(iv Interval) (Interval, error) {
	n := iv.Days / 30
	d := iv.Days - n*30
	m := int64(iv.Months) + int64(n)
	if m > 0 && d < 0 {
		d, m = d+30, m-1
	} else if m < 0 && d > 0 {
		d, m = d-30, m+1
	}
	if m != int64(int32(m)) {
		return iv, errInterval()
	}
	return Interval{int32(m), d, iv.Micros}, nil
}

// JustifyInterval does both and gives all fields one sign.
func JustifyInterval(iv Interval) (Interval, error) {
	m, d, us := int64(iv.Months), int64(iv.Days), iv.Micros
	if d > 0 && us > 0 || d < 0 && us < 0 {
		n := d / 30
		m, d = m+n, d-n*30
	}
	n := us / Day
	d, us = d+n, us-n*Day
	n = d / 30
	m, d = m+n, d-n*30
	if m > 0 && (d < 0 || d == 0 && us < 0) {
		d, m = d+30, m-1
	} else if m < 0 && (d > 0 || d == 0 && us > 0) {
		d, m = d-30, m+1
	}
	if d > 0 && us < 0 {
		us, d = us+Day, d-1
	} else if d < 0 && us > 0 {
		us, d = us-Day, d+1
	}
	if m != int64(int32(m)) || d != int64(int32(d)) {
		return iv, errInterval()
	}
	return Interval{int32(m), int32(d), us}, nil
}

// Age is age(a, b) of wall clock readings: years, months and days counted on
// the calendar. 22008 for -infinity; infinity counts as its number, as in
// PostgreSQL 15.
func Age(a, b int64) (Interval, error) {
	if a == NegInf || b == NegInf {
		return Interval{}, errTS()
	}
	neg := a < b
	da, ua := split(a)
	db, ub := split(b)
	y1, m1, d1 := CivilOf(da)
	y2, m2, d2 := CivilOf(db)
	y, m, d, us := y1-y2, m1-m2, d1-d2, ua-ub
	if neg {
		y, m, d, us = -y, -m, -d, -us
	}
	if us < 0 {
		us += Day
		d--
	}
	for d < 0 {
		// The days of the month that the earlier reading is in.
		if neg {
			d += monthDays(y1, m1)
		} else {
			d += monthDays(y2, m2)
		}
		m--
	}
	for m < 0 {
		m += 12
		y--
	}
	iv := Interval{int32(y*12 + m), int32(d), us}
	if neg {
		iv = iv.Neg()
	}
	return iv, nil
}

// AgeTZ is age of instants, by the wall clock of loc.
func AgeTZ(a, b int64, loc *time.Location) (Interval, error) {
	return Age(ToLocal(a, loc), ToLocal(b, loc))
}
