package server

import (
	"encoding/json"
	"time"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/storage/epoch"
)

var crashRecovered = crashpoint.Register("recover.done")

// recover rebuilds the process as the last epoch and the log say: the graphs of
// the epoch at its offsets, then the log's DDL and writes, in order, then the
// cuts to come.
func (s *Server) recover() error {
	start := time.Now()
	contained, err := s.recoverEpoch()
	if err != nil {
		return err
	}
	var cuts []*exec.Cut
	records := 0
	err = s.wal.Read(contained+1, func(pos uint64, kind byte, payload []byte) error {
		records++
		switch kind {
		case recordDDL:
			return s.replayDDL(pos, payload)
		case recordWrite:
			return s.replayWrite(pos, payload)
		case recordAuth:
			return s.auth.Apply(payload)
		case recordCut:
			c, err := exec.ParseCut(pos, payload)
			cuts = append(cuts, c)
			return err
		}
		return pgerr.New(pgerr.DataCorrupted, "log record %d is of unknown kind %d", pos, kind)
	})
	if err != nil {
		return err
	}
	s.engine.ReplayCuts(cuts)
	crashpoint.Hit(crashRecovered)
	if s.epoch() > 0 || records > 0 {
		s.log.Info("recovered", "epoch", s.epoch(), "relations", len(s.catalog().user()), "log_records", records, "took", time.Since(start))
	}
	return nil
}

func (s *Server) epoch() uint64 {
	if m := s.store.Manifest(); m != nil {
		return m.Epoch
	}
	return 0
}

// recoverEpoch restores the last epoch and returns the log position it contains.
func (s *Server) recoverEpoch() (uint64, error) {
	m := s.store.Manifest()
	if m == nil || m.Epoch == 0 {
		return 0, nil
	}
	meta, err := decodeMeta(m)
	if err != nil {
		return 0, err
	}
	if err := s.auth.Restore(meta.Auth); err != nil {
		return 0, err
	}
	if meta.TakenAt > 0 {
		s.checkpoints.last = CheckpointInfo{Epoch: m.Epoch, At: time.UnixMicro(meta.TakenAt)}
	}
	s.restored = restored{meta.RestoredFrom, meta.RestoredDigest, meta.RestoredAt}
	cat := s.catalog().clone()
	cat.nextOID, cat.nextOp, cat.pausedAt = meta.NextOID, meta.NextOp, meta.PausedAt
	for _, r := range meta.Relations {
		cat.add(r)
	}
	s.cat.Store(cat)
	jobs, sources := map[uint32]exec.JobSpec{}, map[uint32]exec.SourceSpec{}
	for _, r := range meta.Relations {
		switch {
		case r.Kind == catalog.Source:
			spec, err := s.sourceSpec(cat, r)
			if err != nil {
				return 0, err
			}
			sources[r.OID] = spec
		case len(r.Plan) > 0:
			spec, err := jobSpec(r)
			if err != nil {
				return 0, err
			}
			jobs[r.OID] = spec
		}
	}
	return meta.Contained, s.engine.Restore(meta.Graphs, jobs, sources, s.store)
}

// decodeMeta reads the description of an epoch.
func decodeMeta(m *epoch.Manifest) (*epochMeta, error) {
	var meta epochMeta
	if err := json.Unmarshal(m.Meta, &meta); err != nil {
		return nil, pgerr.New(pgerr.DataCorrupted, "the description of epoch %d cannot be read: %v", m.Epoch, err)
	}
	if meta.Format != metaFormat {
		return nil, pgerr.New(pgerr.FeatureNotSupported, "epoch %d was written in format %d; this program reads format %d", m.Epoch, meta.Format, metaFormat).
			WithHint("Start it with the version that wrote it. Nothing was changed.")
	}
	return &meta, nil
}

func (s *Server) replayDDL(pos uint64, payload []byte) error {
	var rec ddlRecord
	if err := json.Unmarshal(payload, &rec); err != nil {
		return pgerr.New(pgerr.DataCorrupted, "a logged statement cannot be read: %v", err)
	}
	err := s.applyDDL(pos, &rec)
	if err != nil {
		// One job that cannot start must not keep all the others down.
		s.log.Error("a logged statement cannot be carried out", "error", err)
		cat := s.catalog().clone()
		rec.settle(cat)
		for _, r := range rec.Create {
			cat.add(r)
		}
		s.cat.Store(cat)
	}
	return nil
}

func (s *Server) replayWrite(pos uint64, payload []byte) error {
	cat := s.catalog()
	deltas, err := decodeWrite(payload, func(oid uint32) ([]types.Type, bool) {
		r := cat.ByOID(oid)
		if r == nil {
			return nil, false
		}
		return r.Types(), true
	})
	if err != nil {
		return err
	}
	return s.engine.Replay(pos, deltas)
}
