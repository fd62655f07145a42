package exec

import (
	"encoding/binary"

	"github.com/heliosdb/heliosdb-streaming/planner/plan"
)

// appendWindow appends a time so that bytes sort like times.
func appendWindow(dst []byte, w int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(w)^1<<63)
}

// windowOf reads what appendWindow wrote.
func windowOf(key []byte) int64 { return int64(binary.BigEndian.Uint64(key) ^ 1<<63) }

// windowBound is the least value of the column that time has not closed: v is
// closed when v + size + late <= T (see plan.TimeCol). NoWatermark: none is.
func windowBound(t Times, in *plan.Props, col int, size, late int64) int64 {
	for _, tc := range in.Times {
		if tc.Col != col {
			continue
		}
		wm := t.Of(tc)
		if wm == NoWatermark {
			return NoWatermark
		}
		return wm - size - late + 1
	}
	return NoWatermark
}
