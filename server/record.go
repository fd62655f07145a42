package server

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// Kinds of log records; the values are stored.
const (
	recordDDL   = 1 // ddlRecord
	recordWrite = 2 // deltas of tables, see appendWrite
	recordCut   = 3 // exec.Cut
	recordAuth  = 4 // a change of users and roles, see auth.Auth.Apply
)

// ddlRecord is one change of the catalog. Relations of one record begin
// together.
type ddlRecord struct {
	Create []*catalog.Relation `json:"create,omitempty"`
	Drop   []uint32            `json:"drop,omitempty"`
	// Replace holds new versions of relations whose jobs go on: comments, and
	// sources whose start is known now.
	Replace []*catalog.Relation `json:"replace,omitempty"`
	NextOID uint32              `json:"nextOID"`
	NextOp  uint64              `json:"nextOp"`
	// PausedAt pauses all jobs since a time, or with 0 lets them go on; nil: neither.
	PausedAt *int64 `json:"pausedAt,omitempty"`
}

// epochMeta is what an epoch records besides the tables.
type epochMeta struct {
	Format int `json:"format"`
	// Contained is the log position up to which all records are in the epoch. Of
	// later ones a graph holds those up to the positions in its own state.
	Contained uint64              `json:"contained"`
	NextOID   uint32              `json:"nextOID"`
	NextOp    uint64              `json:"nextOp"`
	Relations []*catalog.Relation `json:"relations"`
	Graphs    []exec.GraphState   `json:"graphs"`
	PausedAt  int64               `json:"pausedAt,omitempty"`
	Auth      json.RawMessage     `json:"auth,omitempty"` // auth.Auth.Snapshot
	// TakenAt is when the graphs stood as the epoch says, in µs since 1970.
	TakenAt int64 `json:"takenAt,omitempty"`
	// RestoredFrom is the savepoint that this state goes back to, "" for none: so
	// a start with the same flag does not go back once more.
	RestoredFrom string `json:"restoredFrom,omitempty"`
	// RestoredDigest tells it from another one that was given its name since.
	RestoredDigest string `json:"restoredDigest,omitempty"`
	// RestoredAt is the epoch in which it came.
	RestoredAt uint64 `json:"restoredAt,omitempty"`
}

// metaFormat is the version of epochMeta that this program writes.
const metaFormat = 1

// appendWrite encodes the deltas of tables:
//
//	uvarint tables; per table: uvarint oid, uvarint rows; per row: varint
//	weight, uvarint length, values.AppendRow
func appendWrite(dst []byte, deltas map[uint32]*delta.Batch) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(deltas)))
	var row []byte
	for _, oid := range slices.Sorted(maps.Keys(deltas)) {
		b := deltas[oid]
		dst = binary.AppendUvarint(dst, uint64(oid))
		dst = binary.AppendUvarint(dst, uint64(b.N))
		for i := range b.N {
			row = values.AppendRow(row[:0], b.Cols, i)
			dst = binary.AppendVarint(dst, b.Weight(i))
			dst = binary.AppendUvarint(dst, uint64(len(row)))
			dst = append(dst, row...)
		}
	}
	return dst
}

// decodeWrite reads what appendWrite wrote. types gives a table's columns; a
// table that is gone has none, and its rows are skipped.
func decodeWrite(p []byte, typesOf func(oid uint32) ([]types.Type, bool)) (map[uint32]*delta.Batch, error) {
	bad := pgerr.New(pgerr.DataCorrupted, "a logged change of a table cannot be read")
	next := func() uint64 {
		x, n := binary.Uvarint(p)
		if n <= 0 {
			p = nil
			return 0
		}
		p = p[n:]
		return x
	}
	out := map[uint32]*delta.Batch{}
	for range next() {
		oid, rows := uint32(next()), next()
		ts, ok := typesOf(oid)
		b := delta.NewBatch(ts, 0)
		for range rows {
			w, n := binary.Varint(p)
			if n <= 0 {
				return nil, bad
			}
			p = p[n:]
			size := next()
			if size > uint64(len(p)) {
				return nil, bad
			}
			if ok {
				if _, err := values.DecodeRow(p[:size], b.Cols); err != nil {
					return nil, bad
				}
				b.AppendWeight(w)
			}
			p = p[size:]
		}
		if ok {
			out[oid] = b
		}
	}
	if len(p) != 0 {
		return nil, bad
	}
	return out, nil
}

func encodeJSON(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, pgerr.Internal("encoding a record: %v", err)
	}
	return b, nil
}
