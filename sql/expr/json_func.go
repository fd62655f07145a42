package expr

import (
	"math"
	"strconv"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/jsonb"
	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

func init() {
	j, t, i4, b := types.JSONB, types.Text, types.Int4, types.Boolean
	compares("jsonb_", j, j, cmpJSON)
	field := func(r *row) ([]byte, bool) { return jsonb.Field(r.bytes(0), r.bytes(1)) }
	index := func(r *row) ([]byte, bool) {
		v, i := r.bytes(0), r.int(1)
		if k := jsonb.KindOf(v); k != jsonb.KindArray && k != jsonb.KindObject {
			return v, i == 0 || i == -1 // PostgreSQL keeps a scalar as an array of one
		}
		return jsonb.Index(v, i)
	}
	path := func(r *row) ([]byte, bool) {
		steps, ok := textElems(r.bytes(1))
		if !ok {
			return nil, false
		}
		return jsonb.Path(r.bytes(0), steps)
	}
	alias(op("->", "jsonb_object_field", j, found(field, false), j, t), "jsonb_object_field")
	alias(op("->", "jsonb_array_element", j, found(index, false), j, i4), "jsonb_array_element")
	alias(op("->>", "jsonb_object_field_text", t, found(field, true), j, t), "jsonb_object_field_text")
	alias(op("->>", "jsonb_array_element_text", t, found(index, true), j, i4), "jsonb_array_element_text")
	op("#>", "jsonb_extract_path", j, found(path, false), j, textArray)
	op("#>>", "jsonb_extract_path_text", t, found(path, true), j, textArray)
	steps := func(r *row) ([]byte, bool) {
		var p [][]byte
		for k := 1; k < r.n(); k++ {
			p = append(p, r.bytes(k))
		}
		return jsonb.Path(r.bytes(0), p)
	}
	def("jsonb_extract_path", "jsonb_extract_path_steps", j, found(steps, false), j, t).variadic()
	def("jsonb_extract_path_text", "jsonb_extract_path_text_steps", t, found(steps, true), j, t).variadic()
	alias(op("@>", "jsonb_contains", b, retBool(func(r *row) (bool, error) { return jsonb.Contains(r.bytes(0), r.bytes(1)), nil }), j, j), "jsonb_contains")
	alias(op("<@", "jsonb_contained", b, retBool(func(r *row) (bool, error) { return jsonb.Contains(r.bytes(1), r.bytes(0)), nil }), j, j), "jsonb_contained")
	alias(op("?", "jsonb_exists", b, retBool(func(r *row) (bool, error) { return jsonb.HasKey(r.bytes(0), r.bytes(1)), nil }), j, t), "jsonb_exists")
	alias(op("?|", "jsonb_exists_any", b, hasKeys(true), j, textArray), "jsonb_exists_any")
	alias(op("?&", "jsonb_exists_all", b, hasKeys(false), j, textArray), "jsonb_exists_all")
	alias(op("||", "jsonb_concat", j, retBytes(func(r *row, dst []byte) ([]byte, error) { return jsonb.Concat(dst, r.bytes(0), r.bytes(1)), nil }), j, j), "jsonb_concat")
	alias(op("-", "jsonb_delete", j, retBytes(func(r *row, dst []byte) ([]byte, error) { return jsonb.DeleteKey(dst, r.bytes(0), r.bytes(1)) }), j, t), "jsonb_delete")
	alias(op("-", "jsonb_delete_idx", j, retBytes(func(r *row, dst []byte) ([]byte, error) { return jsonb.DeleteIndex(dst, r.bytes(0), r.int(1)) }), j, i4), "jsonb_delete")
	def("jsonb_typeof", "jsonb_typeof", t, retString(func(r *row) (string, error) { return jsonb.TypeOf(r.bytes(0)), nil }), j)
	def("jsonb_array_length", "jsonb_array_length", i4, retInt(func(r *row) (int64, error) {
		n, err := jsonb.ArrayLen(r.bytes(0))
		return int64(n), err
	}), j)
	registerJSONBuilders()
	registerJSONCasts()
}

// found makes a kernel of a look-up; asText turns the member into text.
func found(get func(r *row) ([]byte, bool), asText bool) kernel {
	return retBytes(func(r *row, dst []byte) ([]byte, error) {
		v, ok := get(r)
		if !ok {
			return dst, errNull
		}
		if !asText {
			return append(dst, v...), nil
		}
		dst, null := jsonb.AppendText(dst, v)
		if null {
			return dst, errNull
		}
		return dst, nil
	})
}

// textElems are the elements of a text array; ok is false when one is NULL.
func textElems(a []byte) (elems [][]byte, ok bool) {
	for it := delta.IterArray(a); it.Next(); {
		if it.Null {
			return nil, false
		}
		elems = append(elems, it.Elem)
	}
	return elems, true
}

// hasKeys is ?| (some) and ?& (all); NULL keys are ignored.
func hasKeys(some bool) kernel {
	return retBool(func(r *row) (bool, error) {
		for it := delta.IterArray(r.bytes(1)); it.Next(); {
			if !it.Null && jsonb.HasKey(r.bytes(0), it.Elem) == some {
				return some, nil
			}
		}
		return !some, nil
	})
}

func cmpJSON(o cmpOp) kernel {
	return func(_ *Ctx, args []*delta.Vec, n int, skip delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		for i := range n {
			if !skip.Get(i) {
				out.B[i] = o.holds(jsonb.Compare(args[0].Bytes(i), args[1].Bytes(i)))
			}
		}
	}
}

func registerJSONBuilders() {
	j, any := types.JSONB, types.Any
	def("to_jsonb", "to_jsonb", j, retBytes(func(r *row, dst []byte) ([]byte, error) { return AppendJSONB(r.c, dst, r.args[0], r.i) }), types.AnyElement).stable()
	array := retBytes(func(r *row, dst []byte) ([]byte, error) {
		dst = append(dst, '[')
		var err error
		for k := range r.args {
			if k > 0 {
				dst = append(dst, ", "...)
			}
			if dst, err = AppendJSONB(r.c, dst, r.args[k], r.i); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	})
	def("jsonb_build_array", "jsonb_build_array", j, array, any).stable().lax().variadic()
	def("jsonb_build_array", "jsonb_build_array_noargs", j, array).lax()
	// There is no type json: json_build_object gives jsonb.
	alias(def("jsonb_build_object", "jsonb_build_object", j, retBytes(buildObject), any).stable().lax().variadic(), "json_build_object")
	alias(def("jsonb_build_object", "jsonb_build_object_noargs", j, retBytes(buildObject)).lax(), "json_build_object")
}

func buildObject(r *row, dst []byte) ([]byte, error) {
	if r.n()%2 != 0 {
		return dst, pgerr.New(pgerr.InvalidParameterValue, "argument list must have even number of elements").
			WithHint("The arguments of jsonb_build_object() must consist of alternating keys and values.")
	}
	raw := []byte{'{'}
	var err error
	for k := 0; k < r.n(); k += 2 {
		if r.null(k) {
			return dst, pgerr.New(pgerr.InvalidParameterValue, "argument %d: key must not be null", k+1)
		}
		if k > 0 {
			raw = append(raw, ',')
		}
		key, err := r.objectKey(k)
		if err != nil {
			return dst, err
		}
		raw = append(jsonb.AppendString(raw, key), ':')
		if raw, err = AppendJSONB(r.c, raw, r.args[k+1], r.i); err != nil {
			return dst, err
		}
	}
	dst, err = jsonb.Parse(dst, append(raw, '}'))
	return dst, err
}

// objectKey is a scalar's text as the key of an object.
func (r *row) objectKey(k int) ([]byte, error) {
	t := r.args[k].T
	container := t.IsArray()
	if t.OID == types.OIDJSONB {
		kind := jsonb.KindOf(r.bytes(k))
		container = kind == jsonb.KindArray || kind == jsonb.KindObject
	}
	if container {
		return nil, pgerr.New(pgerr.InvalidParameterValue, "key value must be scalar, not array, composite, or json")
	}
	if t.Phys() != types.Float64 {
		text, err := AppendJSONB(r.c, nil, r.args[k], r.i)
		if len(text) > 0 && text[0] == '"' {
			text = jsonb.Unquote(nil, text)
		}
		return text, err
	}
	return r.appendArg(nil, k), nil
}

// AppendJSONB appends row i of v as jsonb, as to_jsonb does; a NULL becomes
// JSON's null.
func AppendJSONB(c *Ctx, dst []byte, v *delta.Vec, i int) ([]byte, error) {
	if v.IsNull(i) {
		return append(dst, "null"...), nil
	}
	switch v.T.OID {
	case types.OIDBool:
		return strconv.AppendBool(dst, v.B[i]), nil
	case types.OIDInt2, types.OIDInt4, types.OIDInt8:
		return strconv.AppendInt(dst, v.I[i], 10), nil
	case types.OIDNumeric:
		d := num.Decode(v.Bytes(i))
		if !d.IsFinite() {
			return jsonb.AppendString(dst, d.AppendText(nil)), nil
		}
		return d.AppendText(dst), nil
	case types.OIDFloat4, types.OIDFloat8:
		text := c.appendText(nil, v, i)
		if math.IsNaN(v.F[i]) || math.IsInf(v.F[i], 0) {
			return jsonb.AppendString(dst, text), nil
		}
		return jsonb.Parse(dst, text)
	case types.OIDJSONB:
		return append(dst, v.Bytes(i)...), nil
	case types.OIDTimestamp:
		return jsonb.AppendString(dst, pgtime.AppendISO8601(nil, v.I[i], nil, false)), nil
	case types.OIDTimestamptz:
		return jsonb.AppendString(dst, pgtime.AppendISO8601(nil, v.I[i], c.location(), true)), nil
	}
	if elem, ok := v.T.Elem(); ok {
		return appendJSONArray(c, dst, elem, v.Bytes(i))
	}
	return jsonb.AppendString(dst, c.appendText(nil, v, i)), nil
}

func appendJSONArray(c *Ctx, dst []byte, elem types.Type, a []byte) ([]byte, error) {
	elems := delta.Vec{T: elem}
	delta.AppendArrayElems(a, &elems)
	dst = append(dst, '[')
	var err error
	for i := range elems.Len() {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if dst, err = AppendJSONB(c, dst, &elems, i); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// registerJSONCasts adds the casts from jsonb scalars.
func registerJSONCasts() {
	j := types.JSONB
	cast("jsonb_bool", j, types.Boolean, ExplicitCast, retBool(func(r *row) (bool, error) {
		if jsonb.KindOf(r.bytes(0)) != jsonb.KindBool {
			return false, cannotCast(r.bytes(0), types.Boolean)
		}
		return r.bytes(0)[0] == 't', nil
	}))
	number := func(r *row, to types.Type) (num.Decimal, error) {
		if jsonb.KindOf(r.bytes(0)) != jsonb.KindNumber {
			return num.Zero, cannotCast(r.bytes(0), to)
		}
		return num.Parse(r.bytes(0))
	}
	cast("jsonb_numeric", j, types.Numeric, ExplicitCast, retNum(func(r *row) (num.Decimal, error) { return number(r, types.Numeric) }))
	for _, k := range intKinds {
		f := map[string]func(num.Decimal) (int64, error){"2": num.Decimal.ToInt16, "4": num.Decimal.ToInt32, "8": num.Decimal.ToInt64}[k.name]
		cast("jsonb_int"+k.name, j, k.t, ExplicitCast, retInt(func(r *row) (int64, error) {
			d, err := number(r, k.t)
			if err != nil {
				return 0, err
			}
			return f(d)
		}))
	}
	cast("jsonb_float8", j, types.Float8, ExplicitCast, retFloat(func(r *row) (float64, error) {
		d, err := number(r, types.Float8)
		if err != nil {
			return 0, err
		}
		return d.ToFloat64()
	}))
	cast("jsonb_float4", j, types.Float4, ExplicitCast, retFloat(func(r *row) (float64, error) {
		d, err := number(r, types.Float4)
		if err != nil {
			return 0, err
		}
		return decimalToFloat4(d)
	}))
}

func cannotCast(v []byte, to types.Type) error {
	what := jsonb.TypeOf(v)
	if what == "number" {
		what = "numeric"
	}
	return pgerr.New(pgerr.InvalidParameterValue, "cannot cast jsonb %s to type %s", what, to)
}
