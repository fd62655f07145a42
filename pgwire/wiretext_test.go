package pgwire

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jackc/pgproto3/v2"
)

// This file turns messages into text and back, for the wire scripts.

// clientMessage encodes a script's line, "Type arg …".
func clientMessage(line string) ([]byte, error) {
	word, rest, _ := strings.Cut(line, " ")
	if word == "Query" || word == "CopyFail" {
		s, err := strconv.Unquote(rest)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
		if word == "CopyFail" {
			return (&pgproto3.CopyFail{Message: s}).Encode(nil)
		}
		return (&pgproto3.Query{String: s}).Encode(nil)
	}
	if word == "raw" {
		return hex.DecodeString(strings.ReplaceAll(rest, " ", ""))
	}
	kv, err := keyValues(rest)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", line, err)
	}
	if word == "Startup" {
		return startupMessage(kv), nil
	}
	m, err := namedMessage(word, kv)
	if err != nil {
		return nil, err
	}
	return m.Encode(nil)
}

func namedMessage(word string, kv map[string]string) (encoder, error) {
	object := func() byte {
		if _, ok := kv["portal"]; ok {
			return 'P'
		}
		return 'S'
	}
	switch word {
	case "Parse":
		m := &pgproto3.Parse{Name: kv["name"], Query: kv["query"]}
		for _, n := range ints(kv["oids"]) {
			m.ParameterOIDs = append(m.ParameterOIDs, uint32(n))
		}
		return m, nil
	case "Bind":
		m := &pgproto3.Bind{DestinationPortal: kv["portal"], PreparedStatement: kv["name"]}
		for _, n := range ints(kv["formats"]) {
			m.ParameterFormatCodes = append(m.ParameterFormatCodes, int16(n))
		}
		for _, n := range ints(kv["results"]) {
			m.ResultFormatCodes = append(m.ResultFormatCodes, int16(n))
		}
		if p, ok := kv["params"]; ok {
			for _, s := range strings.Split(p, ",") {
				m.Parameters = append(m.Parameters, param(s))
			}
		}
		return m, nil
	case "Describe":
		return &pgproto3.Describe{ObjectType: object(), Name: kv["name"] + kv["portal"]}, nil
	case "Close":
		return &pgproto3.Close{ObjectType: object(), Name: kv["name"] + kv["portal"]}, nil
	case "Execute":
		n, _ := strconv.Atoi(kv["rows"])
		return &pgproto3.Execute{Portal: kv["portal"], MaxRows: uint32(n)}, nil
	case "Sync":
		return &pgproto3.Sync{}, nil
	case "Flush":
		return &pgproto3.Flush{}, nil
	case "Terminate":
		return &pgproto3.Terminate{}, nil
	case "CopyData":
		return &pgproto3.CopyData{Data: []byte(kv["data"])}, nil
	case "CopyDone":
		return &pgproto3.CopyDone{}, nil
	case "Password":
		return &pgproto3.PasswordMessage{Password: kv["password"]}, nil
	case "SASLInitial":
		return &pgproto3.SASLInitialResponse{AuthMechanism: kv["mechanism"], Data: []byte(kv["data"])}, nil
	case "SASLResponse":
		return &pgproto3.SASLResponse{Data: []byte(kv["data"])}, nil
	case "FunctionCall":
		return &pgproto3.FunctionCall{Function: 1}, nil
	case "SSLRequest":
		return &pgproto3.SSLRequest{}, nil
	case "GSSEncRequest":
		return &pgproto3.GSSEncRequest{}, nil
	}
	return nil, fmt.Errorf("unknown message %q", word)
}

// param is NULL, x:HEX, or text.
func param(s string) []byte {
	if s == "NULL" {
		return nil
	}
	if h, ok := strings.CutPrefix(s, "x:"); ok {
		b, err := hex.DecodeString(h)
		if err != nil {
			panic(err)
		}
		return b
	}
	return []byte(s)
}

func ints(s string) []int {
	var out []int
	for _, f := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' }) {
		n, err := strconv.Atoi(f)
		if err != nil {
			panic(err)
		}
		out = append(out, n)
	}
	return out
}

// keyValues reads key=value and key="go string" pairs.
func keyValues(s string) (map[string]string, error) {
	kv := map[string]string{}
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		key, rest, ok := strings.Cut(s, "=")
		if !ok {
			return nil, fmt.Errorf("no = in %q", s)
		}
		if strings.HasPrefix(rest, `"`) {
			q, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return nil, err
			}
			kv[key], _ = strconv.Unquote(q)
			s = rest[len(q):]
			continue
		}
		kv[key], s, _ = strings.Cut(rest, " ")
	}
	return kv, nil
}

func startupMessage(kv map[string]string) []byte {
	version := uint32(version30)
	if v, ok := kv["version"]; ok {
		major, minor, _ := strings.Cut(v, ".")
		a, _ := strconv.Atoi(major)
		b, _ := strconv.Atoi(minor)
		version = uint32(a<<16 | b)
	}
	body := binary.BigEndian.AppendUint32(nil, version)
	for _, k := range sortedKeys(kv) {
		if k != "version" {
			body = append(append(append(append(body, k...), 0), kv[k]...), 0)
		}
	}
	body = append(body, 0)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4)), body...)
}

// readMessage reads one message of the server.
func readMessage(r io.Reader) (t byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	body = make([]byte, binary.BigEndian.Uint32(head[1:])-4)
	_, err = io.ReadFull(r, body)
	return head[0], body, err
}

// serverNames are the messages without a body, and those shown by name only.
var serverNames = map[byte]string{
	'1': "ParseComplete", '2': "BindComplete", '3': "CloseComplete", 'n': "NoData", 's': "PortalSuspended",
	'I': "EmptyQueryResponse", 'c': "CopyDone", 'R': "Authentication", 'S': "ParameterStatus", 'K': "BackendKeyData",
	'Z': "ReadyForQuery", 'C': "CommandComplete", 'T': "RowDescription", 'D': "DataRow", 'E': "ErrorResponse",
	'N': "NoticeResponse", 't': "ParameterDescription", 'H': "CopyOutResponse", 'd': "CopyData", 'v': "NegotiateProtocolVersion",
}

// serverText shows a message of the server on one line.
func serverText(t byte, b []byte) string {
	name := serverNames[t]
	cs := func() string {
		i := strings.IndexByte(string(b), 0)
		s := string(b[:i])
		b = b[i+1:]
		return s
	}
	u16 := func() int { n := int(int16(binary.BigEndian.Uint16(b))); b = b[2:]; return n }
	u32 := func() int { n := int(int32(binary.BigEndian.Uint32(b))); b = b[4:]; return n }
	out := []string{name}
	add := func(f string, a ...any) { out = append(out, fmt.Sprintf(f, a...)) }
	switch t {
	case 'R':
		add("%d", u32())
		if len(b) > 0 {
			add("%q", b)
		}
	case 'S':
		add("%s=%q", cs(), cs())
	case 'Z':
		add("%c", b[0])
	case 'C':
		add("%q", cs())
	case 'E', 'N':
		hide := "VFLRt"
		if t == 'N' {
			hide += "W" // the notices here come from PL/pgSQL
		}
		errorText(b, hide, add)
	case 'T':
		for n := u16(); n > 0; n-- {
			name, tab, att, oid, size, mod, format := cs(), u32(), u16(), u32(), u16(), u32(), u16()
			add("%q:%d/%d/%d/%d/%d/%d", name, oid, size, mod, format, tab, att)
		}
	case 'D':
		for n := u16(); n > 0; n-- {
			if size := u32(); size < 0 {
				add("NULL")
			} else {
				add("%q", b[:size])
				b = b[size:]
			}
		}
	case 't':
		for n := u16(); n > 0; n-- {
			add("%d", u32())
		}
	case 'H':
		add("%x", b)
	case 'd':
		add("%q", b)
	case 'v':
		add("%d", u32())
		for n := u32(); n > 0; n-- {
			add("%s", cs())
		}
	case 'K':
	case 0:
		add("end")
	}
	return strings.Join(out, " ")
}

// errorText shows the fields that are the same on every server and version.
func errorText(b []byte, hide string, add func(string, ...any)) {
	for _, f := range strings.Split(string(b), "\x00") {
		if f != "" && !strings.Contains(hide, f[:1]) {
			add("%c=%q", f[0], f[1:])
		}
	}
}
