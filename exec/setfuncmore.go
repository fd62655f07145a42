package exec

import (
	"bytes"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/jsonb"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// Set-returning functions over texts and JSON.

// listed gives prepared values one by one.
func listed(vals [][]byte) setIter {
	return func(cols []*delta.Vec) (bool, error) {
		if len(vals) == 0 {
			return false, nil
		}
		cols[0].AppendBytes(vals[0])
		vals = vals[1:]
		return true, nil
	}
}

func regexpMatches(args []delta.Datum) (setIter, error) {
	flags := ""
	if len(args) > 2 {
		flags = string(args[2].S)
	}
	found, err := expr.RegexpMatches(args[0].S, string(args[1].S), flags)
	return listed(found), err
}

func splitTable(c *Ctx, args []delta.Datum) (setIter, error) {
	if len(args) > 2 && bytes.ContainsRune(args[2].S, 'g') {
		return nil, pgerr.New(pgerr.InvalidParameterValue, "regexp_split_to_table() does not support the \"global\" option")
	}
	return viaArray(c, args, "regexp_split_to_array_no_flags", "regexp_split_to_array")
}

// viaArray gives the elements of what a function of two arguments, or that of
// three, returns as an array.
func viaArray(c *Ctx, args []delta.Datum, two, three string) (setIter, error) {
	id := two
	if len(args) > 2 {
		id = three
	}
	fn := expr.FuncByID(id)
	if fn == nil {
		return nil, pgerr.Internal("no function %s", id)
	}
	call := &expr.Call{Fn: fn, T: fn.Ret}
	for _, a := range args {
		call.Args = append(call.Args, &expr.Const{Value: a})
	}
	array, err := expr.EvalConst(&c.Eval, call)
	if err != nil || array.Null {
		return nil, err
	}
	return unnest(array), nil
}

func jsonElements(v []byte, text bool) (setIter, error) {
	switch jsonb.KindOf(v) {
	case jsonb.KindArray:
	case jsonb.KindObject:
		return nil, pgerr.New(pgerr.InvalidParameterValue, "cannot extract elements from an object")
	default:
		return nil, pgerr.New(pgerr.InvalidParameterValue, "cannot extract elements from a scalar")
	}
	return jsonMembers(v, false, text), nil
}

// jsonMembers gives the keys (if asked for) and values of an object or array.
func jsonMembers(v []byte, keys, text bool) setIter {
	type member struct{ key, val []byte }
	var ms []member
	jsonb.Each(v, func(k, val []byte) bool {
		ms = append(ms, member{bytes.Clone(k), val})
		return true
	})
	return func(cols []*delta.Vec) (bool, error) {
		if len(ms) == 0 {
			return false, nil
		}
		m := ms[0]
		ms = ms[1:]
		if keys {
			cols[0].AppendBytes(m.key)
			cols = cols[1:]
		}
		if !text {
			cols[0].AppendBytes(m.val)
			return true, nil
		}
		if s, null := jsonb.AppendText(nil, m.val); null {
			cols[0].AppendNull()
		} else {
			cols[0].AppendBytes(s)
		}
		return true, nil
	}
}

func jsonKeys(v []byte) (setIter, error) {
	switch jsonb.KindOf(v) {
	case jsonb.KindObject:
	case jsonb.KindArray:
		return nil, pgerr.New(pgerr.InvalidParameterValue, "cannot call jsonb_object_keys on an array")
	default:
		return nil, pgerr.New(pgerr.InvalidParameterValue, "cannot call jsonb_object_keys on a scalar")
	}
	var keys [][]byte
	jsonb.Each(v, func(k, _ []byte) bool {
		keys = append(keys, bytes.Clone(k))
		return true
	})
	return listed(keys), nil
}

func jsonEach(v []byte, name string) (setIter, error) {
	if jsonb.KindOf(v) != jsonb.KindObject {
		return nil, pgerr.New(pgerr.InvalidParameterValue, "cannot call %s on a non-object", name)
	}
	return jsonMembers(v, true, name == "jsonb_each_text"), nil
}
