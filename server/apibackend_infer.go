package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/server/api"
)

// Bounds of the look at a topic's first messages.
const (
	sampleRecords = 200
	sampleBytes   = 4 << 20
	sampleTime    = 5 * time.Second
	// maxInferred bounds the columns that are inferred; messages with more
	// fields become one payload column.
	maxInferred = 500
)

// kindSet is what kinds of values a field has had.
type kindSet uint16

const (
	kindBool      kindSet = 1 << iota
	kindBigint            // an integer that fits
	kindDouble            // a number that a double holds to its last digit
	kindNumeric           // a number that neither holds
	kindZoned             // a text that is a time with a zone
	kindText              // another text
	kindStructure         // an object or an array
)

// inference finds the columns of a topic by its first messages.
type inference struct {
	order []string
	kinds map[string]kindSet
	seen  int  // objects
	alien int  // messages that are no JSON
	other bool // a message was no object
	wide  bool // more fields than maxInferred
}

// add looks at one message; what is no JSON at all says nothing of columns.
func (n *inference) add(msg []byte) {
	if !json.Valid(msg) {
		n.alien++
		return
	}
	dec := json.NewDecoder(bytes.NewReader(msg))
	dec.UseNumber()
	if t, _ := dec.Token(); t != json.Delim('{') {
		n.other = true
		return
	}
	n.seen++
	if n.kinds == nil {
		n.kinds = map[string]kindSet{}
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return
		}
		var v any
		if dec.Decode(&v) != nil {
			return
		}
		name := key.(string)
		if _, known := n.kinds[name]; !known {
			n.wide = n.wide || len(n.order) == maxInferred
			if n.wide {
				return
			}
			n.order = append(n.order, name)
		}
		n.kinds[name] |= kindOfValue(v)
	}
}

func kindOfValue(v any) kindSet {
	switch v := v.(type) {
	case nil:
		return 0
	case bool:
		return kindBool
	case json.Number:
		return kindOfNumber(v)
	case string:
		if isZonedTime(v) {
			return kindZoned
		}
		return kindText
	}
	return kindStructure
}

// exactDigits is how many significant decimal digits every double keeps.
const exactDigits = 15

func kindOfNumber(v json.Number) kindSet {
	if _, err := v.Int64(); err == nil {
		return kindBigint
	}
	f, err := v.Float64()
	mantissa, _, _ := strings.Cut(strings.ToLower(v.String()), "e")
	digits := strings.TrimLeft(strings.NewReplacer("-", "", ".", "").Replace(mantissa), "0")
	if err != nil || math.IsInf(f, 0) || len(digits) > exactDigits {
		return kindNumeric
	}
	return kindDouble
}

// isZonedTime reports whether a text is a date and time with a zone.
func isZonedTime(s string) bool {
	if len(s) < len("2006-01-02T15:04:05Z") || len(s) > 40 {
		return false
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999Z0700"} {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	return false
}

// sqlType is the narrowest type that takes all values of a field.
func (k kindSet) sqlType() string {
	const numbers = kindBigint | kindDouble | kindNumeric
	switch {
	case k == 0, k&kindStructure != 0:
		return "jsonb" // takes anything
	case k == kindBool:
		return "boolean"
	case k == kindBigint:
		return "bigint"
	case k == kindDouble:
		return "double precision"
	case k&^numbers == 0:
		if k&kindNumeric == 0 {
			return "double precision"
		}
		return "numeric"
	case k == kindZoned:
		return "timestamptz"
	}
	return "text"
}

// columns are the inferred columns; nil: the messages do not have any.
func (n *inference) columns() (cols api.Columns, notices []string) {
	switch {
	case n.wide:
		return nil, []string{fmt.Sprintf("the messages have more than %d fields: they are one column, payload", maxInferred)}
	case n.other:
		return nil, []string{"not every message is a JSON object: they are one column, payload"}
	case n.seen == 0 && n.alien > 0:
		return nil, []string{fmt.Sprintf("the first %d messages are no JSON: such messages are in heliosdb.dead_letters, all others are one column, payload", n.alien)}
	case n.seen == 0:
		return nil, []string{"the topic has no JSON messages yet: they are one column, payload"}
	}
	for _, name := range n.order {
		if name == "" || len(name) > maxIdentifier || strings.ContainsRune(name, 0) || !utf8.ValidString(name) || isMetaColumn(name) {
			notices = append(notices, fmt.Sprintf("field %.80q is left out: it cannot be the name of a column here", name))
			continue
		}
		cols = append(cols, api.JobColumn{Name: name, Type: n.kinds[name].sqlType()})
	}
	if len(cols) == 0 {
		return nil, []string{"the messages have no fields: they are one column, payload"}
	}
	return cols, append(notices, fmt.Sprintf("columns inferred from the first %d messages", n.seen))
}

// maxIdentifier is the longest name of a column, in bytes.
const maxIdentifier = 63

// The columns that a job's source has besides those of the messages.
const (
	metaPartition = "_partition"
	metaOffset    = "_offset"
	metaTimestamp = "_timestamp"
)

func isMetaColumn(name string) bool {
	return name == metaPartition || name == metaOffset || name == metaTimestamp
}
