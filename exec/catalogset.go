package exec

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
)

// optionsToTable is pg_options_to_table: the options "name=value" of a foreign
// table as rows.
func optionsToTable(array delta.Datum) setIter {
	it := delta.IterArray(array.S)
	return func(cols []*delta.Vec) (bool, error) {
		if !it.Next() {
			return false, nil
		}
		name, value, ok := strings.Cut(string(it.Elem), "=")
		cols[0].AppendBytes([]byte(name))
		if ok {
			cols[1].AppendBytes([]byte(value))
		} else {
			cols[1].AppendNull()
		}
		return true, nil
	}
}
