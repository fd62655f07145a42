package server

import (
	"context"
	"errors"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// inferColumns looks at the first messages of a topic, within bounds. A topic
// that does not exist yet has none; a broker that does not answer is an error.
func (s *Server) inferColumns(ctx context.Context, topic string) (*inference, error) {
	n := &inference{}
	r := &catalog.Relation{
		Name: topic, Kind: catalog.Source, Format: "plain", Encode: "json",
		Options: map[string]string{"connector": "kafka", "topic": topic, "scan.startup.mode": "earliest"},
		Columns: []catalog.Column{{Name: "payload", Type: types.Bytea, Include: "payload"}},
	}
	spec, err := s.newSpec(r)
	if err != nil {
		return nil, err
	}
	defer spec.Close()
	end, err := spec.End(ctx.Done())
	switch {
	case pgerr.Is(err, pgerr.UndefinedObject):
		return n, nil // no such topic
	case err != nil:
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, sampleTime)
	defer cancel()
	err = sample(ctx, spec, end, n)
	if err != nil && ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = nil // what came in time is what there is
	}
	return n, err
}

// errEnough ends a sample.
var errEnough = errors.New("enough")

// sample gives the first messages to n.
func sample(ctx context.Context, spec source.Spec, end source.Offsets, n *inference) error {
	at, err := spec.Resolve(ctx.Done())
	if err != nil {
		return err
	}
	ready := make(chan struct{}, 1)
	reader, err := spec.Open(at, func() {
		select {
		case ready <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return err
	}
	defer reader.Close()
	dec, err := spec.NewDecoder([]int{0})
	if err != nil {
		return err
	}
	records, size := 0, 0
	take := func(b *delta.Batch) error {
		for i := range b.N {
			n.add(b.Cols[0].Bytes(i))
			records++
			size += len(b.Cols[0].Bytes(i))
			if records >= sampleRecords || size >= sampleBytes {
				return errEnough
			}
		}
		return nil
	}
	at = at.Clone()
	for !passed(at, end) {
		chunks, err := reader.Take(source.Budget{Rows: sampleRecords, Bytes: sampleBytes}, end)
		if err != nil {
			return err
		}
		for i := range chunks {
			err := dec.Decode(&chunks[i], take, func(source.DeadRow) {})
			if errors.Is(err, errEnough) {
				return nil
			}
			if err != nil {
				return err
			}
			at[chunks[i].Partition] = chunks[i].Next
		}
		if len(chunks) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ready:
		}
	}
	return nil
}
