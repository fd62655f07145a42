package expr

import (
	"strconv"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

func compileArray(e *Array) (node, error) {
	return nil, pgerr.Unsupported(0, "ARRAY[…]")
}

func compileAnyAll(e *AnyAll) (node, error) {
	return nil, pgerr.Unsupported(0, "ANY and ALL of an array")
}

func datumText(d delta.Datum) string {
	if d.T.Phys() == types.Int64 {
		return strconv.FormatInt(d.I, 10)
	}
	return string(d.S)
}
