package types

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// CheckUTF8 returns PostgreSQL's 22021 error unless b is valid UTF-8 without
// zero bytes, which is what text may hold.
func CheckUTF8(b []byte) error {
	if utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 {
		return nil
	}
	i := 0
	for i < len(b) && b[i] != 0 {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n <= 1 {
			break
		}
		i += n
	}
	n := 1
	switch c := b[i]; {
	case c >= 0xF0 && c < 0xF8:
		n = 4
	case c >= 0xE0 && c < 0xF0:
		n = 3
	case c >= 0xC0 && c < 0xE0:
		n = 2
	}
	msg := ""
	for _, c := range b[i:min(i+n, len(b))] {
		msg += fmt.Sprintf(" 0x%02x", c)
	}
	return pgerr.New(pgerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\":%s", msg)
}
