package expr

import (
	"encoding/binary"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/expr/like"
	"github.com/heliosdb/heliosdb-streaming/sql/expr/regex"
)

// textArray is text[].
var textArray = types.Type{OID: 1009, Mod: -1}

func init() {
	t, b := types.Text, types.Boolean
	alias(op("~~", "textlike", b, likeKernel(false, false), t, t), "like")
	alias(op("!~~", "textnlike", b, likeKernel(false, true), t, t), "notlike")
	op("~~*", "texticlike", b, likeKernel(true, false), t, t)
	op("!~~*", "texticnlike", b, likeKernel(true, true), t, t)
	alias(op("~~", "bytealike", b, likeKernel(false, false), types.Bytea, types.Bytea), "like")
	alias(op("!~~", "byteanlike", b, likeKernel(false, true), types.Bytea, types.Bytea), "notlike")
	def("like_escape", "like_escape", t, retBytes(func(r *row, dst []byte) ([]byte, error) {
		p, err := like.Escape(r.bytes(0), r.bytes(1))
		return append(dst, p...), err
	}), t, t)
	op("~", "textregexeq", b, regexKernel("", false), t, t)
	op("!~", "textregexne", b, regexKernel("", true), t, t)
	op("~*", "texticregexeq", b, regexKernel("i", false), t, t)
	op("!~*", "texticregexne", b, regexKernel("i", true), t, t)
	registerRegexFunctions()
}

func likeKernel(fold, negate bool) kernel {
	return retBool(func(r *row) (bool, error) {
		p, err := remember(r.c, r.bytes(1), func() (*like.Pattern, error) {
			pat := r.bytes(1)
			if fold {
				pat = appendLower(nil, pat)
			}
			return like.Compile(pat), nil
		})
		if err != nil {
			return false, err
		}
		s := r.bytes(0)
		if fold {
			r.buf = appendLower(r.buf[:0], s)
			s = r.buf
		}
		m, err := p.Match(s)
		return m != negate, err
	})
}

// compiled is the regular expression of argument k with flags from argument f
// (negative: the given ones).
func (r *row) compiled(k, f int, flags string, global bool) (*regex.Regexp, error) {
	if m := r.c.cur.memo; m != nil && m.set && r.c.isConst(k) && (f < 0 || r.c.isConst(f)) {
		return m.val.(*regex.Regexp), nil
	}
	key := r.bytes(k)
	if f >= 0 {
		flags = r.text(f)
		key = append(append(append([]byte(nil), flags...), 0), key...)
	}
	return remember(r.c, key, func() (*regex.Regexp, error) { return regex.Compile(r.text(k), flags, global) })
}

func regexKernel(flags string, negate bool) kernel {
	return retBool(func(r *row) (bool, error) {
		re, err := r.compiled(1, -1, flags, false)
		if err != nil {
			return false, err
		}
		return re.Match(r.bytes(0)) != negate, nil
	})
}

func registerRegexFunctions() {
	t, i4, b := types.Text, types.Int4, types.Boolean
	def("regexp_replace", "textregexreplace_noopt", t, retBytes(func(r *row, dst []byte) ([]byte, error) {
		return regexReplace(r, dst, -1, 1, -1)
	}), t, t, t)
	def("regexp_replace", "textregexreplace", t, retBytes(func(r *row, dst []byte) ([]byte, error) {
		if f := r.bytes(3); len(f) > 0 && f[0] >= '0' && f[0] <= '9' {
			return dst, pgerr.New(pgerr.InvalidParameterValue, "invalid regular expression option: \"%c\"", f[0]).
				WithHint("If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly.")
		}
		return regexReplace(r, dst, 3, 1, -1)
	}), t, t, t, t)
	def("regexp_replace", "textregexreplace_extended_no_n", t, retBytes(func(r *row, dst []byte) ([]byte, error) {
		return regexReplace(r, dst, -1, r.int(3), 1)
	}), t, t, t, i4)
	def("regexp_replace", "textregexreplace_extended_no_flags", t, retBytes(func(r *row, dst []byte) ([]byte, error) {
		return regexReplace(r, dst, -1, r.int(3), r.int(4))
	}), t, t, t, i4, i4)
	def("regexp_replace", "textregexreplace_extended", t, retBytes(func(r *row, dst []byte) ([]byte, error) {
		return regexReplace(r, dst, 5, r.int(3), r.int(4))
	}), t, t, t, i4, i4, t)
	def("regexp_match", "regexp_match_no_flags", textArray, retBytes(func(r *row, dst []byte) ([]byte, error) { return regexMatch(r, dst, -1) }), t, t)
	def("regexp_match", "regexp_match", textArray, retBytes(func(r *row, dst []byte) ([]byte, error) { return regexMatch(r, dst, 2) }), t, t, t)
	def("regexp_like", "regexp_like_no_flags", b, regexKernel("", false), t, t)
	def("regexp_like", "regexp_like", b, retBool(func(r *row) (bool, error) {
		re, err := r.compiled(1, 2, "", true)
		if err == nil && re.Global {
			err = pgerr.New(pgerr.InvalidParameterValue, "regexp_like() does not support the \"global\" option")
		}
		return err == nil && re.Match(r.bytes(0)), err
	}), t, t, t)
	def("regexp_count", "regexp_count_no_start", i4, retInt(func(r *row) (int64, error) {
		re, err := r.compiled(1, -1, "", false)
		if err != nil {
			return 0, err
		}
		return int64(len(re.All(r.bytes(0), 0))), nil
	}), t, t)
	def("regexp_split_to_array", "regexp_split_to_array_no_flags", textArray, retBytes(func(r *row, dst []byte) ([]byte, error) { return regexSplit(r, dst, -1) }), t, t)
	def("regexp_split_to_array", "regexp_split_to_array", textArray, retBytes(func(r *row, dst []byte) ([]byte, error) { return regexSplit(r, dst, 2) }), t, t, t)
	def("regexp_substr", "regexp_substr_no_start", t, retBytes(func(r *row, dst []byte) ([]byte, error) {
		re, err := r.compiled(1, -1, "", false)
		if err != nil {
			return dst, err
		}
		m := re.Find(r.bytes(0))
		if m == nil {
			return dst, errNull
		}
		return append(dst, r.bytes(0)[m[0]:m[1]]...), nil
	}), t, t)
	def("substring", "textregexsubstr", t, retBytes(func(r *row, dst []byte) ([]byte, error) { return regexSubstring(r, dst) }), t, t)
	def("similar_to_escape", "similar_to_escape_1", t, retBytes(func(r *row, dst []byte) ([]byte, error) {
		return regex.AppendSimilar(dst, r.bytes(0), []byte(`\`))
	}), t)
	def("similar_to_escape", "similar_to_escape_2", t, retBytes(func(r *row, dst []byte) ([]byte, error) {
		return regex.AppendSimilar(dst, r.bytes(0), r.bytes(1))
	}), t, t)
}

// regexReplace replaces from character start on: the n-th match, all for n 0,
// and for n -1 the first or, with flag g, all.
func regexReplace(r *row, dst []byte, flags int, start, n int64) ([]byte, error) {
	if start <= 0 {
		return dst, pgerr.New(pgerr.InvalidParameterValue, "invalid value for parameter \"%s\": %d", "start", start)
	}
	if n < -1 || n == -1 && len(r.args) > 4 {
		return dst, pgerr.New(pgerr.InvalidParameterValue, "invalid value for parameter \"%s\": %d", "n", n)
	}
	re, err := r.compiled(1, flags, "", true)
	if err != nil {
		return dst, err
	}
	if n == -1 {
		n = 1
		if re.Global {
			n = 0
		}
	}
	s, repl := r.bytes(0), r.bytes(2)
	if start-1 > runes(s) {
		return append(dst, s...), nil
	}
	from := runeOffset(s, start-1)
	last, seen := 0, int64(0)
	for _, m := range matches(re, s, from, n == 1) {
		if seen++; n > 0 && seen != n {
			continue
		}
		dst = append(dst, s[last:m[0]]...)
		dst = regex.AppendExpanded(dst, repl, s, m)
		last = m[1]
	}
	return append(dst, s[last:]...), nil
}

// matches are all matches from an offset on; only the first when that suffices.
func matches(re *regex.Regexp, s []byte, from int, first bool) [][]int {
	if !first || from > 0 {
		return re.All(s, from)
	}
	if m := re.Find(s); m != nil {
		return [][]int{m}
	}
	return nil
}

// appendTextElem appends one text element of an array; nil: NULL.
func appendTextElem(dst, elem []byte) []byte {
	if elem == nil {
		return binary.LittleEndian.AppendUint32(dst, 1<<32-1)
	}
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(elem))), elem...)
}

// regexMatch is the first match as an array: its groups, or all of it when the
// pattern has none.
func regexMatch(r *row, dst []byte, flags int) ([]byte, error) {
	re, err := r.compiled(1, flags, "", true)
	if err != nil {
		return dst, err
	}
	if re.Global {
		return dst, pgerr.New(pgerr.InvalidParameterValue, "regexp_match() does not support the \"global\" option").
			WithHint("Use the regexp_matches function instead.")
	}
	m := re.Find(r.bytes(0))
	if m == nil {
		return dst, errNull
	}
	return appendGroups(dst, r.bytes(0), m), nil
}

func appendGroups(dst, s []byte, m []int) []byte {
	if len(m) > 2 {
		m = m[2:]
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(m)/2))
	for k := 0; k < len(m); k += 2 {
		if m[k] < 0 {
			dst = appendTextElem(dst, nil)
		} else {
			dst = appendTextElem(dst, s[m[k]:m[k+1]:m[k+1]])
		}
	}
	return dst
}

func regexSplit(r *row, dst []byte, flags int) ([]byte, error) {
	re, err := r.compiled(1, flags, "", true)
	if err != nil {
		return dst, err
	}
	if re.Global {
		return dst, pgerr.New(pgerr.InvalidParameterValue, "regexp_split_to_array() does not support the \"global\" option")
	}
	s := r.bytes(0)
	at, count, last := len(dst), uint32(1), 0
	dst = append(dst, 0, 0, 0, 0)
	for _, m := range re.All(s, 0) {
		if m[0] == m[1] && (m[0] == 0 || m[0] == len(s)) {
			continue // an empty match at either end splits nothing
		}
		dst = appendTextElem(dst, s[last:m[0]:m[0]])
		last = m[1]
		count++
	}
	dst = appendTextElem(dst, append([]byte{}, s[last:]...))
	binary.LittleEndian.PutUint32(dst[at:], count)
	return dst, nil
}

// regexSubstring is substring(s from pattern): the first group, or the match.
func regexSubstring(r *row, dst []byte) ([]byte, error) {
	re, err := r.compiled(1, -1, "", false)
	if err != nil {
		return dst, err
	}
	m := re.Find(r.bytes(0))
	if m == nil {
		return dst, errNull
	}
	if len(m) > 2 {
		m = m[2:]
	}
	if m[0] < 0 {
		return dst, errNull
	}
	return append(dst, r.bytes(0)[m[0]:m[1]]...), nil
}

// RegexpMatches is regexp_matches(s, pattern, flags): one encoded text[] a
// match, at most one without flag g.
func RegexpMatches(s []byte, pattern, flags string) ([][]byte, error) {
	re, err := regex.Compile(pattern, flags, true)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for _, m := range matches(re, s, 0, !re.Global) {
		out = append(out, appendGroups(nil, s, m))
	}
	return out, nil
}
