package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// What is told of each job and of each source, when it is scraped.
var (
	descStatus       = desc("job_status", "1 for the status a job is in, 0 for the others.", "job_name", "status")
	descJobIn        = desc("heliosdb_job_rows_in_total", "Rows that a job took from its inputs.", "job_name")
	descJobRate      = desc("heliosdb_job_events_per_second", "Rows that a job takes from its inputs per second, over the last seconds.", "job_name")
	descJobLag       = desc("heliosdb_job_lag_records", "Records of a job's sources that it is yet to read.", "job_name")
	descJobWatermark = desc("heliosdb_job_watermark_lag_seconds", "Age of the least watermark of a job's sources.", "job_name")
	descJobState     = desc("heliosdb_job_state_bytes", "Memory of all state of a job or table.", "job_name")
	descJobProgress  = desc("heliosdb_job_progress_ratio", "Progress of catching up; 1 when there is nothing to catch up with.", "job_name")
	descWatermark    = desc("heliosdb_watermark_lag_seconds", "Age of a source's watermark.", "source")
	descLag          = desc("heliosdb_kafka_lag_records", "Records of a source that are yet to be read.", "source")
)

type (
	gaugeFunc   = func(*prometheus.Desc, float64, ...string)
	counterFunc = func(*prometheus.Desc, float64, ...string)
)

func (c *collector) jobs(gauge gaugeFunc, counter counterFunc) {
	cat := c.s.catalog()
	sources := map[string]exec.SourceStatus{}
	now := exec.Micros(time.Now())
	jobs := 0
	for _, j := range c.s.jobs() {
		gauge(descRows, float64(j.Rows), j.Name)
		gauge(descJobState, float64(j.Bytes), j.Name)
		if r := cat.ByOID(j.Rel); r == nil || r.Kind == catalog.Table {
			continue // it has rows and memory, and nothing to do
		}
		jobs++
		for _, st := range jobStates {
			v := 0.0
			if st == j.State {
				v = 1
			}
			gauge(descStatus, v, j.Name, st)
		}
		counter(descJobIn, float64(j.RowsIn), j.Name)
		gauge(descJobRate, c.s.rates.of(j.Rel), j.Name)
		gauge(descJobProgress, j.Progress, j.Name)
		c.jobTime(gauge, &j, now)
		for _, src := range j.Sources {
			if j.Parked {
				continue // its lag is the job's, not the source's
			}
			r := cat.ByOID(src.Rel)
			if r == nil {
				continue
			}
			if have, ok := sources[r.Name]; !ok || src.Lag < have.Lag {
				sources[r.Name] = src
			}
		}
	}
	if jobs == 0 { // sum(job_status{status="running"}) is 0 then, not nothing
		for _, st := range jobStates {
			gauge(descStatus, 0, "", st)
		}
	}
	for name, src := range sources {
		gauge(descLag, float64(src.Lag), name)
		if src.Watermark != exec.NoWatermark {
			gauge(descWatermark, float64(now-src.Watermark)/1e6, name)
		}
	}
}

// jobTime tells how far a job is behind its sources, in records and in time.
func (c *collector) jobTime(gauge gaugeFunc, j *exec.JobStatus, now int64) {
	if len(j.Sources) == 0 {
		return
	}
	lag, least := int64(0), j.Sources[0].Watermark
	for _, src := range j.Sources {
		lag += src.Lag
		least = min(least, src.Watermark)
	}
	gauge(descJobLag, float64(lag), j.Name)
	if least != exec.NoWatermark {
		gauge(descJobWatermark, float64(now-least)/1e6, j.Name)
	}
}
