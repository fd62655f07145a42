package plan

import (
	"strconv"
	"strings"
)

// Duration writes microseconds for people, from a second on to the millisecond:
// "1 h 30 min", "2.5 s".
func Duration(us int64) string {
	if us < 0 {
		return "-" + Duration(-us)
	}
	if us >= 1_000_000 {
		us = (us + 500) / 1000 * 1000
	}
	var parts []string
	for _, u := range []struct {
		us   int64
		name string
	}{{86_400_000_000, "d"}, {3_600_000_000, "h"}, {60_000_000, "min"}} {
		if n := us / u.us; n > 0 {
			parts = append(parts, strconv.FormatInt(n, 10)+" "+u.name)
			us %= u.us
		}
	}
	if us > 0 || len(parts) == 0 {
		parts = append(parts, strconv.FormatFloat(float64(us)/1e6, 'f', -1, 64)+" s")
	}
	return strings.Join(parts, " ")
}
