package nexmark

import "strconv"

// AppendJSON appends the event as one JSON object with the columns of its table
// in their order. Times are text, "2026-01-01 00:00:00.123", which PostgreSQL
// and this engine read as timestamp. It does not allocate when dst has room
// (about 235 bytes for a bid, at most 450 for any event).
func (ev *Event) AppendJSON(dst []byte) []byte {
	switch ev.Kind {
	case KindPerson:
		p := &ev.Person
		dst = appendInt(append(dst, `{"id":`...), p.ID)
		dst = append(append(dst, `,"name":"`...), p.Name...)
		dst = append(append(dst, `","email_address":"`...), p.EmailAddress...)
		dst = append(append(dst, `","credit_card":"`...), p.CreditCard...)
		dst = append(append(dst, `","city":"`...), p.City...)
		dst = append(append(dst, `","state":"`...), p.State...)
		dst = AppendTime(append(dst, `","date_time":"`...), p.DateTime)
		dst = append(append(dst, `","extra":"`...), p.Extra...)
	case KindAuction:
		a := &ev.Auction
		dst = appendInt(append(dst, `{"id":`...), a.ID)
		dst = append(append(dst, `,"item_name":"`...), a.ItemName...)
		dst = append(append(dst, `","description":"`...), a.Description...)
		dst = appendInt(append(dst, `","initial_bid":`...), a.InitialBid)
		dst = appendInt(append(dst, `,"reserve":`...), a.Reserve)
		dst = AppendTime(append(dst, `,"date_time":"`...), a.DateTime)
		dst = AppendTime(append(dst, `","expires":"`...), a.Expires)
		dst = appendInt(append(dst, `","seller":`...), a.Seller)
		dst = appendInt(append(dst, `,"category":`...), a.Category)
		dst = append(append(dst, `,"extra":"`...), a.Extra...)
	default:
		b := &ev.Bid
		dst = appendInt(append(dst, `{"auction":`...), b.Auction)
		dst = appendInt(append(dst, `,"bidder":`...), b.Bidder)
		dst = appendInt(append(dst, `,"price":`...), b.Price)
		dst = append(append(dst, `,"channel":"`...), b.Channel...)
		dst = append(append(dst, `","url":"`...), b.URL...)
		dst = AppendTime(append(dst, `","date_time":"`...), b.DateTime)
		dst = append(append(dst, `","extra":"`...), b.Extra...)
	}
	return append(dst, `"}`...)
}

// AppendCopyText appends the event as one line, newline included, of
// PostgreSQL's COPY … FROM STDIN in text format, the columns in their order.
func (ev *Event) AppendCopyText(dst []byte) []byte { return append(ev.appendColumns(dst, '\t'), '\n') }

// AppendCSV appends the event as one line of CSV, newline included. No column
// ever needs quotes.
func (ev *Event) AppendCSV(dst []byte) []byte { return append(ev.appendColumns(dst, ','), '\n') }

func (ev *Event) appendColumns(dst []byte, sep byte) []byte {
	switch ev.Kind {
	case KindPerson:
		p := &ev.Person
		dst = append(appendInt(dst, p.ID), sep)
		dst = append(append(dst, p.Name...), sep)
		dst = append(append(dst, p.EmailAddress...), sep)
		dst = append(append(dst, p.CreditCard...), sep)
		dst = append(append(dst, p.City...), sep)
		dst = append(append(dst, p.State...), sep)
		dst = append(AppendTime(dst, p.DateTime), sep)
		return append(dst, p.Extra...)
	case KindAuction:
		a := &ev.Auction
		dst = append(appendInt(dst, a.ID), sep)
		dst = append(append(dst, a.ItemName...), sep)
		dst = append(append(dst, a.Description...), sep)
		dst = append(appendInt(dst, a.InitialBid), sep)
		dst = append(appendInt(dst, a.Reserve), sep)
		dst = append(AppendTime(dst, a.DateTime), sep)
		dst = append(AppendTime(dst, a.Expires), sep)
		dst = append(appendInt(dst, a.Seller), sep)
		dst = append(appendInt(dst, a.Category), sep)
		return append(dst, a.Extra...)
	default:
		b := &ev.Bid
		dst = append(appendInt(dst, b.Auction), sep)
		dst = append(appendInt(dst, b.Bidder), sep)
		dst = append(appendInt(dst, b.Price), sep)
		dst = append(append(dst, b.Channel...), sep)
		dst = append(append(dst, b.URL...), sep)
		dst = append(AppendTime(dst, b.DateTime), sep)
		return append(dst, b.Extra...)
	}
}

func appendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

const (
	microsPerMilli  = 1000
	microsPerSecond = 1_000_000
	secondsPerDay   = 86_400
)

// AppendTime appends t as "2006-01-02 15:04:05.000", UTC, without a zone. Years
// 1970 to 9999.
func AppendTime(dst []byte, t Micros) []byte {
	seconds := t / microsPerSecond
	day, s := seconds/secondsPerDay, uint32(seconds%secondsPerDay)
	y, m, d := civil(day)
	dst = append(digits4(dst, y), '-')
	dst = append(digits2(dst, m), '-')
	dst = append(digits2(dst, d), ' ')
	dst = append(digits2(dst, s/3600), ':')
	dst = append(digits2(dst, s/60%60), ':')
	dst = append(digits2(dst, s%60), '.')
	ms := uint32(t % microsPerSecond / microsPerMilli)
	return append(dst, byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
}

// civil turns days since 1970-01-01 into a date of the Gregorian calendar, by
// counting from 1 March of the year 0 in eras of 400 years; days are not
// negative here.
func civil(day int64) (year, month, dom uint32) {
	const daysFromYear0, daysPerEra = 719_468, 146_097
	day += daysFromYear0
	era, doe := day/daysPerEra, uint32(day%daysPerEra)
	yoe := (doe - doe/1460 + doe/36_524 - doe/146_096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153 // months since March
	dom = doy - (153*mp+2)/5 + 1
	month = mp + 3
	year = yoe + uint32(era)*400
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, dom
}

func digits2(dst []byte, n uint32) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

func digits4(dst []byte, n uint32) []byte {
	return append(dst, byte('0'+n/1000), byte('0'+n/100%10), byte('0'+n/10%10), byte('0'+n%10))
}
