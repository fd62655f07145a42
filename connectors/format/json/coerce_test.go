package json

import (
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

func arrayOf(t types.Type) types.Type {
	a, ok := t.ArrayOf()
	if !ok {
		panic(t.String())
	}
	return a
}

// numericOf is numeric(p,s).
func numericOf(p, s int32) types.Type { return types.Type{OID: types.OIDNumeric, Mod: p<<16 | s + 4} }

// TestCoercions goes through the table of docs/json.md: JSON, and PostgreSQL's
// text of the value or the words of the error.
func TestCoercions(t *testing.T) {
	t.Parallel()
	varchar3 := types.Type{OID: types.OIDVarchar, Mod: 7}
	for _, c := range []struct {
		t    types.Type
		json string
		want string // "!…": an error that contains this
	}{
		{types.Boolean, `true`, "t"}, {types.Boolean, `false`, "f"}, {types.Boolean, `null`, "NULL"},
		{types.Boolean, `"true"`, "!a JSON string cannot be read as boolean"}, {types.Boolean, `1`, "!a JSON number cannot be read as boolean"},
		{types.Int2, `32767`, "32767"}, {types.Int2, `32768`, "!out of range for type smallint"}, {types.Int4, `-2147483648`, "-2147483648"},
		{types.Int4, `2147483648`, "!out of range for type integer"}, {types.Int8, `9223372036854775807`, "9223372036854775807"},
		{types.Int8, `-9223372036854775808`, "-9223372036854775808"}, {types.Int8, `9223372036854775808`, "!out of range for type bigint"},
		{types.Int8, `7.0`, "7"}, {types.Int8, `7e2`, "700"}, {types.Int8, `70e-1`, "7"}, {types.Int8, `7.5`, "!number 7.5 is not an integer"},
		{types.Int8, `1e999999`, "!is not an integer"}, {types.Int8, `"7"`, "7"}, {types.Int8, `"7x"`, "!invalid input syntax for type bigint"},
		{types.Int8, `true`, "!a JSON boolean cannot be read as bigint"}, {types.Int8, `{"a":1}`, "!a JSON object cannot be read as bigint"},
		{types.Int8, `[7]`, "!a JSON array cannot be read as bigint"}, {types.Int8, `-0`, "0"},
		{types.Float8, `1.5`, "1.5"}, {types.Float8, `-0.0`, "-0"}, {types.Float8, `1e400`, "!out of range"}, {types.Float8, `1e-400`, "!out of range"},
		{types.Float8, `"NaN"`, "NaN"}, {types.Float8, `"-Infinity"`, "-Infinity"}, {types.Float8, `0.1`, "0.1"}, {types.Float4, `0.1`, "0.1"},
		{types.Numeric, `1.50`, "1.50"}, {types.Numeric, `12345678901234567890.123456789012345678901`, "12345678901234567890.123456789012345678901"},
		{types.Numeric, `1e3`, "1000"}, {types.Numeric, `"1.50"`, "1.50"}, {types.Numeric, `"NaN"`, "NaN"}, {types.Numeric, `true`, "!a JSON boolean"},
		{numericOf(5, 2), `1.255`, "1.26"}, {numericOf(5, 2), `1234.5`, "!numeric field overflow"},
		{types.Text, `"é\n\"x\u00e9\ud83d\ude00"`, "é\n\"xé😀"}, {types.Text, `12.0`, "12.0"}, {types.Text, `{"a": [1 ]}`, `{"a": [1 ]}`},
		{types.Text, `true`, "true"}, {types.Text, `"a\u0000b"`, "!cannot be converted to text"}, {types.Text, `"\ud83d"`, "!surrogate"},
		{varchar3, `"äöü"`, "äöü"}, {varchar3, `"abc  "`, "abc"}, {varchar3, `"abcd"`, "!value too long for type character varying(3)"}, {varchar3, `1234`, "!too long"},
		{types.Bytea, `"\\x6869"`, `\x6869`}, {types.Bytea, `"hi"`, `\x6869`}, {types.Bytea, `"\\x6"`, "!odd number of digits"}, {types.Bytea, `12`, "!a JSON number"},
		{types.Date, `"2026-01-31"`, "2026-01-31"}, {types.Date, `0`, "1970-01-01"}, {types.Date, `20000`, "2024-10-04"},
		{types.Date, `99999999999`, "!date out of range"}, {types.Date, `"2026-02-30"`, "!date/time field value out of range"}, {types.Date, `"today"`, "!depends on the clock"},
		{types.Timestamp, `"2026-01-31 12:00:00.5"`, "2026-01-31 12:00:00.5"}, {types.Timestamp, `"2026-01-31T12:00:00.123456789Z"`, "2026-01-31 12:00:00.123457"},
		{types.Timestamp, `"2026-01-31 12:00:00+05"`, "2026-01-31 12:00:00"}, {types.Timestamp, `1767225600123`, "2026-01-01 00:00:00.123"},
		{types.Timestamp, `-1`, "1969-12-31 23:59:59.999"}, {types.Timestamp, `1.5`, "!is not an integer"}, {types.Timestamp, `99999999999999999`, "!out of range"},
		{types.Timestamp, `"yesterday"`, "!depends on the clock"}, {types.Timestamp, `"NOW"`, "!depends on the clock"}, {types.Timestamp, `"infinity"`, "infinity"},
		{types.Timestamp, `"soon"`, "!invalid input syntax for type timestamp"}, {types.Timestamp, `false`, "!a JSON boolean"},
		{types.Timestamptz, `"2026-01-31T12:00:00+05:30"`, "2026-01-31 06:30:00+00"}, {types.Timestamptz, `"2026-01-31 12:00:00"`, "2026-01-31 12:00:00+00"},
		{types.Type{OID: types.OIDTimestamp, Mod: 0}, `"2026-01-31 12:00:00.5"`, "2026-01-31 12:00:01"}, {types.Type{OID: types.OIDTimestamp, Mod: 0}, `1767225600500`, "2026-01-01 00:00:01"},
		{types.Interval, `"1 day 02:00"`, "1 day 02:00:00"}, {types.Interval, `"P1DT2H"`, "1 day 02:00:00"}, {types.Interval, `5`, "!a JSON number"},
		{types.JSONB, `{"bb": 1, "a":[1,2.50,"\u00e9"], "a": null}`, `{"a": null, "bb": 1}`}, {types.JSONB, `"\u0000"`, "!unsupported Unicode escape sequence"},
		{types.JSONB, `[` + strings.Repeat("1e130000,", 40) + `1]`, "!longer than"},
		{arrayOf(types.Int4), `[1, null,3 ]`, "{1,NULL,3}"}, {arrayOf(types.Text), `["a,b", {"x":1}, ""]`, `{"a,b","{\"x\":1}",""}`}, {arrayOf(types.Int4), `[]`, "{}"},
		{arrayOf(types.Int4), `[1,"x"]`, "!invalid input syntax for type integer"}, {arrayOf(types.Int4), `[[1]]`, "!a JSON array cannot be read as integer"},
		{arrayOf(types.Int4), `[1,]`, "!expected a value"}, {arrayOf(types.Int4), `"{1,2}"`, "!a JSON string cannot be read as integer[]"},
		{arrayOf(types.Numeric), `[` + strings.Repeat("1e130000,", 99) + `1]`, "!longer than"},
	} {
		d, err := New([]Column{{"before", types.Int8}, {"c", c.t}, {"after", types.Text}})
		if err != nil {
			t.Fatal(err)
		}
		out := []*delta.Vec{delta.NewVec(types.Int8, 0), delta.NewVec(c.t, 0), delta.NewVec(types.Text, 0)}
		d.Bind(out)
		got := ""
		if err = d.Append([]byte(`{"before": 1, "c": ` + c.json + `, "after": "x"}`)); err != nil {
			e := pgerr.From(err)
			got = "!" + e.Message + " " + e.Detail
			if len(got) > 700 {
				t.Errorf("%s: an error of %d bytes", c.json, len(got))
			}
			if e.Code == pgerr.InternalError {
				t.Errorf("%s: %v", c.json, err)
			}
		} else if out[1].IsNull(0) {
			got = "NULL"
		} else {
			got = string(values.AppendText(nil, out[1], 0, nil))
		}
		if got != c.want && !(strings.HasPrefix(c.want, "!") && strings.HasPrefix(got, "!") && strings.Contains(got, c.want[1:])) {
			t.Errorf("%s as %s: %q, want %q", c.json, c.t, got, c.want)
		}
		rows := 1
		if err != nil {
			rows = 0
		}
		for i, v := range out {
			if v.Len() != rows {
				t.Errorf("%s as %s: column %d has %d rows", c.json, c.t, i, v.Len())
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cols []Column
		code string
	}{
		{[]Column{{"a", types.RegClass}}, pgerr.FeatureNotSupported},
		{[]Column{{"a", arrayOf(types.RegClass)}}, pgerr.FeatureNotSupported},
		{[]Column{{"a", types.Text}, {"a", types.Text}}, pgerr.DuplicateColumn},
		{make([]Column, MaxColumns+1), pgerr.TooManyColumns},
	} {
		if _, err := New(c.cols); !pgerr.Is(err, c.code) {
			t.Errorf("%v, want %s", err, c.code)
		}
	}
}

// Many different keys do not make the decoder grow without bound.
func TestKeysAreBounded(t *testing.T) {
	t.Parallel()
	d, err := New([]Column{{"a", types.Int8}, {`q"\`, types.Int8}})
	if err != nil {
		t.Fatal(err)
	}
	out := []*delta.Vec{delta.NewVec(types.Int8, 0), delta.NewVec(types.Int8, 0)}
	d.Bind(out)
	for i := range 3 * maxFields {
		key := strings.Repeat("k", i%300) + strings.Repeat("x", i/300)
		if err := d.Append([]byte(`{"` + key + `": 1, "A" :2, "q\"\\": 3}`)); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.fields) > maxFields || len(d.byName) > maxFields {
		t.Fatal(len(d.fields))
	}
	if n := len(out[0].I); n != 3*maxFields || out[0].I[n-1] != 2 || out[1].I[n-1] != 3 || out[0].HasNulls() || out[1].HasNulls() {
		t.Fatal(n)
	}
}

// FuzzTypes reads hostile values into every type: no panic, whole rows only, and
// the same refused when the columns are not kept.
func FuzzTypes(f *testing.F) {
	all := []types.Type{
		types.Boolean, types.Int2, types.Float4, types.Float8, types.Numeric, numericOf(9, 2), {OID: types.OIDVarchar, Mod: 8}, types.Bytea,
		types.Date, types.Timestamp, {OID: types.OIDTimestamptz, Mod: 3}, types.Interval, types.JSONB,
		arrayOf(types.Int8), arrayOf(types.Text), arrayOf(types.JSONB), arrayOf(types.Timestamp), arrayOf(types.Boolean),
	}
	for _, s := range []string{
		`1`, `-1.5e3`, `"2026-01-31 12:00:00"`, `"1 day"`, `[1,null]`, `["a","\u00e9"]`, `[{"a":[]}]`, `"\\x00"`, `"\\001"`, `[true,false]`, `1767225600123`,
		`"epoch"`, `"P1Y"`, `1e131071`, `-1e-16383`, `["2026-01-01"]`, `[`, `[1`, `"`, `{`,
	} {
		for i := range all {
			f.Add(uint8(i), []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, value []byte) {
		typ := all[int(which)%len(all)]
		cols := []Column{{"a", types.Int8}, {"c", typ}, {"z", types.Text}}
		rec := append(append([]byte(`{"a":1,"c":`), value...), `,"z":"x"}`...)
		var errs [2]error
		for keep := range 2 {
			d, err := New(cols)
			if err != nil {
				t.Fatal(err)
			}
			out := make([]*delta.Vec, len(cols))
			if keep == 1 {
				out = vectors(cols)
			}
			d.Bind(out)
			if errs[keep] = d.Append(rec); keep == 0 {
				continue
			}
			rows := 1
			if errs[1] != nil {
				rows = 0
			}
			for i, v := range out {
				if v.Len() != rows {
					t.Fatalf("column %d: %d rows after %v", i, v.Len(), errs[1])
				}
				if rows == 1 {
					values.AppendText(nil, v, 0, nil)
				}
			}
		}
		if (errs[0] == nil) != (errs[1] == nil) || errs[0] != nil && errs[0].Error() != errs[1].Error() {
			t.Fatalf("%s: %v when not kept, %v when kept", rec, errs[0], errs[1])
		}
		if errs[0] != nil && pgerr.From(errs[0]).Code == pgerr.InternalError {
			t.Fatalf("%s: %v", rec, errs[0])
		}
	})
}
