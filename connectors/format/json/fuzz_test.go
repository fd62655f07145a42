package json

import (
	"bytes"
	stdjson "encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/jsonb"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// oracleColumns are of the types whose meaning encoding/json knows too.
var oracleColumns = []Column{
	{"a", types.Int8}, {"b", types.Text}, {"c", types.Boolean}, {"d", types.Float8}, {"e", types.JSONB}, {"F", types.Int4},
}

var corpus = []string{
	`{}`, ` { } `, `{"a":1}`, `{"a":1,"b":"x","c":true,"d":1.5,"e":[1,{"k":null}],"F":-7}`,
	`{"a":-9223372036854775808,"b":null}`, `{"a":9223372036854775807}`, `{"a":9223372036854775808}`, `{"a":1e3,"F":2.0}`,
	`{"a":01}`, `{"a":-}`, `{"a":+1}`, `{"a":1.}`, `{"a":.5}`, `{"a":1e}`, `{"a":1e+}`, `{"a":-0}`, `{"d":-0.0,"a":1}`,
	`{"b":"\u00e9\n\"\\\/\b\f\r\t"}`, `{"b":"\ud83d\ude00"}`, `{"b":"\ud83d"}`, `{"b":"\ude00"}`, `{"b":"\u0000"}`, `{"b":"\u12"}`,
	`{"b":"\x"}`, "{\"b\":\"\x01\"}", "{\"b\":\"\xff\"}", "{\"z\":\"\xff\"}", `{"b":"é世界😀"}`, `{"b":"a long text without anything special in it"}`,
	`{"b":"unterminated`, `{"b":"unterminated\`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a" : 1 , "b" : "y"}`,
	`{"a":1,"a":2}`, `{"A":1,"a":2}`, `{"a":2,"A":1}`, `{"f":1,"F":2}`, `{"F":2,"f":1}`, `{"F":2,"f":x}`, `{"a":1,"a":x}`, `{"\u0061":5}`, `{"z":{"a":[{}]},"a":3}`,
	`{"a":1} x`, `{"a":1}{"a":2}`, `[1]`, `null`, `1`, `"x"`, ``, ` `, `{"c":True}`, `{"c":tru}`, `{"c":"true"}`, `{"c":0}`,
	`{"d":1e308}`, `{"d":1e309}`, `{"d":1e-400}`, `{"d":"NaN"}`, `{"d":123456789012345678}`, `{"d":0.1}`, `{"d":100000000000000.5}`,
	`{"d":00.5}`, `{"d":0.5.5}`, `{"d":5.}`, `{"e":{"b":1,"a":2,"a":3}}`, `{"e":1e400}`, `{"e":"\ud800"}`, `{"e":nul}`, `{"e":[1,]}`, `{"e":[,]}`,
	`{"e":{"a":1,}}`, `{"e":{"a"}}`, `{"e":{1:2}}`, `{"z":nan}`, `{"z":[[[[[[]]]]]]}`, `{"z":"\uD83D\u0041"}`, `{"b":12}`, `{"b":{"x":1}}`, `{"a":"12"}`, `{"a":" 12 "}`, `{"a":"x"}`,
	`{"` + strings.Repeat("k", 300) + `":1,"a":4}`, `{"b":"` + strings.Repeat("x", 100) + "\xc3" + `"}`,
}

// readOne reads rec with every column kept; row n of the vectors is the new one.
func readOne(t *testing.T, d *Decoder, out []*delta.Vec, rec []byte) error {
	t.Helper()
	n := out[0].Len()
	err := d.Append(rec)
	want := n + 1
	if err != nil {
		want = n
	}
	for i, v := range out {
		if v.Len() != want {
			t.Fatalf("column %d has %d rows after %v, want %d", i, v.Len(), err, want)
		}
		if v.IsNull(want) {
			t.Fatalf("column %d: a NULL behind the last row", i)
		}
	}
	return err
}

// FuzzRecord compares with encoding/json: what is refused, and every value.
// The differences that docs/json.md names are taken out first.
func FuzzRecord(f *testing.F) {
	for _, c := range corpus {
		f.Add([]byte(c), []byte(corpus[1]))
	}
	f.Fuzz(func(t *testing.T, rec, before []byte) {
		d, err := New(oracleColumns)
		if err != nil {
			t.Fatal(err)
		}
		out := vectors(oracleColumns)
		d.Bind(out)
		_ = readOne(t, d, out, before) // leaves an order of keys, and perhaps a row
		n := out[0].Len()
		err = readOne(t, d, out, rec)
		kept := append([]byte(nil), rec...)
		if !bytes.Equal(rec, kept) {
			t.Fatal("the record was changed")
		}
		checkUnkept(t, rec, before, err)
		if err == nil && !stdjson.Valid(rec) {
			t.Fatalf("accepted, but no JSON: %q", rec)
		}
		if bytes.Contains(rec, []byte("NaN")) || deep(rec) {
			return
		}
		want, expect := expected1(rec)
		switch {
		case err != nil && expect:
			t.Fatalf("refused: %q: %v", rec, err)
		case err == nil && !expect:
			t.Fatalf("accepted: %q", rec)
		case err == nil:
			compare(t, rec, out, n, want)
		}
	})
}

// checkUnkept reads the same records with no column kept: the same are refused.
func checkUnkept(t *testing.T, rec, before []byte, want error) {
	t.Helper()
	d, err := New(oracleColumns)
	if err != nil {
		t.Fatal(err)
	}
	d.Bind(make([]*delta.Vec, len(oracleColumns)))
	_ = d.Append(before)
	if err := d.Append(rec); (err == nil) != (want == nil) || err != nil && err.Error() != want.Error() {
		t.Fatalf("%q: %v when kept, %v when not", rec, want, err)
	}
}

func deep(rec []byte) bool {
	return bytes.Count(rec, []byte("["))+bytes.Count(rec, []byte("{")) >= MaxDepth
}

// expected1 is the record as encoding/json reads it: the raw value of every
// column. ok is false when docs/json.md says that the record is dead.
func expected1(rec []byte) (values []any, ok bool) {
	if !stdjson.Valid(rec) || !utf8.Valid(rec) {
		return nil, false
	}
	dec := stdjson.NewDecoder(bytes.NewReader(rec))
	if tok, err := dec.Token(); err != nil || tok != stdjson.Delim('{') {
		return nil, false
	}
	raws := make([]stdjson.RawMessage, len(oracleColumns))
	exact := make([]bool, len(oracleColumns))
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, false
		}
		var raw stdjson.RawMessage
		if dec.Decode(&raw) != nil {
			return nil, false
		}
		for i, c := range oracleColumns {
			same := key == c.Name
			if !same && fold(key.(string)) != fold(c.Name) {
				continue
			}
			if _, ok := oracleValue(c, raw); !ok {
				return nil, false // checked even when it does not count
			}
			if same || !exact[i] {
				raws[i], exact[i] = raw, same
			}
		}
	}
	for i, c := range oracleColumns {
		v, ok := oracleValue(c, raws[i])
		if !ok {
			return nil, false
		}
		values = append(values, v)
	}
	return values, true
}

// oracleValue is the SQL value of a JSON text; nil: NULL.
func oracleValue(c Column, raw stdjson.RawMessage) (any, bool) {
	if raw == nil || string(raw) == "null" {
		return nil, true
	}
	isString := raw[0] == '"'
	var s string
	if isString {
		if stdjson.Unmarshal(raw, &s) != nil {
			return nil, false
		}
	}
	switch c.Type.OID {
	case types.OIDText:
		if isString {
			return s, !strings.Contains(s, "\x00") && !loneSurrogate(string(raw))
		}
		return string(raw), true
	case types.OIDBool:
		var b bool
		return b || string(raw) == "true", stdjson.Unmarshal(raw, &b) == nil
	case types.OIDInt4, types.OIDInt8:
		return oracleInt(c, raw, s, isString)
	case types.OIDFloat8:
		if raw[0] == '{' || raw[0] == '[' || raw[0] == 't' || raw[0] == 'f' {
			return nil, false
		}
		if !isString {
			s = string(raw)
		}
		return oracleFloat(s, isString)
	}
	v, err := jsonb.Parse(nil, raw)
	return string(v), err == nil
}

func oracleInt(c Column, raw stdjson.RawMessage, s string, isString bool) (any, bool) {
	bits := 64
	if c.Type.OID == types.OIDInt4 {
		bits = 32
	}
	if !isString {
		if s = string(raw); strings.ContainsAny(s, ".eE") && (s[0] == '-' || s[0]-'0' < 10) {
			return oracleWhole(s, bits)
		}
	} else {
		s = strings.Trim(s, " \t\n\v\f\r")
		if strings.Contains(s, "_") {
			return nil, false
		}
	}
	x, err := strconv.ParseInt(s, 10, bits)
	return x, err == nil
}

// compare checks row n of out.
func compare(t *testing.T, rec []byte, out []*delta.Vec, n int, want []any) {
	t.Helper()
	for i, w := range want {
		v := out[i]
		if v.IsNull(n) != (w == nil) {
			t.Fatalf("%q column %d: null %v, want %v", rec, i, v.IsNull(n), w)
		}
		same := true
		switch w := w.(type) {
		case string:
			same = string(v.Bytes(n)) == w
		case bool:
			same = v.B[n] == w
		case int64:
			same = v.I[n] == w
		case float64:
			same = math.Float64bits(v.F[n]) == math.Float64bits(w) || math.IsNaN(w) && math.IsNaN(v.F[n])
		}
		if !same {
			t.Fatalf("%q column %d: %+v, want %v", rec, i, v.At(n), w)
		}
	}
}
