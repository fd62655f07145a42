package expr

import (
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// env is what a Ctx derives from its session once.
type env struct {
	opts  values.TextOpts
	ready bool
}

// textOpts are the session's settings for text forms: without a session (in a
// materialized view) PostgreSQL's defaults in UTC.
func (c *Ctx) textOpts() *values.TextOpts {
	if c.env.ready {
		return &c.env.opts
	}
	o := values.DefaultOpts
	o.Now = c.Now
	if c.Session != nil {
		o.TZ = zoneOf(c.Session.TimeZone())
		if s, ok := c.Session.Setting("datestyle"); ok {
			o.DateOrder = dateOrder(s)
		}
		if s, ok := c.Session.Setting("extra_float_digits"); ok {
			if n, err := strconv.Atoi(s); err == nil {
				o.ExtraFloatDigits = n
			}
		}
	}
	c.env = env{o, true}
	return &c.env.opts
}

// zoneOf is the session's time zone; a name that the session accepted and that
// is unknown here reads as UTC.
func zoneOf(name string) *time.Location {
	z, err := pgtime.LoadZone(name)
	if err != nil {
		return time.UTC
	}
	return z
}

// location is the session's time zone.
func (c *Ctx) location() *time.Location {
	if z := c.textOpts().TZ; z != nil {
		return z
	}
	return time.UTC
}

// appendText appends the output text of row i of v, which is not NULL.
func (c *Ctx) appendText(dst []byte, v *delta.Vec, i int) []byte {
	if isReg(v.T) {
		return append(dst, c.regText(v.T, uint32(v.I[i]))...)
	}
	return values.AppendText(dst, v, i, c.textOpts())
}

// datumText is the output text of d under the default settings.
func datumText(d delta.Datum) string { return string(values.AppendDatumText(nil, d, nil)) }

// ioToText is the cast of any type to text through its output function;
// ioFromText the reverse: the call's result type tells which input function.
var (
	ioToText   = implied("io_to_text", types.Any, types.Text, Stable, evalToText)
	ioFromText = implied("io_from_text", types.Text, types.Any, Stable, evalFromText)
	// The same for types whose text forms depend on no setting.
	fixedToText   = implied("io_to_text_fixed", types.Any, types.Text, Immutable, evalToText)
	fixedFromText = implied("io_from_text_fixed", types.Text, types.Any, Immutable, evalFromText)
)

func implied(id string, from, to types.Type, v Volatility, k kernel) *Func {
	f := register(&Func{ID: id, Args: []types.Type{from}, Ret: to, Volatility: v, Strict: true, Eval: k})
	names[f] = nameInfo{castName, ""}
	return f
}

func evalToText(c *Ctx, args []*delta.Vec, n int, skip delta.Bitmap, out *delta.Vec) {
	out.Resize(n)
	for i := range n {
		if skip.Get(i) {
			continue
		}
		at := len(out.Data)
		out.Data = c.appendText(out.Data, args[0], i)
		out.S[i] = delta.Ref{Off: uint32(at), Len: uint32(len(out.Data) - at)}
	}
}

func evalFromText(c *Ctx, args []*delta.Vec, n int, skip delta.Bitmap, out *delta.Vec) {
	opts := c.textOpts()
	t := out.T
	for i := range n {
		if skip.Get(i) {
			out.AppendNull()
			continue
		}
		var err error
		if isReg(t) {
			var oid uint32
			if oid, err = c.parseReg(t, string(args[0].Bytes(i))); err == nil {
				out.AppendInt(int64(oid))
			}
		} else {
			err = values.ParseText(t, args[0].Bytes(i), opts, out)
		}
		if err != nil {
			out.AppendNull()
			c.Fail(i, err)
		}
	}
}

// settingsMatter reports whether a type's text forms depend on the session.
func settingsMatter(t types.Type) bool {
	if e, ok := t.Elem(); ok {
		t = e
	}
	switch t.OID {
	case types.OIDDate, types.OIDTimestamp, types.OIDTimestamptz:
		return true
	}
	return isReg(t)
}

// ioCast is the conversion through text that PostgreSQL implies between every
// type and the string types: to them on assignment, from them explicitly.
func ioCast(from, to types.Type) (CastInfo, bool) {
	fi, ti := from.Info(), to.Info()
	if fi == nil || ti == nil || fi.Category == 'P' || ti.Category == 'P' || fi.Category == 'X' || ti.Category == 'X' {
		return CastInfo{}, false
	}
	switch {
	case ti.Category == 'S' && to.OID != types.OIDName:
		if settingsMatter(from) {
			return CastInfo{ioToText, AssignmentCast}, true
		}
		return CastInfo{fixedToText, AssignmentCast}, true
	case fi.Category == 'S' || fi.Category == 'Z':
		if settingsMatter(to) {
			return CastInfo{ioFromText, ExplicitCast}, true
		}
		return CastInfo{fixedFromText, ExplicitCast}, true
	}
	return CastInfo{}, false
}

// dateOrder is the field order of a DateStyle setting.
func dateOrder(style string) pgtime.DateOrder {
	style = strings.ToUpper(style)
	switch {
	case strings.Contains(style, "DMY"), strings.Contains(style, "EURO"):
		return pgtime.DMY
	case strings.Contains(style, "YMD"):
		return pgtime.YMD
	}
	return pgtime.MDY
}

// appendElemText appends one text element to an array being built.
func appendElemText(dst []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(s))), s...)
}
