package expr

import (
	"sync"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

func init() {
	t, v, n, c := types.Text, types.Varchar, types.Name, types.Char
	registerCast(t, v, ImplicitCast, nil)
	registerCast(v, t, ImplicitCast, nil)
	registerCast(n, t, ImplicitCast, nil)
	registerCast(n, v, AssignmentCast, nil)
	toName := retBytes(func(r *row, dst []byte) ([]byte, error) { return append(dst, clipName(r.bytes(0))...), nil })
	cast("text_name", t, n, ImplicitCast, toName)
	cast("varchar_name", v, n, ImplicitCast, toName)
	charOut := retBytes(func(r *row, dst []byte) ([]byte, error) {
		if b := r.bytes(0); len(b) == 1 && b[0] >= 0x80 {
			dst = append(dst, '\\', '0'+b[0]>>6, '0'+b[0]>>3&7, '0'+b[0]&7)
		} else if len(b) == 1 && b[0] != 0 {
			dst = append(dst, b[0])
		}
		return dst, nil
	})
	cast("char_text", c, t, ImplicitCast, charOut)
	cast("char_varchar", c, v, AssignmentCast, charOut)
	toChar := retBytes(func(r *row, dst []byte) ([]byte, error) {
		if b := r.bytes(0); len(b) > 0 {
			return append(dst, b[0]), nil
		}
		return append(dst, 0), nil
	})
	cast("text_char", t, c, AssignmentCast, toChar)
	cast("varchar_char", v, c, AssignmentCast, toChar)
	cast("chartoi4", c, types.Int4, ExplicitCast, retInt(func(r *row) (int64, error) {
		if b := r.bytes(0); len(b) > 0 {
			return int64(int8(b[0])), nil
		}
		return 0, nil
	}))
	cast("i4tochar", types.Int4, c, ExplicitCast, retBytes(func(r *row, dst []byte) ([]byte, error) {
		if x := r.int(0); x >= -128 && x <= 127 {
			return append(dst, byte(x)), nil
		}
		return dst, pgerr.New(pgerr.NumericValueOutOfRange, "\"char\" out of range")
	}))
	boolText := retString(func(r *row) (string, error) {
		if r.boolean(0) {
			return "true", nil
		}
		return "false", nil
	})
	cast("booltext", types.Boolean, t, AssignmentCast, boolText)
	cast("boolvarchar", types.Boolean, v, AssignmentCast, boolText)
	registerLengthCoercions()
}

// clipName cuts a name to 63 bytes at a character.
func clipName(s []byte) []byte {
	if len(s) <= 63 {
		return s
	}
	n := 63
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// registerLengthCoercions adds what applies a type modifier.
func registerLengthCoercions() {
	i4, b := types.Int4, types.Boolean
	coerce := func(t types.Type, f *Func) { registerCast(t, t, ImplicitCast, f) }
	coerce(types.Numeric, fn("numeric", types.Numeric, retNum(func(r *row) (num.Decimal, error) {
		t := types.Type{OID: types.OIDNumeric, Mod: int32(r.int(1))}
		if t.Mod < 0 {
			return r.num(0), nil
		}
		p, s := t.PrecisionScale()
		return r.num(0).Rescale(p, s)
	}), types.Numeric, i4))
	coerce(types.Varchar, fn("varchar", types.Varchar, retBytes(fitVarchar), types.Varchar, i4, b))
}

// fitVarchar cuts a text to the modifier's length: silently in an explicit
// cast, otherwise only spaces.
func fitVarchar(r *row, dst []byte) ([]byte, error) {
	s, mod := r.bytes(0), r.int(1)
	if mod < 4 {
		return append(dst, s...), nil
	}
	at := runeOffset(s, mod-4)
	if !r.boolean(2) {
		for _, c := range s[at:] {
			if c != ' ' {
				return dst, pgerr.New(pgerr.StringDataRightTruncation, "value too long for type character varying(%d)", mod-4)
			}
		}
	}
	return append(dst, s[:at]...), nil
}

// deriveArrayCasts makes, once, a cast between two array types for every cast
// between their elements, after all files have registered theirs. IDs are like
// "cast_int4_to_int8".
var deriveArrayCasts = sync.OnceFunc(func() {
	for pair, c := range derivable() {
		from, _ := types.Type{OID: pair[0], Mod: -1}.ArrayOf()
		to, _ := types.Type{OID: pair[1], Mod: -1}.ArrayOf()
		f := c.Fn
		if f != nil {
			f = &Func{ID: "cast" + from.Info().Name + "_to" + to.Info().Name, Args: append([]types.Type{from}, c.Fn.Args[1:]...), Ret: to,
				Volatility: c.Fn.Volatility, Strict: true, Eval: arrayCast(c.Fn, to)}
		}
		registerCast(from, to, c.Context, f)
	}
})

// derivable are the casts between types that both have arrays, the implied
// ones through text included.
func derivable() map[[2]uint32]CastInfo {
	all := map[[2]uint32]CastInfo{}
	types.All(func(a *types.Info) {
		types.All(func(b *types.Info) {
			if a.Array == 0 || b.Array == 0 {
				return
			}
			from, to := types.Type{OID: a.OID, Mod: -1}, types.Type{OID: b.OID, Mod: -1}
			c, ok := casts[[2]uint32{a.OID, b.OID}]
			if !ok && a.OID != b.OID {
				c, ok = ioCast(from, to)
			}
			if ok {
				all[[2]uint32{a.OID, b.OID}] = c
			}
		})
	})
	return all
}

// arrayCast applies an element cast to all elements of the arrays at once.
func arrayCast(f *Func, to types.Type) kernel {
	elem, _ := to.Elem()
	return func(c *Ctx, args []*delta.Vec, n int, skip delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		from, _ := args[0].T.Elem()
		flat := delta.Vec{T: from}
		ends := make([]int, n)
		var rows []int32
		for i := range n {
			if !skip.Get(i) {
				delta.AppendArrayElems(args[0].Bytes(i), &flat)
			}
			for len(rows) < flat.Len() {
				rows = append(rows, int32(i))
			}
			ends[i] = flat.Len()
		}
		flatArgs := []*delta.Vec{&flat}
		for _, a := range args[1:] {
			g := &delta.Vec{}
			a.Gather(g, rows)
			flatArgs = append(flatArgs, g)
		}
		res := delta.Vec{T: elem}
		if flat.Len() > 0 {
			c.flattened(f, flatArgs, flat.Len(), rows, &res, out)
		}
		lo := 0
		for i, hi := range ends {
			if !skip.Get(i) && !out.IsNull(i) {
				at := len(out.Data)
				out.Data = delta.AppendArray(out.Data, &res, lo, hi)
				out.S[i] = delta.Ref{Off: uint32(at), Len: uint32(len(out.Data) - at)}
			}
			lo = hi
		}
	}
}

// flattened runs f over elements laid out flat, rows naming the row of each,
// and makes the rows that failed NULL in out.
func (c *Ctx) flattened(f *Func, args []*delta.Vec, n int, rows []int32, res, out *delta.Vec) {
	var memo memo
	before := len(c.errs.list)
	c.within(rows, func() *delta.Vec {
		c.run(f, args, n, args[0].Nulls, frame{out: res, memo: &memo})
		return nil
	})
	if len(c.errs.list) == before {
		return
	}
	for j, i := range rows {
		if res.IsNull(j) && !args[0].IsNull(j) {
			out.SetNull(int(i))
		}
	}
}
