package values_test

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/rand"
	"strconv"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/testpg"
	"github.com/heliosdb/heliosdb-streaming/internal/testseed"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

func newRand(t testing.TB) *rand.Rand {
	seed := testseed.Of(t)
	t.Logf("seed %d", seed)
	return rand.New(rand.NewSource(seed))
}

func showAnswer(a testpg.Answer) string {
	if a.Code != "" {
		return "error " + a.Code + " " + a.Message + " | " + a.Detail
	}
	return a.Text
}

func showErr(err error) string {
	e := pgerr.From(err)
	return "error " + e.Code + " " + e.Message + " | " + e.Detail
}

// texts are inputs of every type, good and bad.
func texts(r *rand.Rand, t types.Type) string {
	pick := func(s ...string) string { return s[r.Intn(len(s))] }
	if et, ok := t.Elem(); ok {
		var b strings.Builder
		b.WriteString(pick("{", "{", "{", "{", " { ", "", "["))
		for i := range r.Intn(5) {
			if i > 0 {
				b.WriteString(pick(",", ",", ",", " , ", ""))
			}
			switch r.Intn(6) {
			case 0:
				b.WriteString(pick("NULL", "null", `"NULL"`, "", `""`, `nu\ll`, " x y ", `"a b" c`, `a"b"`, `\"`, `{1}`))
			case 1:
				b.WriteString(`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(texts(r, et)) + `"`)
			default:
				b.WriteString(texts(r, et))
			}
		}
		b.WriteString(pick("}", "}", "}", "}", "} ", "", "} x", ",}"))
		return b.String()
	}
	switch t.OID {
	case types.OIDBool:
		return pick("t", "f", "true", "FALSE", "yes", "no", "on", "off", "1", "0", "o", "of", "tru", "truex", " t ", "", "y", "n", "2", "ON")
	case types.OIDInt2, types.OIDInt4, types.OIDInt8, types.OIDOid:
		return pick("0", "-0", "+5", " 12 ", "1x", "", "-", "32767", "32768", "-32768", "-32769", "2147483647", "2147483648", "-2147483648", "-2147483649", "4294967295", "4294967296", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "1.5", "0x1", "1_0", "99999999999999999999999", "999999999999999999999x", "--1", "00012", strconv.Itoa(r.Intn(100000)-50000), "1 2", "\t7\n")
	case types.OIDFloat4, types.OIDFloat8:
		if r.Intn(2) == 0 {
			f := math.Float64frombits(r.Uint64())
			if t.OID == types.OIDFloat4 {
				f = float64(math.Float32frombits(r.Uint32()))
			}
			return strconv.FormatFloat(f, 'g', -1, 64)
		}
		if r.Intn(3) == 0 {
			return strconv.FormatFloat(math.Ldexp(1, r.Intn(2100)-1060), 'g', -1, 64)
		}
		return pick("0", "-0", "1", "1.5", "1e20", "1e15", "1e14", "123456789012345678", "0.0001", "0.00001", "1e-5", "NaN", "nan", "inf", "-Infinity", "infinity", "1e400", "1e-400", "1e39", "1e-46", "3.4e38", "1e5", "1e6", "1234567", "", "x", "1x", " 1 ", "0x10", "0x1p4", "0x1.8", "1_0", "+1", ".5", "5.", "-.5e1", "1e", "4.9e-324", "2.5e-324", "1.7976931348623157e308", "1.7976931348623159e308", "9007199254740993", "1e23", "8.41e21", "5e-324", "+inf", "infinit", "0e500", "0.0e-999")
	case types.OIDBytea:
		return pick(`\x`, `\xdeadBEEF`, `\xde ad`, `\xabc`, `\xzz`, `abc`, `a\\b`, `a\000b`, `\377`, `\400`, `a\`, `a\1`, ``, `é`, `\x0 1`, `\xé`, `\x1é`)
	case types.OIDNumeric:
		return pick("1", "1.50", "-12345.678", "NaN", "inf", "1e10", "0.00", "x", "99999999999", "0.005", "-0.005", "123456.785", "1e-3", "")
	case types.OIDDate:
		return pick("2024-01-05", "0001-01-01 BC", "infinity", "-infinity", "epoch", "2024-13-01", "x", "Jan 5 2024", "5874897-12-31", "4714-11-24 BC")
	case types.OIDTimestamp, types.OIDTimestamptz:
		return pick("2024-01-05 10:11:12", "2024-01-05T10:11:12.123456Z", "2024-01-05 10:11:12.9999999+02", "2024-07-05 10:11:12.5-08:30", "infinity", "epoch", "x", "2024-01-05", "294276-12-31 23:59:59.999999", "0044-03-15 12:00 BC", "2024-02-30 00:00:00", "2024-01-05 24:00:00", "1999-12-31 23:59:59.999499")
	case types.OIDInterval:
		return pick("1 day", "-1 mon +2 days 03:04:05.678", "1.5 hours", "P1Y2M", "x", "@ 1 year ago", "1-2", "100000:00:00", "0", "-00:00:01.5")
	case types.OIDJSONB:
		return pick("null", `{"b":1,"a":[1.50, "x\ny"]}`, "[]", "{}", `"a"`, "1e2", "x", `{"a":1`, `[1,{"z":null}]`, "-0.0")
	}
	return pick("", "a", "hello world", "  pad  ", "é", "日本語テキスト", `q"uo\te`, "{x,y}", "null", "a,b", "x\ty", strings.Repeat("ab", 40), "abcde   ", "abcdef", "abc\ndef")
}

var scalarTypes = []types.Type{types.Boolean, types.Bytea, types.Char, types.Name, types.Int2, types.Int4, types.Int8, types.Text, types.Oid, types.Float4, types.Float8,
	types.Varchar, types.VarcharOf(5), types.Date, types.Timestamp, {OID: types.OIDTimestamp, Mod: 2}, types.Timestamptz, {OID: types.OIDTimestamptz, Mod: 0}, types.Interval, types.Numeric, types.NumericOf(7, 2), types.JSONB}

func allTypes() []types.Type {
	ts := append([]types.Type(nil), scalarTypes...)
	for _, t := range scalarTypes {
		if a, ok := t.ArrayOf(); ok && t.Mod < 0 {
			ts = append(ts, a)
		}
	}
	return ts
}

// inputSQL is the type as a literal's type is written: its input function sees
// the modifier, so that texts are parsed as on assignment.
func inputSQL(t types.Type) string {
	typ := t.Base()
	name := typ.String()
	if t.IsArray() {
		return "$1::text::" + name
	}
	fn := map[uint32]string{types.OIDVarchar: "varcharin", types.OIDTimestamp: "timestamp_in", types.OIDTimestamptz: "timestamptz_in", types.OIDNumeric: "numeric_in"}[t.OID]
	if fn == "" {
		return "$1::text::" + name
	}
	return fmt.Sprintf("%s($1::text::cstring, 0, %d)", fn, t.Mod)
}

func TestTextAgainstPostgres(t *testing.T) {
	t.Parallel()
	o, r := testpg.NewOracle(t), newRand(t)
	for _, typ := range allTypes() {
		var in [][]string
		for seen := map[string]bool{}; len(in) < 400; {
			s := texts(r, typ)
			if seen[s] && r.Intn(20) > 0 {
				continue
			}
			seen[s] = true
			in = append(in, []string{s})
		}
		sql := inputSQL(typ)
		answers := o.Ask("SELECT "+sql, in...)
		fn := "textsend"
		if typ.OID == types.OIDChar {
			fn = "charsend"
		} else if typ.IsArray() {
			fn = "array_send"
		} else if typ.Phys() != types.Bytes || typ.OID == types.OIDNumeric || typ.OID == types.OIDInterval || typ.OID == types.OIDBytea || typ.OID == types.OIDName || typ.OID == types.OIDVarchar || typ.OID == types.OIDJSONB {
			fn = map[uint32]string{types.OIDBool: "boolsend", types.OIDInt2: "int2send", types.OIDInt4: "int4send", types.OIDInt8: "int8send", types.OIDOid: "oidsend", types.OIDFloat4: "float4send", types.OIDFloat8: "float8send",
				types.OIDDate: "date_send", types.OIDTimestamp: "timestamp_send", types.OIDTimestamptz: "timestamptz_send", types.OIDNumeric: "numeric_send", types.OIDInterval: "interval_send", types.OIDBytea: "byteasend", types.OIDName: "namesend", types.OIDVarchar: "varcharsend", types.OIDJSONB: "jsonb_send"}[typ.OID]
		}
		binary := o.Ask("SELECT encode("+fn+"("+sql+"), 'hex')", in...)
		for i, a := range answers {
			v := delta.NewVec(typ, 1)
			want := showAnswer(a)
			err := values.ParseText(typ, []byte(in[i][0]), nil, v)
			if err != nil {
				if et, _ := typ.Elem(); et.Phys() == types.Float64 && a.Code != "" {
					continue // an overflow followed by junk: PostgreSQL reports the overflow
				}
				if got := showErr(err); got != want && pgerr.From(err).Code != pgerr.FeatureNotSupported {
					t.Errorf("%s %q: got %s, PostgreSQL %s", typ, in[i][0], got, want)
				}
				if v.Len() != 0 || len(v.Data) != 0 {
					t.Errorf("%s %q: a failed parse left %d rows", typ, in[i][0], v.Len())
				}
				continue
			}
			if got := string(values.AppendText(nil, v, 0, nil)); got != want {
				t.Errorf("%s %q: got %s, PostgreSQL %s", typ, in[i][0], got, want)
				continue
			}
			bin := values.AppendBinary(nil, v, 0)
			if got := hex.EncodeToString(bin); got != binary[i].Text {
				t.Errorf("%s %q: binary %s, PostgreSQL %s", typ, in[i][0], got, binary[i].Text)
			}
			if strings.HasPrefix(want, "294277") {
				continue // rounded beyond the range, which only text input can do
			}
			if err := values.ParseBinary(typ.Base(), bin, v); err != nil {
				t.Errorf("%s %q: reading back binary: %v", typ, in[i][0], err)
			} else if !values.Equal(v, 0, v, 1) || string(values.AppendText(nil, v, 1, nil)) != want {
				t.Errorf("%s %q: binary reads back as %s", typ, in[i][0], values.AppendText(nil, v, 1, nil))
			}
		}
	}
}

func TestFloatTextAgainstPostgres(t *testing.T) {
	t.Parallel()
	o, r := testpg.NewOracle(t), newRand(t)
	var in [][]string
	var fs []float64
	for i := range 6000 {
		f := math.Float64frombits(r.Uint64())
		switch i % 4 {
		case 1:
			f = math.Ldexp(float64(r.Intn(8)+1), r.Intn(2000)-1040)
		case 2:
			f = float64(r.Int63n(1 << 60))
		case 3:
			f, _ = strconv.ParseFloat(fmt.Sprintf("%de%d", r.Intn(1000), r.Intn(600)-300), 64)
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			continue
		}
		fs = append(fs, f)
		in = append(in, []string{strconv.FormatFloat(f, 'e', 17, 64)})
	}
	for _, extra := range []int{1, 0, -5} {
		o.Exec(fmt.Sprintf("SET extra_float_digits = %d", extra))
		opts := &values.TextOpts{ExtraFloatDigits: extra}
		for typ, sql := range map[types.Type]string{types.Float8: "$1::float8", types.Float4: "$1::float8::float4"} {
			for i, a := range o.Ask("SELECT "+sql, in...) {
				v := delta.NewVec(typ, 1)
				f := fs[i]
				if typ == types.Float4 {
					f = float64(float32(f))
				}
				v.AppendFloat(f)
				if got := string(values.AppendText(nil, v, 0, opts)); a.Code == "" && got != a.Text {
					t.Errorf("%s %s digits %d: got %s, PostgreSQL %s", typ, in[i][0], extra, got, a.Text)
				}
			}
		}
	}
}
