package pgtime

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
)

// Interval is PostgreSQL's interval: three fields that do not mix.
type Interval struct {
	Months, Days int32
	Micros       int64
}

// IntervalSize is the length of an encoded interval.
const IntervalSize = 16

// AppendEncoded appends the vector encoding: micros i64, days i32, months i32,
// little endian.
func (iv Interval) AppendEncoded(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(iv.Micros))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(iv.Days))
	return binary.LittleEndian.AppendUint32(dst, uint32(iv.Months))
}

// DecodeInterval reads the vector encoding; fewer than 16 bytes read as zero.
func DecodeInterval(b []byte) Interval {
	if len(b) < IntervalSize {
		return Interval{}
	}
	return Interval{
		Micros: int64(binary.LittleEndian.Uint64(b)),
		Days:   int32(binary.LittleEndian.Uint32(b[8:])),
		Months: int32(binary.LittleEndian.Uint32(b[12:])),
	}
}

// Total is the span in microseconds with 30-day months and 24-hour days, as a
// 128-bit two's complement number: what comparison, equality and hashing use.
func (iv Interval) Total() (hi int64, lo uint64) {
	days := int64(iv.Months)*30 + int64(iv.Days)
	h, l := bits.Mul64(uint64(days), uint64(Day))
	h -= uint64(days>>63) & uint64(Day)
	l, c := bits.Add64(l, uint64(iv.Micros), 0)
	h, _ = bits.Add64(h, uint64(iv.Micros>>63), c)
	return int64(h), l
}

// Cmp orders intervals by their Total.
func (iv Interval) Cmp(o Interval) int {
	ah, al := iv.Total()
	bh, bl := o.Total()
	switch {
	case ah < bh || ah == bh && al < bl:
		return -1
	case ah == bh && al == bl:
		return 0
	}
	return 1
}

// FromTotal is an interval of whole months of 30 days, days and microseconds
// that has the given Total: a canonical representative of its equals.
func FromTotal(hi int64, lo uint64) Interval {
	neg := hi < 0
	h, l := uint64(hi), lo
	if neg {
		var b uint64
		l, b = bits.Sub64(0, l, 0)
		h, _ = bits.Sub64(0, h, b)
	}
	if h >= uint64(Day) { // beyond any interval: corrupt input
		return Interval{}
	}
	days, us := bits.Div64(h, l, uint64(Day))
	months, d := days/30, days%30
	if months > math.MaxInt32 {
		d += (months - math.MaxInt32) * 30
		months = math.MaxInt32
	}
	iv := Interval{int32(months), int32(d), int64(us)}
	if neg {
		iv = Interval{-iv.Months, -iv.Days, -iv.Micros}
	}
	return iv
}

// AppendInterval appends iv in IntervalStyle postgres.
func AppendInterval(dst []byte, iv Interval) []byte {
	start := len(dst)
	before := false
	part := func(v int64, unit string) {
		if v == 0 {
			return
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		if before && v > 0 {
			dst = append(dst, '+')
		}
		dst = strconv.AppendInt(dst, v, 10)
		dst = append(append(dst, ' '), unit...)
		if v != 1 {
			dst = append(dst, 's')
		}
		before = v < 0
	}
	part(int64(iv.Months/12), "year")
	part(int64(iv.Months%12), "mon")
	part(int64(iv.Days), "day")
	if len(dst) > start {
		if iv.Micros == 0 {
			return dst
		}
		dst = append(dst, ' ')
	}
	us := uint64(iv.Micros)
	if iv.Micros < 0 {
		dst = append(dst, '-')
		us = -us
	} else if before {
		dst = append(dst, '+')
	}
	return appendLongClock(dst, us)
}

// appendLongClock appends HH:MM:SS[.ffffff] where hours may have many digits.
func appendLongClock(dst []byte, us uint64) []byte {
	h := us / uint64(Hour)
	if h < 100 {
		dst = append2(dst, int(h))
	} else {
		dst = strconv.AppendUint(dst, h, 10)
	}
	rest := int(us % uint64(Hour))
	dst = append2(append(dst, ':'), rest/int(Minute))
	dst = append2(append(dst, ':'), rest/int(Second)%60)
	return appendFraction(dst, rest%int(Second))
}
