package pgwire

import (
	"encoding/binary"
	"strconv"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/jackc/pgproto3/v2"
)

// dataRows writes rows as DataRow messages.
type dataRows struct {
	how  []colFormat
	text *values.TextOpts
}

// colFormat is how one column is written; the commonest are written here.
type colFormat uint8

const (
	asText colFormat = iota
	asBinary
	asIntText // decimal digits
	asRaw     // the stored bytes are the text
)

func newDataRows(cols []Column, formats []int16, text *values.TextOpts) (*dataRows, error) {
	if len(cols) > maxColumns {
		return nil, pgerr.New(pgerr.TooManyColumns, "a result can have at most %d columns", maxColumns)
	}
	d := &dataRows{how: make([]colFormat, len(cols)), text: text}
	for i := range cols {
		switch oid := cols[i].Type.OID; {
		case oid == types.OIDText || oid == types.OIDVarchar || oid == types.OIDName:
			d.how[i] = asRaw
		case formatOf(formats, i) == pgproto3.BinaryFormat:
			d.how[i] = asBinary
		case oid == types.OIDInt8 || oid == types.OIDInt4 || oid == types.OIDInt2:
			d.how[i] = asIntText
		}
	}
	return d, nil
}

func (d *dataRows) append(dst []byte, b *delta.Batch, row int) []byte {
	start := len(dst)
	n := len(b.Cols)
	dst = append(dst, 'D', 0, 0, 0, 0, byte(n>>8), byte(n))
	for c, v := range b.Cols {
		if v.IsNull(row) {
			dst = append(dst, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		at := len(dst)
		dst = append(dst, 0, 0, 0, 0)
		switch d.how[c] {
		case asIntText:
			dst = strconv.AppendInt(dst, v.I[row], 10)
		case asRaw:
			dst = append(dst, v.Bytes(row)...)
		case asBinary:
			dst = values.AppendBinary(dst, v, row)
		default:
			dst = values.AppendText(dst, v, row, d.text)
		}
		binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	binary.BigEndian.PutUint32(dst[start+1:], uint32(len(dst)-start-1))
	return dst
}
