package kafka

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// decodeAll reads the first n records of a topic and gives rows and dead rows as
// text, in their order.
func decodeAll(t *testing.T, o Options, n int) (rows, dead []string) {
	t.Helper()
	s := newSpec(t, o)
	cols := make([]int, len(o.Columns))
	for i := range cols {
		cols[i] = i
	}
	d, err := s.NewDecoder(cols)
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{}, 1)
	r, err := s.Open(nil, func() {
		select {
		case ready <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for len(rows)+len(dead) < n {
		chunks, err := r.Take(everything, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(chunks) == 0 {
			select {
			case <-ready:
			case <-within(t).Done():
				t.Fatalf("no more after %q %q", rows, dead)
			}
		}
		for i := range chunks {
			if err := d.Decode(&chunks[i], func(b *delta.Batch) error {
				for i := range b.N {
					var line []byte
					for c, v := range b.Cols {
						if c > 0 {
							line = append(line, '|')
						}
						if v.IsNull(i) {
							line = append(line, "NULL"...)
						} else {
							line = values.AppendText(line, v, i, nil)
						}
					}
					rows = append(rows, string(line))
				}
				return nil
			}, func(x source.DeadRow) {
				dead = append(dead, fmt.Sprintf("%d:%d %s [%s]", x.Partition, x.Offset, x.Error, x.Payload))
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return rows, dead
}

func TestIncludeAndDeadRows(t *testing.T) {
	testkafka.Both(t, func(t *testing.T, addr string) {
		t.Parallel()
		topic := testkafka.Topic(t, addr, 1)
		at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
		rec := func(value string, hs ...kgo.RecordHeader) *kgo.Record {
			return &kgo.Record{Topic: topic, Key: []byte("key"), Value: []byte(value), Timestamp: at, Headers: hs}
		}
		tomb, bad := rec(""), rec(`{"id":5}`, kgo.RecordHeader{Key: "h", Value: []byte("\xff")})
		tomb.Value, bad.Key = nil, nil
		produce(t, producer(t, addr),
			rec(`{"id":1}`, kgo.RecordHeader{Key: "g", Value: []byte("x")}, kgo.RecordHeader{Key: "h", Value: []byte("1st")}, kgo.RecordHeader{Key: "h", Value: []byte("2nd")}),
			rec(`{"id":"x"}`), tomb, rec(""), rec(`{"id":1`), bad, rec(`{"id":`+strings.Repeat(" ", 100)+`7}`), rec(`{"ID":8}`))
		o := testOptions(addr, topic)
		o.MaxRecordBytes = 100
		o.Columns = []Column{
			{"id", types.Int4, ""}, {"k", types.Bytea, "key"}, {"p", types.Int4, "partition"}, {"o", types.Int8, "offset"},
			{"t", types.Timestamptz, "timestamp"}, {"h", types.Text, "header:h"},
		}
		rows, dead := decodeAll(t, o, 8)
		wantRows := []string{
			`1|\x6b6579|0|0|2026-01-02 03:04:05.678+00|2nd`, `8|\x6b6579|0|7|2026-01-02 03:04:05.678+00|NULL`,
		}
		wantDead := []string{
			`0:1 column "id": invalid input syntax for type integer: "x" [{"id":"x"}]`,
			`0:2 the record has no value (a tombstone) []`, `0:3 the record is empty []`,
			`0:4 invalid JSON at byte 8: the record ends too early [{"id":1]`,
			`0:5 column "h": invalid byte sequence for encoding "UTF8": 0xff [{"id":5}]`,
			`0:6 the record has 108 bytes, more than max_record_bytes = 100 [{"id":` + strings.Repeat(" ", 100) + `7}]`,
		}
		if fmt.Sprint(rows) != fmt.Sprint(wantRows) {
			t.Errorf("rows\n%q, want\n%q", rows, wantRows)
		}
		if fmt.Sprint(dead) != fmt.Sprint(wantDead) {
			t.Errorf("dead\n%q, want\n%q", dead, wantDead)
		}
	})
}

// A source that has the whole message as a column, and no field of it, takes
// any JSON; with fields the message is an object.
func TestIncludePayload(t *testing.T) {
	t.Parallel()
	addr := testkafka.Fake(t)
	topic := testkafka.Topic(t, addr, 1)
	var recs []*kgo.Record
	for _, v := range []string{`{"b":1,"a":2}`, `[1, 2]`, `7`, `{"id": 3} x`, `{"id":4}`, `"\u0000"`} {
		recs = append(recs, &kgo.Record{Topic: topic, Value: []byte(v)})
	}
	produce(t, producer(t, addr), recs...)
	o := testOptions(addr, topic)
	payload, offset := Column{"payload", types.JSONB, "payload"}, Column{"o", types.Int8, "offset"}
	o.Columns = []Column{payload, offset}
	rows, dead := decodeAll(t, o, len(recs))
	if want := []string{`{"a": 2, "b": 1}|0`, `[1, 2]|1`, `7|2`, `{"id": 4}|4`}; fmt.Sprint(rows) != fmt.Sprint(want) {
		t.Errorf("rows\n%q, want\n%q", rows, want)
	}
	if len(dead) != 2 || !strings.Contains(dead[0], "invalid input syntax for type json") {
		t.Errorf("dead %q", dead)
	}
	o.Columns = []Column{{"id", types.Int8, ""}, payload}
	if rows, dead = decodeAll(t, o, len(recs)); fmt.Sprint(rows) != fmt.Sprint([]string{`NULL|{"a": 2, "b": 1}`, `4|{"id": 4}`}) || len(dead) != 4 {
		t.Errorf("with a field: rows %q, dead %q", rows, dead)
	}
	// As bytes it is what was sent, JSON or not.
	o.Columns = []Column{{"payload", types.Bytea, "payload"}}
	rows, dead = decodeAll(t, o, len(recs))
	if want := []string{`{"b":1,"a":2}`, `{"id": 3} x`}; len(dead) != 0 || len(rows) != len(recs) || rows[0] != fmt.Sprintf(`\x%x`, want[0]) || rows[3] != fmt.Sprintf(`\x%x`, want[1]) {
		t.Errorf("as bytes: rows %q, dead %q", rows, dead)
	}
	o.Columns = []Column{{"payload", types.Text, "payload"}}
	if _, err := New(o); !pgerr.Is(err, pgerr.DatatypeMismatch) {
		t.Errorf("a text payload: %v", err)
	}
}

func TestBadColumns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		col  Column
		code string
	}{
		{Column{"k", types.Int4, "key"}, pgerr.DatatypeMismatch},
		{Column{"o", types.Int4, "offset"}, pgerr.DatatypeMismatch},
		{Column{"t", types.Text, "timestamp"}, pgerr.DatatypeMismatch},
		{Column{"x", types.Text, "epoch"}, pgerr.FeatureNotSupported},
		{Column{"x", types.RegClass, ""}, pgerr.FeatureNotSupported},
	} {
		if _, err := New(Options{Brokers: []string{"x:1"}, Topic: "t", Columns: []Column{c.col}}); !pgerr.Is(err, c.code) {
			t.Errorf("%+v: %v, want %s", c.col, err, c.code)
		}
	}
}

func TestParseOptions(t *testing.T) {
	t.Parallel()
	o, _, err := ParseOptions(map[string]string{
		"connector": "kafka", "topic": "t", "properties.bootstrap.server": "a:1, b:2", "scan.startup.timestamp.millis": "5",
		"on_error": "fail", "on_data_loss": "continue", "max_record_bytes": "10", "properties.fetch.wait.max.ms": "7",
	}, Options{GroupID: "g", Brokers: []string{"z:1"}})
	if err != nil || o.Topic != "t" || len(o.Brokers) != 2 || o.Brokers[1] != "b:2" || o.Startup != Timestamp ||
		o.StartupMillis != 5 || !o.FailOnError || o.OnDataLoss != OnLossContinue || o.MaxRecordBytes != 10 ||
		o.FetchMaxWait != 7*time.Millisecond || o.GroupID != "g" {
		t.Fatalf("%+v %v", o, err)
	}
	for _, c := range []struct{ name, value, code, word string }{
		{"topics", "t", pgerr.SyntaxError, `"topic"`},
		{"scan.startup.mod", "t", pgerr.SyntaxError, `"scan.startup.mode"`},
		{"qqq", "t", pgerr.SyntaxError, "There are"},
		{"scan.startup.mode", "middle", pgerr.InvalidParameterValue, "earliest or latest"},
		{"max_record_bytes", "0", pgerr.InvalidParameterValue, "from 1 to"},
		{"topic", " ", pgerr.InvalidParameterValue, "empty"},
		{"topic", "..", pgerr.InvalidParameterValue, "249 letters"},
		{"topic", "a/b", pgerr.InvalidParameterValue, "249 letters"},
		{"topic", strings.Repeat("x", 250), pgerr.InvalidParameterValue, "249 letters"},
		{"kafka.topic", "u", pgerr.SyntaxError, "mean the same"},
		{"scan.startup.timestamp.millis", "1", pgerr.SyntaxError, "exclude"},
	} {
		with := map[string]string{"topic": "t", c.name: c.value}
		if c.word == "exclude" {
			with["scan.startup.mode"] = "latest"
		}
		_, _, err := ParseOptions(with, Options{})
		if e := pgerr.From(err); e.Code != c.code || !strings.Contains(e.Message+e.Hint, c.word) {
			t.Errorf("%s = %q: %+v, want %s %q", c.name, c.value, e, c.code, c.word)
		}
	}
}
