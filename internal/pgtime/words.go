package pgtime

type wordKind uint8

const (
	wUnknown wordKind = iota
	wIgnore
	wReserved
	wMonth
	wWeekday
	wAmPm
	wEra
	wDSTMod
	wUnit
	wISOTime
	wZone
	wDaylightZone
	wNamedZone
	wAgo
)

// Values of reserved words.
const (
	rNow = iota
	rToday
	rTomorrow
	rYesterday
	rZulu
	rEpoch
	rLate
	rEarly
)

type word struct {
	kind wordKind
	val  int
}

// dateWords are the words of dates and times.
var dateWords = map[string]word{
	"infinity": {wReserved, rLate}, "-infinity": {wReserved, rEarly}, "epoch": {wReserved, rEpoch},
	"now": {wReserved, rNow}, "today": {wReserved, rToday}, "tomorrow": {wReserved, rTomorrow},
	"yesterday": {wReserved, rYesterday}, "allballs": {wReserved, rZulu},
	"ad": {wEra, 0}, "bc": {wEra, 1}, "am": {wAmPm, 1}, "pm": {wAmPm, 2},
	"at": {wIgnore, 0}, "on": {wIgnore, 0}, "dst": {wDSTMod, 3600}, "t": {wISOTime, uISOTime},
	"jan": {wMonth, 1}, "january": {wMonth, 1}, "feb": {wMonth, 2}, "february": {wMonth, 2},
	"mar": {wMonth, 3}, "march": {wMonth, 3}, "apr": {wMonth, 4}, "april": {wMonth, 4},
	"may": {wMonth, 5}, "jun": {wMonth, 6}, "june": {wMonth, 6}, "jul": {wMonth, 7}, "july": {wMonth, 7},
	"aug": {wMonth, 8}, "august": {wMonth, 8}, "sep": {wMonth, 9}, "sept": {wMonth, 9}, "september": {wMonth, 9},
	"oct": {wMonth, 10}, "october": {wMonth, 10}, "nov": {wMonth, 11}, "november": {wMonth, 11},
	"dec": {wMonth, 12}, "december": {wMonth, 12},
	"sun": {wWeekday, 0}, "sunday": {wWeekday, 0}, "mon": {wWeekday, 1}, "monday": {wWeekday, 1},
	"tue": {wWeekday, 2}, "tues": {wWeekday, 2}, "tuesday": {wWeekday, 2},
	"wed": {wWeekday, 3}, "weds": {wWeekday, 3}, "wednesday": {wWeekday, 3},
	"thu": {wWeekday, 4}, "thur": {wWeekday, 4}, "thurs": {wWeekday, 4}, "thursday": {wWeekday, 4},
	"fri": {wWeekday, 5}, "friday": {wWeekday, 5}, "sat": {wWeekday, 6}, "saturday": {wWeekday, 6},
	"j": {wUnit, uJulian}, "jd": {wUnit, uJulian}, "julian": {wUnit, uJulian},
	"d": {wUnit, uDay}, "dow": {wUnit, uDow}, "doy": {wUnit, uDoy}, "h": {wUnit, uHour}, "isodow": {wUnit, uISODow},
	"isoyear": {wUnit, uISOYear}, "m": {wUnit, uMonth}, "s": {wUnit, uSecond}, "y": {wUnit, uYear},
}

// Units, of labels in dates, of intervals, of extract and date_trunc.
const (
	uNone = iota
	uMicro
	uMilli
	uSecond
	uMinute
	uHour
	uDay
	uWeek
	uMonth
	uQuarter
	uYear
	uDecade
	uCentury
	uMillennium
	uJulian
	uISOTime
	uDow
	uDoy
	uISODow
	uISOYear
	uEpoch
	uTimezone
	uTimezoneHour
	uTimezoneMinute
	uReserved // a word like now, which names no field but is known
	uInvalid
)

// unitWords are the words of intervals and of the field argument of extract and
// date_trunc.
var unitWords = map[string]word{
	"ago": {wAgo, 0},
	"us":  {wUnit, uMicro}, "usec": {wUnit, uMicro}, "usecs": {wUnit, uMicro}, "usecond": {wUnit, uMicro}, "useconds": {wUnit, uMicro}, "microsecon": {wUnit, uMicro},
	"ms": {wUnit, uMilli}, "msec": {wUnit, uMilli}, "msecs": {wUnit, uMilli}, "msecond": {wUnit, uMilli}, "mseconds": {wUnit, uMilli}, "millisecon": {wUnit, uMilli},
	"s": {wUnit, uSecond}, "sec": {wUnit, uSecond}, "secs": {wUnit, uSecond}, "second": {wUnit, uSecond}, "seconds": {wUnit, uSecond},
	"m": {wUnit, uMinute}, "min": {wUnit, uMinute}, "mins": {wUnit, uMinute}, "minute": {wUnit, uMinute}, "minutes": {wUnit, uMinute},
	"h": {wUnit, uHour}, "hr": {wUnit, uHour}, "hrs": {wUnit, uHour}, "hour": {wUnit, uHour}, "hours": {wUnit, uHour},
	"d": {wUnit, uDay}, "day": {wUnit, uDay}, "days": {wUnit, uDay},
	"w": {wUnit, uWeek}, "week": {wUnit, uWeek}, "weeks": {wUnit, uWeek},
	"mon": {wUnit, uMonth}, "mons": {wUnit, uMonth}, "month": {wUnit, uMonth}, "months": {wUnit, uMonth},
	"qtr": {wUnit, uQuarter}, "quarter": {wUnit, uQuarter},
	"y": {wUnit, uYear}, "yr": {wUnit, uYear}, "yrs": {wUnit, uYear}, "year": {wUnit, uYear}, "years": {wUnit, uYear},
	"dec": {wUnit, uDecade}, "decs": {wUnit, uDecade}, "decade": {wUnit, uDecade}, "decades": {wUnit, uDecade},
	"c": {wUnit, uCentury}, "cent": {wUnit, uCentury}, "century": {wUnit, uCentury}, "centuries": {wUnit, uCentury},
	"mil": {wUnit, uMillennium}, "mils": {wUnit, uMillennium}, "millennium": {wUnit, uMillennium}, "millennia": {wUnit, uMillennium},
	"timezone": {wUnit, uTimezone}, "timezone_h": {wUnit, uTimezoneHour}, "timezone_m": {wUnit, uTimezoneMinute},
}

// lookup finds a word by its first ten letters, as PostgreSQL's tables do.
func lookup(table map[string]word, s string) (word, bool) {
	if len(s) > 10 {
		s = s[:10]
	}
	w, ok := table[s]
	return w, ok
}
