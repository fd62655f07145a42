package exec

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
)

// expandArray is information_schema._pg_expandarray: the elements with their
// numbers.
func expandArray(array delta.Datum) setIter {
	elems := unnest(array)
	n := int64(0)
	return func(cols []*delta.Vec) (bool, error) {
		more, err := elems(cols[:1])
		if more {
			n++
			cols[1].AppendInt(n)
		}
		return more, err
	}
}

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

// once gives a single row, for pg_partition_ancestors: a relation that is no
// partition has itself alone.
func once(d delta.Datum) setIter {
	done := false
	return func(cols []*delta.Vec) (bool, error) {
		if done {
			return false, nil
		}
		done = true
		cols[0].AppendDatum(d)
		return true, nil
	}
}
