package config

import "strings"

// keyLines finds the line (from 1) of every key, as "section.key", and of every
// table header, as "section", in a text that is valid TOML. The TOML library
// keeps no positions of keys that decoded well, and a message about a value out
// of range should name the line all the same. Dotted and quoted keys that this
// configuration never uses may be found under an odd name, no more.
func keyLines(text string) map[string]int {
	lines := make(map[string]int)
	eachKey(text, func(name string, line int) { lines[name] = line })
	return lines
}

// firstLine is the first line with the key or table; 0: there is none.
func firstLine(text, name string) int {
	first := 0
	eachKey(text, func(n string, line int) {
		if n == name && first == 0 {
			first = line
		}
	})
	return first
}

// eachKey calls fn for the keys and table headers of a text, in its order.
func eachKey(text string, fn func(name string, line int)) {
	s := &lineScanner{text: text, line: 1}
	section := ""
	for s.skipBlank(); s.pos < len(s.text); s.skipBlank() {
		line := s.line
		if s.text[s.pos] == '[' {
			header := s.take("\n#")
			section = cleanKey(strings.Trim(strings.TrimSpace(header), "[]"))
			fn(section, line)
			continue
		}
		name := cleanKey(s.take("=\n"))
		if section != "" {
			name = section + "." + name
		}
		fn(name, line)
		s.skipValue()
	}
}

// cleanKey removes the blanks and quotes around the parts of a key.
func cleanKey(key string) string {
	parts := strings.Split(key, ".")
	for i, p := range parts {
		parts[i] = strings.Trim(strings.TrimSpace(p), `"'`)
	}
	return strings.Join(parts, ".")
}

type lineScanner struct {
	text string
	pos  int
	line int
}

// next consumes one byte.
func (s *lineScanner) next() byte {
	c := s.text[s.pos]
	s.pos++
	if c == '\n' {
		s.line++
	}
	return c
}

// skipBlank consumes white space and comments.
func (s *lineScanner) skipBlank() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.next()
		case '#':
			s.take("\n")
		default:
			return
		}
	}
}

// take consumes up to one of the stop bytes, which stays.
func (s *lineScanner) take(stop string) string {
	n := strings.IndexAny(s.text[s.pos:], stop)
	if n < 0 {
		n = len(s.text) - s.pos
	}
	part := s.text[s.pos : s.pos+n]
	s.pos += n
	return part
}

// skipValue consumes "= value" to the end of its last line.
func (s *lineScanner) skipValue() {
	for depth := 0; s.pos < len(s.text); {
		rest := s.text[s.pos:]
		switch c := rest[0]; {
		case c == '#':
			s.take("\n")
		case strings.HasPrefix(rest, `"""`) || strings.HasPrefix(rest, "'''"):
			s.skipQuoted(rest[:3])
		case c == '"' || c == '\'':
			s.skipQuoted(rest[:1])
		case c == '\n' && depth <= 0:
			return
		default:
			switch c {
			case '[', '{':
				depth++
			case ']', '}':
				depth--
			}
			s.next()
		}
	}
}

// skipQuoted consumes a string that opens and ends with quote.
func (s *lineScanner) skipQuoted(quote string) {
	s.pos += len(quote)
	for s.pos < len(s.text) {
		if strings.HasPrefix(s.text[s.pos:], quote) {
			s.pos += len(quote)
			// A multi-line string may end in one or two quotes of its own.
			for len(quote) == 3 && s.pos < len(s.text) && s.text[s.pos] == quote[0] {
				s.pos++
			}
			return
		}
		if s.next() == '\\' && quote[0] == '"' && s.pos < len(s.text) {
			s.next()
		}
	}
}
