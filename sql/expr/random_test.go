package expr

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

var samples = map[uint32][]string{
	types.OIDBool:        {"t", "f"},
	types.OIDInt2:        {"0", "1", "-1", "2", "3", "-7", "100", "32767", "-32768", "5", "10", "-2"},
	types.OIDInt4:        {"0", "1", "-1", "2", "3", "4", "-3", "7", "10", "65", "1000", "46341", "2147483647", "-2147483648", "5", "31", "33", "-2"},
	types.OIDInt8:        {"0", "1", "-1", "2", "3", "10", "-12", "1000000007", "3037000500", "9223372036854775807", "-9223372036854775808", "4294967296", "65", "2147483648"},
	types.OIDOid:         {"0", "1", "16", "2205", "4294967295", "2147483648"},
	types.OIDFloat4:      {"0", "1", "-1", "0.5", "2.5", "1e10", "-3.25", "1e-30", "1e30", "NaN", "Infinity", "-Infinity", "0.1", "32767.5"},
	types.OIDFloat8:      {"0", "-0", "1", "-1", "0.5", "1.5", "2.5", "-2.5", "1e10", "1e-300", "1e300", "NaN", "Infinity", "-Infinity", "0.1", "3", "2147483647.5", "9.3e18", "100", "-0.3"},
	types.OIDNumeric:     {"0", "0.00", "1", "-1", "0.5", "1.50", "-2.5", "2", "10", "3.14159", "123456789.987654321", "-99999999999999999999.99", "1e30", "1e-20", "NaN", "Infinity", "-Infinity", "0.001", "100.00", "7", "32767.5", "-0.4", "0.908"},
	types.OIDText:        {"", "a", "abc", "ABC", "Hello World", "a.b.c", "héllo", "日本語", "  pad  ", "%a%", "_b_", "a\\%b", "x'y\"z", "abcabc", "b", "1", "-12.5", "a,b,,c", ",", "foo bar-baz", "ab", "hex", "base64", "escape", "deadbeef", "aGVsbG8=", "UTF8", "^a", "b+", "(b)(c)", "[a-c]+", "g", "i", "é", "\\1x", "t", "2020-01-01", "Select"},
	types.OIDBytea:       {"\\x", "\\x00", "\\x616263", "\\xdeadbeef", "\\xff00", "\\x61", "\\x6162"},
	types.OIDChar:        {"a", "b", "z", "\\"},
	types.OIDDate:        {"2000-01-01", "1999-12-31", "2024-02-29", "2023-03-31", "1970-01-01", "infinity", "-infinity", "0044-03-15 BC", "2020-12-28", "5874897-12-31", "4713-01-01 BC"},
	types.OIDTimestamp:   {"2000-01-01 00:00:00", "1999-12-31 23:59:59.999999", "2024-02-29 12:34:56.789", "1970-01-01", "infinity", "-infinity", "2020-12-31 18:30:00", "0001-01-01 00:00:00 BC", "2021-01-03 05:06:07", "294276-12-31 23:59:59.999999", "2015-07-15 22:01:01.5"},
	types.OIDTimestamptz: {"2000-01-01 00:00:00+00", "1999-12-31 23:59:59.999999-08", "2024-02-29 12:34:56.789+05:30", "1970-01-01 00:00:00+00", "infinity", "-infinity", "2020-12-31 18:30:00+00", "2021-01-03 05:06:07+00", "2015-07-15 22:01:01.5+00"},
	types.OIDInterval:    {"0", "1 day", "1 month", "-1 month", "1 year 2 months 3 days 04:05:06.789", "-3 days", "12:34:56", "-00:00:01.5", "100 years", "30 days", "1 month -30 days", "1.5 hours", "29 days 24:00:00", "15 minutes", "178000000 years"},
	types.OIDJSONB:       {"null", "1", "1.50", "-3", "true", "false", "\"a\"", "\"\"", "[]", "{}", "[1, 2, 3]", "[1, \"a\", null, {\"b\": 2}]", "{\"a\": 1}", "{\"a\": {\"b\": [10, 20, {\"c\": \"d\"}]}, \"x\": null}", "{\"b\": \"text\", \"a\": [1]}", "[[1, 2], [3]]", "\"abc\"", "1e3", "[\"a\", \"b\"]"},
}

func init() {
	samples[types.OIDVarchar] = samples[types.OIDText]
	samples[types.OIDName] = []string{"a", "utf-8", "UTF8", "hello"}
	for _, t := range regTypes {
		samples[t.OID] = []string{"0", "1", "16384"}
	}
}

// randomText is the text of a random value of t: mostly one known to be
// interesting.
func randomText(r *rand.Rand, t types.Type) string {
	if elem, ok := t.Elem(); ok {
		n := r.IntN(4)
		parts := make([]string, n)
		for i := range parts {
			if r.IntN(5) == 0 {
				parts[i] = "NULL"
				continue
			}
			parts[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(randomText(r, elem)) + `"`
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	s := samples[t.OID]
	if r.IntN(4) > 0 && len(s) > 0 {
		return s[r.IntN(len(s))]
	}
	switch t.OID {
	case types.OIDInt2:
		return fmt.Sprint(int16(r.Uint32()))
	case types.OIDInt4:
		return fmt.Sprint(int32(r.Uint32()) >> r.IntN(31))
	case types.OIDInt8:
		return fmt.Sprint(int64(r.Uint64()) >> r.IntN(63))
	case types.OIDFloat8:
		return fmt.Sprint(r.NormFloat64() * 1000)
	case types.OIDFloat4:
		return fmt.Sprint(float32(r.NormFloat64() * 1000))
	case types.OIDNumeric:
		return fmt.Sprintf("%d.%0*d", int32(r.Uint32())>>r.IntN(31), 1+r.IntN(9), r.IntN(10))
	case types.OIDDate:
		return fmt.Sprintf("%04d-%02d-%02d", 1900+r.IntN(200), 1+r.IntN(12), 1+r.IntN(28))
	case types.OIDTimestamp:
		return fmt.Sprintf("%04d-%02d-%02d %02d:%02d:%02d.%06d", 1900+r.IntN(200), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000000))
	case types.OIDTimestamptz:
		return fmt.Sprintf("%04d-%02d-%02d %02d:%02d:%02d+%02d", 1900+r.IntN(200), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(12))
	case types.OIDInterval:
		return fmt.Sprintf("%d months %d days %d.%06d seconds", r.IntN(50)-25, r.IntN(100)-50, r.IntN(200000)-100000, r.IntN(1000000))
	}
	return s[r.IntN(len(s))]
}
