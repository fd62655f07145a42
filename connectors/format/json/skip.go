package json

// skipper checks the syntax of values that no column takes, without recursion.
type skipper struct {
	nest    [MaxDepth/64 + 1]uint64 // by depth: the open value is an object
	scratch []byte
	// expansion adds up what numbers with exponents grow by when written out.
	expansion int
}

// skip returns the position after the value at p.
func (k *skipper) skip(b []byte, p int) (int, error) {
	depth := 0
	for {
		var open bool
		var err error
		if p, open, err = k.begin(b, p, depth); err != nil {
			return 0, err
		}
		if open {
			if depth++; k.inObject(depth) {
				if p, err = k.key(b, p); err != nil {
					return 0, err
				}
			}
			continue
		}
		// After a value: the next one, or the ends of what is open.
		for {
			if depth == 0 {
				return p, nil
			}
			p = space(b, p)
			if p == len(b) {
				return 0, ended(p)
			}
			c, object := b[p], k.inObject(depth)
			p++
			if c == ',' {
				if object {
					if p, err = k.key(b, space(b, p)); err != nil {
						return 0, err
					}
				}
				break
			}
			if object && c != '}' {
				return 0, expected(b, p-1, "',' or '}'")
			}
			if !object && c != ']' {
				return 0, expected(b, p-1, "',' or ']'")
			}
			depth--
		}
	}
}

func (k *skipper) inObject(depth int) bool { return k.nest[depth>>6]>>(depth&63)&1 != 0 }

// begin reads a whole scalar or empty array or object, or the opening of one
// that has members.
func (k *skipper) begin(b []byte, p, depth int) (next int, open bool, err error) {
	p = space(b, p)
	if p == len(b) {
		return 0, false, ended(p)
	}
	switch c := b[p]; c {
	case '{', '[':
		if depth+1 > MaxDepth {
			return 0, false, tooDeep(p)
		}
		d := depth + 1
		bit := uint64(1) << (d & 63)
		k.nest[d>>6] &^= bit
		if c == '{' {
			k.nest[d>>6] |= bit
		}
		p = space(b, p+1)
		if p < len(b) && b[p] == c+2 { // '}' and ']' stand two after their openings
			return p + 1, false, nil
		}
		return p, true, nil
	case '"':
		p, err = k.string(b, p)
		return p, false, err
	case 't':
		return word(b, p, "true")
	case 'f':
		return word(b, p, "false")
	case 'n':
		return word(b, p, "null")
	}
	n, ok := scanNumber(b, p)
	if !ok {
		return 0, false, badNumber(b, p, n.end)
	}
	k.expansion += n.exponent
	return n.end, false, nil
}

func word(b []byte, p int, w string) (int, bool, error) {
	if !literal(b, p, w) {
		return 0, false, expected(b, p, "a value")
	}
	return p + len(w), false, nil
}

// key reads a member's key and colon.
func (k *skipper) key(b []byte, p int) (int, error) {
	if p == len(b) {
		return 0, ended(p)
	}
	if b[p] != '"' {
		return 0, expected(b, p, "a key")
	}
	p, err := k.string(b, p)
	if err != nil {
		return 0, err
	}
	return colon(b, p)
}

func colon(b []byte, p int) (int, error) {
	p = space(b, p)
	if p == len(b) {
		return 0, ended(p)
	}
	if b[p] != ':' {
		return 0, expected(b, p, "':'")
	}
	return p + 1, nil
}

// string checks the string whose opening quote is at p.
func (k *skipper) string(b []byte, p int) (int, error) {
	end, s := scanString(b, p+1)
	if s == plain {
		return end + 1, nil
	}
	if s != escaped {
		return 0, badString(end, s)
	}
	var why string
	if k.scratch, why = unescape(k.scratch[:0], b[p+1:end], false); why != "" {
		return 0, invalid(p, "%s", why)
	}
	return end + 1, nil
}
