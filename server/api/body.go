package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// readBody reads a request's body into r.body.
func readBody(w http.ResponseWriter, r *request) error {
	most := int64(MaxBody)
	if r.route.Allow == Public {
		most = MaxPublicBody
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && r.ContentLength != 0 && !strings.EqualFold(enc, "identity") {
		return problem(UnsupportedMedia, "the body's Content-Encoding is "+quoted(enc)+"; it must be sent as it is")
	}
	if r.ContentLength > most { // not a byte of it is waited for
		return problem(TooLarge, fmt.Sprintf("the body has more than %d bytes", most))
	}
	var err error
	if r.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, most)); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return problem(TooLarge, fmt.Sprintf("the body has more than %d bytes", large.Limit))
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return problem(TooSlow, "the body did not come in time")
		}
		return problem(BadRequest, "the body could not be read to its end")
	}
	// From here on the route's own time limit holds. Where the connection has no
	// deadlines, there is none to take away.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return nil
}

// decode reads a JSON object into v, a pointer to a struct. Names are matched
// exactly, unknown ones and nulls are errors that say where. A request without
// a body is {} when optional.
func decode(r *request, v any, optional bool) error {
	raw := r.body
	if len(bytes.TrimSpace(raw)) == 0 {
		if optional {
			return nil
		}
		return problem(BadRequest, "the body is empty; this route takes a JSON object")
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return &Problem{Kind: UnsupportedMedia, Detail: "the body's Content-Type is " + quoted(r.Header.Get("Content-Type")) + ", not application/json",
			Hint: `Add -H "Content-Type: application/json".`}
	}
	if !utf8.Valid(raw) {
		return problem(BadRequest, "the body is not valid UTF-8")
	}
	if at := halfSurrogate(raw); at > 0 {
		return problem(BadRequest, fmt.Sprintf("the body has half a surrogate pair, which is no character, at byte %d", at))
	}
	if err := checkShape(raw, reflect.TypeOf(v).Elem(), "body"); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return badJSON(err)
	}
	return nil
}

// halfSurrogate is the byte, from 1, of a \u escape of UTF-16 whose other half is
// missing; 0: there is none. The decoder would put U+FFFD there, and the text
// would not be what was sent.
func halfSurrogate(raw []byte) int {
	unit := func(i int) (rune, bool) { // the escape at i
		if i+6 > len(raw) || raw[i] != '\\' || raw[i+1] != 'u' {
			return 0, false
		}
		n, err := strconv.ParseUint(string(raw[i+2:i+6]), 16, 16)
		return rune(n), err == nil
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' { // JSON has it in strings alone
			continue
		}
		r, ok := unit(i)
		switch low, _ := unit(i + 6); {
		case !ok:
			i++ // what is escaped
		case !utf16.IsSurrogate(r):
			i += 5
		case utf16.DecodeRune(r, low) == utf8.RuneError:
			return i + 1
		default:
			i += 11
		}
	}
	return 0
}

// quoted is text of a client in a message, cut at a length.
func quoted(s string) string {
	const most = 80
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}

func badJSON(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var p *Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &syntax):
		return problem(BadRequest, fmt.Sprintf("the body is not JSON: %v, at byte %d", err, syntax.Offset))
	case errors.As(err, &kind):
		return problem(BadRequest, fmt.Sprintf("%s: a JSON %s is not what belongs here", kind.Field, kind.Value))
	}
	return problem(BadRequest, "the body is not JSON: "+err.Error())
}

// Whole is an integer of a body: a JSON number without a fraction, however it is
// written, as JSON Schema's integer.
type Whole int64

// UnmarshalJSON implements json.Unmarshaler.
func (w *Whole) UnmarshalJSON(b []byte) error {
	if n, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		*w = Whole(n)
		return nil
	}
	const exact = 1 << 53
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > exact {
		what := "value"
		switch {
		case b[0] == '"':
			what = "string"
		case b[0] == '-' || b[0] >= '0' && b[0] <= '9':
			what = "number " + string(b[:min(len(b), 40)])
		}
		return &json.UnmarshalTypeError{Value: what, Type: reflect.TypeFor[Whole]()}
	}
	*w = Whole(f)
	return nil
}

// checkShape sees that the objects of raw have only the members that t has.
func checkShape(raw []byte, t reflect.Type, at string) error {
	if t == reflect.TypeFor[json.RawMessage]() {
		return nil
	}
	if bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return problem(BadRequest, at+" is null; leave it out instead")
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil // it checks for itself
	}
	switch t.Kind() {
	case reflect.Pointer:
		return checkShape(raw, t.Elem(), at)
	case reflect.Struct:
		return checkMembers(raw, t, at)
	case reflect.Slice:
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return wrongShape(err, at, "an array")
		}
		for i, x := range list {
			if err := checkShape(x, t.Elem(), fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkMembers(raw []byte, t reflect.Type, at string) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		return wrongShape(err, at, "an object")
	}
	if name, twice := repeated(raw); twice {
		return problem(BadRequest, fmt.Sprintf("%s has the member %s twice", at, quoted(name)))
	}
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
		if x, ok := m[name]; ok {
			if err := checkShape(x, f.Type, name); err != nil {
				return err
			}
			delete(m, name)
		}
	}
	for name := range m {
		slices.Sort(names)
		return problem(BadRequest, fmt.Sprintf("%s has no member %s; it takes %s", at, quoted(name), strings.Join(names, ", ")))
	}
	return nil
}

// repeated is a member that an object has twice: two readers of the request
// could take one each.
func repeated(raw []byte) (string, bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	seen := map[string]bool{}
	if _, err := d.Token(); err != nil {
		return "", false
	}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return "", false
		}
		if seen[name] {
			return name, true
		}
		seen[name] = true
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return "", false
		}
	}
	return "", false
}

func wrongShape(err error, at, want string) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return problem(BadRequest, at+" is not "+want)
	}
	return badJSON(err)
}
