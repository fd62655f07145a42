package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

// metricTypes are the names that dashboards rely on, with their types.
var metricTypes = map[string]string{
	"events_ingested_total": "counter", "events_processed_total": "counter", "backpressure_ratio": "gauge",
	"event_processing_duration": "histogram", "job_status": "gauge", "checkpoint_duration": "histogram",
	"checkpoint_failures_total": "counter", "process_cpu_seconds_total": "counter",
	"process_resident_memory_bytes": "gauge", "process_open_fds": "gauge",

	"heliosdb_watermark_lag_seconds": "gauge", "heliosdb_kafka_lag_records": "gauge",
	"heliosdb_operator_state_bytes": "gauge", "heliosdb_operator_state_rows": "gauge",
	"heliosdb_late_rows_total": "counter", "heliosdb_dead_rows_total": "counter",
	"heliosdb_checkpoint_age_seconds": "gauge", "heliosdb_memory_limit_bytes": "gauge",
}

var jobStatuses = []string{"running", "catching up", "backfilling", "recovering", "waiting", "paused", "failed"}

// TestMetrics: every name of the guide is there, with its type, one series a
// process, and job_status as 0 or 1 for every status. Kafka's own tool shows the
// group's lag.
func TestMetrics(t *testing.T) {
	t.Parallel()
	testkafka.Both(t, func(t *testing.T, broker string) {
		t.Parallel()
		topic := testkafka.Topic(t, broker, 2)
		p := newProducer(t, broker, topic)
		group := "metrics-" + topic
		e := start(t, settings{dir: t.TempDir(), broker: broker, workers: 2, checkpoint: "0.1",
			env: []string{"HELIOSDB_KAFKA_GROUP_ID=" + group}})
		e.exec(fmt.Sprintf(`CREATE SOURCE events (k bigint, ts timestamp, WATERMARK FOR ts AS ts)
WITH (connector = 'kafka', topic = '%s') FORMAT PLAIN ENCODE JSON;`, topic))
		e.exec(`CREATE MATERIALIZED VIEW per_window AS SELECT window_start, count(*) AS n
FROM TUMBLE(events, ts, INTERVAL '10 seconds') GROUP BY window_start EMIT ON WINDOW CLOSE`)
		status := func(is string) {
			t.Helper()
			m := e.scrape()
			for _, s := range jobStatuses {
				v := 0
				if s == is {
					v = 1
				}
				if line := fmt.Sprintf("job_status{job_name=\"per_window\",status=%q} %d\n", s, v); !strings.Contains(m, line) {
					t.Errorf("no %s in %q", line, linesWith(m, "job_status"))
				}
			}
		}
		status("running")
		for i := range 100 {
			p.send(int32(i%2), fmt.Appendf(nil, `{"k":%d,"ts":"2026-01-01 00:00:%02d"}`, i, i/2))
		}
		p.send(1, []byte("not json"))
		p.flush()
		e.becomes("SELECT count(*), sum(n) FROM per_window", "4|80")
		p.lines(`{"k":1,"ts":"2025-01-01 00:00:00"}`) // late by far
		e.exec("FLUSH")
		e.eventually("a checkpoint is in the metrics", func() (string, bool) {
			m := e.scrape()
			return m, strings.Contains(m, "heliosdb_checkpoint_age_seconds ") && !strings.Contains(m, "checkpoint_duration_count 0")
		})
		m := e.scrape()
		for name, kind := range metricTypes {
			if !strings.Contains(m, fmt.Sprintf("# TYPE %s %s\n", name, kind)) {
				t.Errorf("no %s of type %s: %q", name, kind, linesWith(m, "# TYPE "+name))
			}
		}
		for name, value := range map[string]string{
			`events_ingested_total`: "102", `events_processed_total`: "102", `event_processing_duration_count`: "102",
			`event_processing_duration_bucket{le="+Inf"}`: "102", `heliosdb_dead_rows_total{source="events"}`: "1",
			`heliosdb_kafka_lag_records{source="events"}`: "0", `checkpoint_failures_total`: "0",
		} {
			if !strings.Contains(m, "\n"+name+" "+value+"\n") {
				t.Errorf("%s is not %s: %q", name, value, linesWith(m, name))
			}
		}
		if !regexp.MustCompile(`(?m)^heliosdb_late_rows_total\{job_name="per_window",operator="[^"]+"\} 1$`).MatchString(m) {
			t.Errorf("no late row: %q", linesWith(m, "late_rows"))
		}
		status("running")
		if _, ok := strings.CutPrefix(t.Name(), "TestMetrics/kafka"); ok {
			groupLag(t, e, broker, group, topic)
		}
		e.stop()
	})
}

// groupLag reads what kafka-consumer-groups prints.
func groupLag(t *testing.T, e *engine, broker, group, topic string) {
	t.Helper()
	row := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(group) + ` +` + regexp.QuoteMeta(topic) + ` +\d +(\d+) +(\d+) +(\d+) `)
	e.eventually("the group's lag is 0", func() (string, bool) {
		out := testkafka.Tool(t, broker, "consumer-groups", "--describe", "--group", group)
		rows := row.FindAllStringSubmatch(out, -1)
		return out, len(rows) == 2 && rows[0][3] == "0" && rows[1][3] == "0"
	})
}
