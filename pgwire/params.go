package pgwire

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/jackc/pgproto3/v2"
)

// checkBindCounts checks a Bind against its statement, in PostgreSQL's words.
func checkBindCounts(m *pgproto3.Bind, ps *PreparedStatement) error {
	if n := len(m.ParameterFormatCodes); n > 1 && n != len(m.Parameters) {
		return protocolViolation("bind message has %d parameter formats but %d parameters", n, len(m.Parameters))
	}
	if len(m.Parameters) != len(ps.Params) {
		return protocolViolation("bind message supplies %d parameters, but prepared statement \"%s\" requires %d",
			len(m.Parameters), ps.Name, len(ps.Params))
	}
	return nil
}

// resultFormats checks the result's format codes against its columns.
func resultFormats(codes []int16, columns int) ([]int16, error) {
	if len(codes) > 1 && len(codes) != columns {
		return nil, protocolViolation("bind message has %d result formats but query has %d columns", len(codes), columns)
	}
	for _, f := range codes {
		if err := checkFormat(f); err != nil {
			return nil, err
		}
	}
	return codes, nil
}

func checkFormat(f int16) error {
	if f != pgproto3.TextFormat && f != pgproto3.BinaryFormat {
		return pgerr.New(pgerr.InvalidParameterValue, "unsupported format code: %d", f)
	}
	return nil
}

// decodeParams turns a Bind's parameters into values. The values do not alias
// the message.
func (c *conn) decodeParams(m *pgproto3.Bind, ps *PreparedStatement) ([]delta.Datum, error) {
	if len(m.Parameters) == 0 || ps.Plan == nil {
		return nil, nil
	}
	opts := &c.sess.Settings().Text
	ts := ps.Plan.Params()
	args := make([]delta.Datum, len(ts))
	for i, t := range ts {
		f := formatOf(m.ParameterFormatCodes, i)
		raw := m.Parameters[i]
		if raw == nil && checkFormat(f) == nil {
			args[i] = delta.NullOf(t)
			continue
		}
		if err := c.decodeParam(t, f, raw, opts); err != nil {
			return nil, paramError(err, m.DestinationPortal, i, f)
		}
		args[i] = c.scratch.At(0)
	}
	if cap(c.scratch.Data) > keepBytes {
		c.scratch = &delta.Vec{}
	}
	return args, nil
}

// decodeParam leaves the value as row 0 of c.scratch.
func (c *conn) decodeParam(t types.Type, format int16, raw []byte, opts *values.TextOpts) error {
	if err := checkFormat(format); err != nil {
		return err
	}
	c.scratch.Reset(t)
	if format == pgproto3.TextFormat || isText(t) {
		if e := invalidText(raw); e != nil {
			return e
		}
	}
	if format == pgproto3.BinaryFormat {
		if err := values.ParseBinary(t, raw, c.scratch); err != nil {
			return err
		}
	} else if err := values.ParseText(t, raw, opts, c.scratch); err != nil {
		return err
	}
	if c.scratch.Len() != 1 {
		return pgerr.Internal("parameter of type %s gave %d values", t, c.scratch.Len())
	}
	return nil
}

func isText(t types.Type) bool {
	switch t.OID {
	case types.OIDText, types.OIDVarchar, types.OIDName, types.OIDUnknown:
		return true
	}
	return false
}

// invalidText is 22021 for bytes that are no text: bad UTF-8 or a NUL.
func invalidText(b []byte) *pgerr.Error {
	if e := invalidUTF8(b); e != nil {
		return e
	}
	if bytes.IndexByte(b, 0) >= 0 {
		return badEncoding([]byte{0})
	}
	return nil
}

func invalidUTF8String(s string) *pgerr.Error {
	if utf8.ValidString(s) {
		return nil
	}
	return invalidUTF8([]byte(s))
}

// paramError adds which parameter it was, in the words of PostgreSQL, which
// shows that there was a text but by default not which.
func paramError(err error, portal string, i int, format int16) error {
	e := *pgerr.From(err)
	e.Pos = 0 // it would count in the value, not in the query
	where := "unnamed portal"
	if portal != "" {
		where = fmt.Sprintf("portal \"%s\"", portal)
	}
	where = fmt.Sprintf("%s parameter $%d", where, i+1)
	if format == pgproto3.TextFormat && e.Code != pgerr.CharacterNotInRepertoire {
		where += " = '...'"
	}
	if e.Where != "" {
		where = e.Where + "\n" + where
	}
	e.Where = where
	return &e
}
