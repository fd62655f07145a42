package pgwire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"pgregory.net/rapid"
)

func noWait(bool) error { return nil }

// TestGuardMemory: a header that claims a lot costs nothing, and memory
// follows what arrives.
func TestGuardMemory(t *testing.T) {
	t.Parallel()
	const claim = 64 << 20
	head := binary.BigEndian.AppendUint32([]byte{'Q'}, claim)
	for _, sent := range []int{0, 100, 1 << 20} {
		g := guard{src: bytes.NewReader(append(head, make([]byte, sent)...)), wait: noWait, authed: true, max: claim}
		if _, _, err := g.message(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes: %v", sent, err)
		}
		if limit := max(readChunk, 2*(sent+5)); len(g.buf) > limit {
			t.Errorf("%d bytes arrived, buffer has %d", sent, len(g.buf))
		}
	}
	big := guard{src: io.MultiReader(bytes.NewReader(append(head, make([]byte, claim-4)...)), strings.NewReader("S\x00\x00\x00\x04")), wait: noWait, authed: true, max: claim}
	if _, b, err := big.message(); err != nil || len(b) != claim-4 {
		t.Fatal(len(b), err)
	}
	if typ, _, err := big.message(); typ != 'S' || err != nil || len(big.buf) > keepBytes {
		t.Errorf("after a large message: %q %v, buffer %d", typ, err, len(big.buf))
	}
}

// TestGuardFraming: however the bytes are cut into reads, the messages are the
// ones that were sent, and Next gives header and body.
func TestGuardFraming(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var stream []byte
		bodies := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 3*readChunk/2), 1, 6).Draw(rt, "bodies")
		for _, b := range bodies {
			stream = append(binary.BigEndian.AppendUint32(append(stream, 'd'), uint32(len(b)+4)), b...)
		}
		src := rapid.SampledFrom([]func(io.Reader) io.Reader{
			func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader,
		}).Draw(rt, "reader")(bytes.NewReader(stream))
		g := guard{src: src, wait: noWait, authed: true, max: 1 << 20}
		for _, want := range bodies {
			typ, got, err := g.message()
			if err != nil || typ != 'd' || !bytes.Equal(got, want) {
				rt.Fatalf("%q %v: %d bytes instead of %d", typ, err, len(got), len(want))
			}
			if rapid.Bool().Draw(rt, "skip") {
				continue
			}
			head, err := g.Next(5)
			if err != nil || head[0] != 'd' {
				rt.Fatal(head, err)
			}
			body, err := g.Next(len(want))
			if err != nil || !bytes.Equal(body, want) {
				rt.Fatal(err)
			}
			if _, err := g.Next(1); err == nil {
				rt.Fatal("Next went past the message")
			}
		}
		if _, _, err := g.message(); !errors.Is(err, errClosed) {
			rt.Fatal(err)
		}
	})
}

func TestCharPos(t *testing.T) {
	t.Parallel()
	s := errSource{query: "SELECT 'äö', x", offset: 0}
	for bytePos, want := range map[int]int32{0: 0, -1: 0, 1: 1, 9: 9, 11: 10, 16: 14, 1000: 15} {
		if got := s.charPos(bytePos); got != want {
			t.Errorf("byte %d: character %d, want %d", bytePos, got, want)
		}
	}
	s = errSource{query: "ä; SELECT x", offset: 4}
	if got := s.charPos(8); got != 11 {
		t.Errorf("got %d", got)
	}
}

func TestParseOptions(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                 "",
		"-c a=b":                           "a=b",
		"-ca=b --x-y=z":                    "a=b|x_y=z",
		`-c search_path=a\ b\\c  -c d=`:    `search_path=a b\c|d=`,
		"\t-c  statement_timeout=5\n":      "statement_timeout=5",
		"-x":                               "42601",
		"-c":                               "42601",
		"-c a":                             "42601",
		"--=b":                             "42601",
		"plain":                            "42601",
		"-c geqo=off -c default_x-y='1 2'": "42601", // quotes do not quote here
	} {
		set, err := parseOptions(in)
		var got []string
		for _, s := range set {
			got = append(got, s.Name+"="+s.Value)
		}
		if err != nil {
			got = []string{pgerr.From(err).Code}
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestInvalidUTF8(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "aä€😀": "",
		"a\xff":         "0xff",
		"\xc3(":         "0xc3 0x28",
		"\xe2\x82":      "0xe2 0x82",
		"x\xf0\x9f\x98": "0xf0 0x9f 0x98",
		"\xed\xa0\x80":  "0xed 0xa0 0x80", // a surrogate
		"\x80":          "0x80",
	} {
		got := ""
		if e := invalidUTF8([]byte(in)); e != nil {
			got = strings.TrimPrefix(e.Message, "invalid byte sequence for encoding \"UTF8\": ")
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestClientEncoding(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"UTF8": "UTF8", "utf-8": "UTF8", "Unicode": "UTF8", "sql_ascii": "SQL_ASCII", "LATIN1": "", "": ""} {
		if got, ok := ClientEncoding(in); got != want || ok != (want != "") {
			t.Errorf("%q: %q %v", in, got, ok)
		}
	}
}

func TestStatementsBounds(t *testing.T) {
	t.Parallel()
	s := NewStatements(2, 100)
	put := func(name string, bytes int) string {
		if err := s.Put(&PreparedStatement{Name: name, Query: strings.Repeat("x", bytes)}); err != nil {
			return pgerr.From(err).Code
		}
		return ""
	}
	for _, c := range []struct {
		name  string
		bytes int
		want  string
	}{{"a", 40, ""}, {"a", 1, "42P05"}, {"", 70, "54000"}, {"", 50, ""}, {"", 51, ""}, {"b", 10, "54000"}, {"b", 1, ""}, {"c", 0, "54000"}} {
		if got := put(c.name, c.bytes); got != c.want {
			t.Errorf("%q of %d: %q instead of %q", c.name, c.bytes, got, c.want)
		}
	}
	if all := s.All(); len(all) != 2 || all[0].Name != "a" || all[1].Name != "b" {
		t.Errorf("All: %v", all)
	}
	s.DropAll()
	if got := put("z", 99); got != "" || !s.Drop("z") || s.Drop("z") || s.bytes != 0 {
		t.Errorf("after DropAll: %q, %d bytes", got, s.bytes)
	}
}
