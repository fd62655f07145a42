package values

import "github.com/heliosdb/heliosdb-streaming/internal/pgerr"

// parseBytea reads the hex form \x… (white space between pairs) or the escape
// form.
func parseBytea(dst, s []byte) ([]byte, error) {
	if len(s) >= 2 && s[0] == '\\' && s[1] == 'x' {
		return parseHex(dst, s[2:])
	}
	out := dst
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c != '\\':
			out = append(out, c)
		case i+1 < len(s) && s[i+1] == '\\':
			out = append(out, '\\')
			i++
		case i+3 < len(s) && s[i+1] >= '0' && s[i+1] <= '3' && isOctal(s[i+2]) && isOctal(s[i+3]):
			out = append(out, (s[i+1]-'0')<<6|(s[i+2]-'0')<<3|(s[i+3]-'0'))
			i += 3
		default:
			return dst, pgerr.New(pgerr.InvalidTextRepresentation, "invalid input syntax for type bytea")
		}
	}
	return out, nil
}

func isOctal(c byte) bool { return c >= '0' && c <= '7' }

func parseHex(dst, s []byte) ([]byte, error) {
	out := dst
	for i := 0; i < len(s); {
		if c := s[i]; c == ' ' || c == '\n' || c == '\t' || c == '\r' {
			i++
			continue
		}
		hi := hexVal(s[i])
		if hi < 0 {
			return dst, badHexDigit(s[i:])
		}
		if i+1 >= len(s) {
			return dst, pgerr.New(pgerr.InvalidParameterValue, "invalid hexadecimal data: odd number of digits")
		}
		lo := hexVal(s[i+1])
		if lo < 0 {
			return dst, badHexDigit(s[i+1:])
		}
		out = append(out, byte(hi<<4|lo))
		i += 2
	}
	return out, nil
}

func badHexDigit(s []byte) error {
	return pgerr.New(pgerr.InvalidParameterValue, "invalid hexadecimal digit: \"%s\"", firstChar(s))
}

func firstChar(s []byte) []byte {
	for n := 1; n < len(s) && n < 4; n++ {
		if s[n]&0xC0 != 0x80 {
			return s[:n]
		}
	}
	return s[:min(len(s), 4)]
}

func hexVal(c byte) int {
	switch {
	case c-'0' < 10:
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
