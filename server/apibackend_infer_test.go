package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"pgregory.net/rapid"
)

func inferred(messages ...string) string {
	n := &inference{}
	for _, m := range messages {
		n.add([]byte(m))
	}
	cols, notices := n.columns()
	if cols == nil {
		return "payload: " + strings.Join(notices, "; ")
	}
	var parts []string
	for _, c := range cols {
		parts = append(parts, c.Name+" "+c.Type)
	}
	return strings.Join(parts, ", ")
}

func TestInferredColumns(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		messages []string
		want     string
	}{
		{[]string{`{"id":1,"ok":true,"s":"x","at":"2024-05-01T12:00:00Z","o":{"a":1},"l":[1]}`},
			"id bigint, ok boolean, s text, at timestamptz, o jsonb, l jsonb"},
		{[]string{`{"b":1}`, `{"a":2,"b":2}`}, "b bigint, a bigint"},
		{[]string{`{"n":1}`, `{"n":1.5}`}, "n double precision"},
		{[]string{`{"n":1}`, `{"n":123456789012345678901234567890}`}, "n numeric"},
		{[]string{`{"n":1.5}`, `{"n":0.1234567890123456789}`}, "n numeric"},
		{[]string{`{"n":1e3}`}, "n double precision"},
		{[]string{`{"n":1e400}`}, "n numeric"},
		{[]string{`{"n":0.001}`, `{"n":-12.50}`}, "n double precision"},
		{[]string{`{"n":null}`, `{"n":true}`}, "n boolean"},
		{[]string{`{"n":null}`}, "n jsonb"},
		{[]string{`{"n":1}`, `{"n":"x"}`}, "n text"},
		{[]string{`{"n":true}`, `{"n":1}`}, "n text"},
		{[]string{`{"n":"2024-05-01T12:00:00Z"}`, `{"n":"soon"}`}, "n text"},
		{[]string{`{"n":"2024-05-01T12:00:00.123+02:00"}`, `{"n":"2024-05-01 12:00:00Z"}`}, "n timestamptz"},
		{[]string{`{"n":"2024-05-01T12:00:00"}`}, "n text"},
		{[]string{`{"n":"2024-05-01"}`}, "n text"},
		{[]string{`{"n":1}`, `{"n":{}}`}, "n jsonb"},
		{[]string{`{"userId":1,"with space":2}`}, "userId bigint, with space bigint"},
		{[]string{`{"a":1`, `{"a":1}`}, "a bigint"},
		{[]string{`{"a":1}`, `[1]`}, "payload: not every message is a JSON object: they are one column, payload"},
		{nil, "payload: the topic has no JSON messages yet: they are one column, payload"},
		{[]string{`nothing`}, "payload: the first 1 messages are no JSON: such messages are in heliosdb.dead_letters, all others are one column, payload"},
		{[]string{`{}`}, "payload: the messages have no fields: they are one column, payload"},
		{[]string{`{"_offset":1,"":2,"` + strings.Repeat("x", 64) + `":3,"a":4}`}, "a bigint"},
	} {
		if got := inferred(tt.messages...); got != tt.want {
			t.Errorf("%q\n got %s\nwant %s", tt.messages, got, tt.want)
		}
	}
}

func TestInferenceIsBounded(t *testing.T) {
	t.Parallel()
	m := map[string]int{}
	for i := range maxInferred + 1 {
		m[fmt.Sprint("f", i)] = i
	}
	b, _ := json.Marshal(m)
	if got := inferred(string(b)); !strings.HasPrefix(got, "payload: ") {
		t.Errorf("%.100s", got)
	}
}

// A value that was seen fits the type that was inferred from it.
func TestInferredTypesTakeWhatWasSeen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.StringMatching(`-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?`)
		seen := rapid.SliceOfN(number, 1, 5).Draw(t, "numbers")
		n := &inference{}
		for _, s := range seen {
			n.add([]byte(`{"n":` + s + `}`))
		}
		cols, _ := n.columns()
		byName := map[string]types.Type{"bigint": types.Int8, "double precision": types.Float8, "numeric": types.Numeric}
		typ, ok := byName[cols[0].Type]
		if !ok {
			t.Fatalf("%q is %s", seen, cols[0].Type)
		}
		for _, s := range seen {
			if _, err := values.ParseDatum(typ, []byte(s), &values.DefaultOpts); err != nil {
				t.Fatalf("%s is no %s: %v", s, cols[0].Type, err)
			}
		}
	})
}
