package api

import (
	"bytes"
	"encoding/json"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/jsonb"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// appendRow appends row i of b as a JSON array. Values are as PostgreSQL's
// to_json gives them, which row_to_json and PostgREST use:
//
//   - boolean: true, false; NULL: null
//   - smallint, integer, bigint, oid, real, double precision, numeric: a JSON
//     number with all its digits, also beyond 2^53; NaN and the infinities are
//     strings
//   - json, jsonb: as they are
//   - arrays: JSON arrays
//   - date, timestamp, timestamptz: ISO 8601, "2024-05-01T12:00:00+00:00"
//   - everything else: a string with PostgreSQL's text of the value
//
// opts are the session's, for the time zone.
func appendRow(dst []byte, b *delta.Batch, i int, opts *values.TextOpts) []byte {
	dst = append(dst, '[')
	for c, v := range b.Cols {
		if c > 0 {
			dst = append(dst, ',')
		}
		dst = appendValue(dst, v, i, opts)
	}
	return append(dst, ']')
}

func appendValue(dst []byte, v *delta.Vec, i int, opts *values.TextOpts) []byte {
	if v.IsNull(i) {
		return append(dst, "null"...)
	}
	switch v.T.OID {
	case types.OIDBool:
		if v.B[i] {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case types.OIDInt2, types.OIDInt4, types.OIDInt8, types.OIDOid:
		return values.AppendText(dst, v, i, opts)
	case types.OIDFloat4, types.OIDFloat8, types.OIDNumeric:
		at := len(dst)
		dst = values.AppendText(dst, v, i, opts)
		if c := dst[len(dst)-1]; c == 'N' || c == 'y' { // NaN, Infinity
			dst = append(dst, "\"\""...)
			copy(dst[at+1:], dst[at:len(dst)-2])
			dst[at] = '"'
		}
		return dst
	case types.OIDJSONB:
		return append(dst, v.Bytes(i)...)
	case types.OIDJSON: // as it was written, which may be on several lines
		var one bytes.Buffer
		if err := json.Compact(&one, v.Bytes(i)); err != nil {
			return jsonb.AppendString(dst, v.Bytes(i))
		}
		return append(dst, one.Bytes()...)
	case types.OIDTimestamp, types.OIDTimestamptz:
		return appendISO(dst, values.AppendText(nil, v, i, opts), v.T.OID == types.OIDTimestamptz)
	}
	if et, ok := v.T.Elem(); ok {
		elems := delta.NewVec(et, 0)
		delta.AppendArrayElems(v.Bytes(i), elems)
		dst = append(dst, '[')
		for k := range elems.Len() {
			if k > 0 {
				dst = append(dst, ',')
			}
			dst = appendValue(dst, elems, k, opts)
		}
		return append(dst, ']')
	}
	return jsonb.AppendString(dst, values.AppendText(nil, v, i, opts))
}

// appendISO makes "2024-05-01 12:00:00+00" ISO 8601, as to_json does.
func appendISO(dst, text []byte, zone bool) []byte {
	dst = append(dst, '"')
	day, rest, ok := bytes.Cut(text, []byte(" "))
	if !ok { // infinity
		return append(append(dst, text...), '"')
	}
	dst = append(append(dst, day...), 'T')
	clock, era, _ := bytes.Cut(rest, []byte(" "))
	dst = append(dst, clock...)
	if n := len(clock); zone && n > 3 && (clock[n-3] == '+' || clock[n-3] == '-') {
		dst = append(dst, ":00"...)
	}
	if len(era) > 0 {
		dst = append(append(dst, ' '), era...)
	}
	return append(dst, '"')
}
