package kafka

import "encoding/binary"

// record is one record of a span, pointing into the fetched bytes.
type record struct {
	timeDelta   int64
	offsetDelta int64
	key, value  []byte // nil: null
	headers     []byte // the headers as sent: count, then each
}

// read takes the record at the front of data; false when it is malformed.
func (r *record) read(data *[]byte) bool {
	d := *data
	n, w := varint(d)
	if w <= 0 || n < 0 || n > int64(len(d)-w) {
		return false
	}
	d, *data = d[w:w+int(n)], d[w+int(n):]
	if len(d) < 1 {
		return false
	}
	d = d[1:] // attributes, unused
	if r.timeDelta, w = varint(d); w <= 0 {
		return false
	}
	d = d[w:]
	if r.offsetDelta, w = varint(d); w <= 0 || r.offsetDelta < 0 {
		return false
	}
	var ok bool
	if r.key, d, ok = lengthed(d[w:]); !ok {
		return false
	}
	if r.value, r.headers, ok = lengthed(d); !ok {
		return false
	}
	return true
}

// skipRecord passes the record at the front of data and returns its offset delta.
func skipRecord(data *[]byte) (offsetDelta int64, ok bool) {
	d := *data
	n, w := varint(d)
	if w <= 0 || n < 3 || n > int64(len(d)-w) {
		return 0, false
	}
	d, *data = d[w:w+int(n)], d[w+int(n):]
	if _, w = varint(d[1:]); w <= 0 {
		return 0, false
	}
	offsetDelta, w = varint(d[1+w:])
	return offsetDelta, w > 0 && offsetDelta >= 0
}

// varint reads a zigzag number; most take one or two bytes.
func varint(d []byte) (x int64, width int) {
	if len(d) > 1 {
		if d[0] < 0x80 {
			u := uint64(d[0])
			return int64(u>>1) ^ -int64(u&1), 1
		}
		if d[1] < 0x80 {
			u := uint64(d[0]&0x7f) | uint64(d[1])<<7
			return int64(u>>1) ^ -int64(u&1), 2
		}
	}
	return binary.Varint(d)
}

// lengthed reads a length and so many bytes; -1 means null.
func lengthed(d []byte) (b, rest []byte, ok bool) {
	n, w := varint(d)
	if w <= 0 || n > int64(len(d)-w) {
		return nil, nil, false
	}
	if d = d[w:]; n < 0 {
		return nil, d, true
	}
	return d[:n:n], d[n:], true
}

// header finds the last header of a name, which overrides earlier ones.
func (r *record) header(name string) (value []byte, found, ok bool) {
	d := r.headers
	n, w := varint(d)
	if w <= 0 || n < 0 {
		return nil, false, false
	}
	d = d[w:]
	for range n {
		var k, v []byte
		if k, d, ok = lengthed(d); !ok {
			return nil, false, false
		}
		if v, d, ok = lengthed(d); !ok {
			return nil, false, false
		}
		if string(k) == name {
			value, found = v, true
		}
	}
	return value, found, true
}
