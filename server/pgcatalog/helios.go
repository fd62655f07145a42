package pgcatalog

import (
	"cmp"
	"maps"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// pgTime turns microseconds since 2000-01-01 UTC into what a cell takes.
func pgTime(micros int64) any {
	if micros == 0 || micros == exec.NoWatermark {
		return nil
	}
	return micros
}

// name is what a relation is called; nil: it is gone.
func (e *Env) name(oid uint32) any {
	if r := e.Catalog.ByOID(oid); r != nil {
		return r.Name
	}
	return nil
}

func deadLetters(w *writer, e *Env) {
	for _, d := range call(e.DeadLetters) {
		c := cells{
			"source": e.name(d.Rel), "time": pgTime(d.Time), "code": orNull(d.Code), "error": d.Error,
			"count": d.Count,
		}
		if d.Payload != nil { // a tombstone has none
			c["payload"] = d.Payload
		}
		if d.Partition != nil {
			c["partition"] = *d.Partition
		}
		if d.Offset != nil {
			c["offset"] = *d.Offset
		}
		w.row(c)
	}
}

var jobKinds = map[catalog.Kind]string{
	catalog.Table: "table", catalog.MaterializedView: "materialized view", catalog.Sink: "sink",
}

func jobs(w *writer, e *Env) {
	for _, j := range call(e.Jobs) {
		c := cells{
			"oid": j.Rel, "name": j.Name, "status": j.State, "waiting": orNull(j.Waiting), "progress": j.Progress,
			"graph": int64(j.Graph), "step": int64(j.Step), "rows": j.Rows, "bytes": j.Bytes,
		}
		if r := e.Catalog.ByOID(j.Rel); r != nil {
			c["kind"] = jobKinds[r.Kind]
		}
		if j.Err != nil {
			c["error"] = j.Err.Error()
		}
		if len(j.Notices) > 0 {
			c["notices"] = j.Notices
		}
		if len(j.Sources) > 0 {
			lag, wm := int64(0), j.Sources[0].Watermark
			for _, s := range j.Sources {
				lag, wm = lag+s.Lag, min(wm, s.Watermark)
			}
			c["lag"], c["watermark"] = lag, pgTime(wm)
		}
		w.row(c)
	}
}

// jobSources has a row for each partition of each source that a job reads.
func jobSources(w *writer, e *Env) {
	for _, j := range call(e.Jobs) {
		for _, s := range j.Sources {
			parts := maps.Clone(s.Offsets)
			for p := range s.End {
				if _, ok := parts[p]; !ok {
					parts[p] = 0
				}
			}
			for _, p := range slices.Sorted(maps.Keys(parts)) {
				c := cells{
					"oid": s.Rel, "source": e.name(s.Rel), "job": j.Name, "partition": p, "offset": parts[p],
					"idle": slices.Contains(s.Idle, p), "watermark": pgTime(s.Watermark), "decoded": s.Rows,
				}
				if end, ok := s.End[p]; ok && end >= 0 {
					c["end_offset"], c["lag"] = end, max(0, end-parts[p])
				}
				w.row(c)
			}
		}
	}
}

func operators(w *writer, e *Env) {
	if e.Operators == nil {
		return
	}
	list := e.Operators()
	slices.SortFunc(list, func(a, b exec.OperatorStatus) int { return cmp.Or(cmp.Compare(a.Job, b.Job), cmp.Compare(a.ID, b.ID)) })
	for _, o := range list {
		w.row(cells{
			"job": e.name(o.Job), "operator_id": int64(o.ID), "operator": o.Kind, "rows_in": o.RowsIn, "rows_out": o.RowsOut,
			"late_rows": o.Late, "state_rows": o.Rows, "state_bytes": o.Bytes,
		})
	}
}

func checkpoints(w *writer, e *Env) {
	if e.Checkpoint == nil {
		return
	}
	c := e.Checkpoint()
	if c.Epoch == 0 && c.Failures == 0 {
		return
	}
	row := cells{"at": c.At, "failures": c.Failures, "last_error": orNull(c.LastError)}
	if c.Epoch != 0 {
		row["epoch"], row["duration"], row["stall"] = int64(c.Epoch), c.Duration, c.Stall
	}
	w.row(row)
}

func bucketCheckpoints(w *writer, e *Env) {
	for _, c := range call(e.BucketCheckpoints) {
		w.row(cells{
			"epoch": int64(c.Epoch), "at": c.Created, "log_position": int64(c.LogPos), "runs": int64(c.Runs), "bytes": c.Bytes, "object": c.Object,
		})
	}
}

func memoryAreas(w *writer, e *Env) {
	for _, m := range call(e.Memory) {
		c := cells{"area": m.Area, "bytes": m.Bytes}
		if m.Limit > 0 {
			c["limit_bytes"] = m.Limit
		}
		w.row(c)
	}
}
