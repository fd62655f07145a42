package jsonb

import (
	"bytes"
	"strconv"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// TypeOf is jsonb_typeof.
func TypeOf(v []byte) string {
	switch KindOf(v) {
	case KindObject:
		return "object"
	case KindArray:
		return "array"
	case KindString:
		return "string"
	case KindNumber:
		return "number"
	case KindBool:
		return "boolean"
	}
	return "null"
}

// Field is v -> key: the member of an object; ok is false when there is none.
// The result aliases v.
func Field(v, key []byte) (val []byte, ok bool) {
	if KindOf(v) != KindObject {
		return nil, false
	}
	for it := newIter(v); it.next(); {
		if bytes.Equal(unquoted(it.key), key) {
			return it.val, true
		}
	}
	return nil, false
}

// Index is v -> i: the element of an array, from its end when i is negative.
// As in PostgreSQL, a scalar acts as an array of itself. The result aliases v.
func Index(v []byte, i int64) (val []byte, ok bool) {
	switch KindOf(v) {
	case KindArray:
	case KindObject, KindNone:
		return nil, false
	default:
		return v, i == 0 || i == -1
	}
	if i < 0 {
		if i += int64(Len(v)); i < 0 {
			return nil, false
		}
	}
	for it := newIter(v); it.next(); i-- {
		if i == 0 {
			return it.val, true
		}
	}
	return nil, false
}

// AppendText appends what ->> and #>> give for a value found by ->: a string's
// contents, else the value's text. null reports that the result is SQL NULL,
// which JSON's null becomes.
func AppendText(dst, val []byte) (out []byte, null bool) {
	switch KindOf(val) {
	case KindString:
		return Unquote(dst, val), false
	case KindNull, KindNone:
		return dst, true
	}
	return append(dst, val...), false
}

// Path is v #> path: each step is a key, or an index in decimal for arrays.
func Path(v []byte, path [][]byte) (val []byte, ok bool) {
	for _, p := range path {
		switch KindOf(v) {
		case KindObject:
			v, ok = Field(v, p)
		case KindArray:
			var i int64
			if i, ok = pathIndex(p); ok {
				v, ok = Index(v, i)
			}
		default:
			ok = false
		}
		if !ok {
			return nil, false
		}
	}
	return v, true
}

// pathIndex reads an array index as C's strtol does: leading white space, sign,
// digits, nothing after; 32 bits.
func pathIndex(p []byte) (int64, bool) {
	for len(p) > 0 && (p[0] == ' ' || p[0] >= '\t' && p[0] <= '\r') {
		p = p[1:]
	}
	i, err := strconv.ParseInt(string(p), 10, 32)
	return i, err == nil
}

// HasKey is v ? key: a key of an object, a string in an array, or v itself.
func HasKey(v, key []byte) bool {
	switch KindOf(v) {
	case KindObject:
		_, ok := Field(v, key)
		return ok
	case KindArray:
		for it := newIter(v); it.next(); {
			if KindOf(it.val) == KindString && bytes.Equal(unquoted(it.val), key) {
				return true
			}
		}
		return false
	case KindString:
		return bytes.Equal(unquoted(v), key)
	}
	return false
}

// Contains is a @> b.
func Contains(a, b []byte) bool {
	ka, kb := KindOf(a), KindOf(b)
	if ka == KindArray && kb < KindArray {
		return arrayHas(a, b) // an array may contain a bare scalar
	}
	if ka < KindArray && kb < KindArray {
		return compare(a, b) == 0
	}
	return contains(a, b)
}

func contains(a, b []byte) bool {
	ka := KindOf(a)
	if ka != KindOf(b) {
		return false
	}
	switch ka {
	case KindObject:
		for it := newIter(b); it.next(); {
			v, ok := Field(a, unquoted(it.key))
			if !ok || !contains(v, it.val) {
				return false
			}
		}
		return true
	case KindArray:
		for it := newIter(b); it.next(); {
			if !arrayHas(a, it.val) {
				return false
			}
		}
		return true
	}
	return compare(a, b) == 0
}

// arrayHas reports whether an element of a equals scalar b or contains container b.
func arrayHas(a, b []byte) bool {
	for it := newIter(a); it.next(); {
		if contains(it.val, b) {
			return true
		}
	}
	return false
}

// ArrayLen is jsonb_array_length; 22023 for what is no array.
func ArrayLen(v []byte) (int, error) {
	switch KindOf(v) {
	case KindArray:
		return Len(v), nil
	case KindObject:
		return 0, pgerr.New(pgerr.InvalidParameterValue, "cannot get array length of a non-array")
	}
	return 0, pgerr.New(pgerr.InvalidParameterValue, "cannot get array length of a scalar")
}

// Concat appends a || b: objects merge (b's values win), everything else joins
// as arrays.
func Concat(dst, a, b []byte) []byte {
	if KindOf(a) == KindObject && KindOf(b) == KindObject {
		return merge(dst, a, b)
	}
	dst = append(dst, '[')
	at := len(dst)
	for _, v := range [][]byte{a, b} {
		if KindOf(v) == KindArray {
			v = v[1 : len(v)-1]
		}
		if len(v) > 0 && len(dst) > at {
			dst = append(dst, ", "...)
		}
		dst = append(dst, v...)
	}
	return append(dst, ']')
}

// merge joins two objects, whose members are in key order.
func merge(dst, a, b []byte) []byte {
	x, y := newIter(a), newIter(b)
	xo, yo := x.next(), y.next()
	w := objectWriter{dst: append(dst, '{')}
	for xo || yo {
		c := 0
		switch {
		case !xo:
			c = 1
		case !yo:
			c = -1
		default:
			c = compareKeys(unquoted(x.key), unquoted(y.key))
		}
		if c < 0 {
			w.member(x.key, x.val)
		} else {
			w.member(y.key, y.val)
		}
		if c <= 0 {
			xo = x.next()
		}
		if c >= 0 {
			yo = y.next()
		}
	}
	return append(w.dst, '}')
}

type objectWriter struct {
	dst  []byte
	some bool
}

func (w *objectWriter) sep() {
	if w.some {
		w.dst = append(w.dst, ", "...)
	}
	w.some = true
}

func (w *objectWriter) member(key, val []byte) {
	w.sep()
	w.dst = append(append(append(w.dst, key...), ": "...), val...)
}

func (w *objectWriter) element(val []byte) {
	w.sep()
	w.dst = append(w.dst, val...)
}

// DeleteKey appends v - key: without the member, or without the array's strings
// that equal key. 22023 for scalars.
func DeleteKey(dst, v, key []byte) ([]byte, error) {
	k := KindOf(v)
	if k < KindArray {
		return dst, pgerr.New(pgerr.InvalidParameterValue, "cannot delete from scalar")
	}
	w := objectWriter{dst: append(dst, v[0])}
	for it := newIter(v); it.next(); {
		if k == KindObject {
			if !bytes.Equal(unquoted(it.key), key) {
				w.member(it.key, it.val)
			}
		} else if KindOf(it.val) != KindString || !bytes.Equal(unquoted(it.val), key) {
			w.element(it.val)
		}
	}
	return append(w.dst, v[len(v)-1]), nil
}

// DeleteIndex appends v - i: without the element at i, from the end when
// negative. 22023 for what is no array.
func DeleteIndex(dst, v []byte, i int64) ([]byte, error) {
	switch KindOf(v) {
	case KindArray:
	case KindObject:
		return dst, pgerr.New(pgerr.InvalidParameterValue, "cannot delete from object using integer index")
	default:
		return dst, pgerr.New(pgerr.InvalidParameterValue, "cannot delete from scalar")
	}
	if i < 0 {
		i += int64(Len(v))
		if i < 0 {
			return append(dst, v...), nil
		}
	}
	w := objectWriter{dst: append(dst, '[')}
	for it := newIter(v); it.next(); i-- {
		if i != 0 {
			w.element(it.val)
		}
	}
	return append(w.dst, ']'), nil
}

// Each calls fn for every member (decoded key and value) of an object, or every
// element (nil key) of an array, until fn returns false.
func Each(v []byte, fn func(key, val []byte) bool) {
	if KindOf(v) != KindObject && KindOf(v) != KindArray {
		return
	}
	for it := newIter(v); it.next(); {
		var key []byte
		if it.key != nil {
			key = unquoted(it.key)
		}
		if !fn(key, it.val) {
			return
		}
	}
}
