package exec

import (
	"encoding/binary"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// appendList appends the value of a list aggregate over rows to out.
func appendList(name string, rows *delta.Batch, out *delta.Vec) error {
	switch name {
	case "array_agg":
		out.AppendBytes(delta.AppendArray(nil, rows.Cols[0], 0, rows.N))
		return nil
	case "string_agg":
		var s []byte
		for i := range rows.N {
			if i > 0 && !rows.Cols[1].IsNull(i) {
				s = append(s, rows.Cols[1].Bytes(i)...)
			}
			s = append(s, rows.Cols[0].Bytes(i)...)
		}
		out.AppendBytes(s)
		return nil
	}
	return pgerr.Unsupported(0, "aggregate function %s", name)
}

// appendInterval appends the sum, or the mean of n, of intervals given by their
// fields' sums.
func appendInterval(out *delta.Vec, micros, days, months, n int64, avg bool) error {
	if avg {
		return pgerr.Unsupported(0, "avg(interval)")
	}
	if days != int64(int32(days)) || months != int64(int32(months)) {
		return pgerr.New(pgerr.DatetimeFieldOverflow, "interval out of range")
	}
	b := binary.LittleEndian.AppendUint64(nil, uint64(micros))
	b = binary.LittleEndian.AppendUint32(b, uint32(days))
	out.AppendBytes(binary.LittleEndian.AppendUint32(b, uint32(months)))
	return nil
}
