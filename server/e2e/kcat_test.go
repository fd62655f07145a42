package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

// TestKcat: what kcat produces, to the dev broker or to a real Kafka, psql reads.
func TestKcat(t *testing.T) {
	t.Parallel()
	need(t, "kcat")
	need(t, "psql")
	script, err := filepath.Abs(filepath.Join(repo, "testdata", "e2e", "kcat.sh"))
	if err != nil {
		t.Fatal(err)
	}
	kcat := func(t *testing.T, broker, pg string) {
		host, port, err := net.SplitHostPort(pg)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("bash", script, broker, host, port)
		cmd.Env = append(os.Environ(), "PSQLRC=/dev/null")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("kcat.sh: %v\n%s", err, out)
		}
	}
	t.Run("dev", func(t *testing.T) {
		t.Parallel()
		d := startDev(t, t.TempDir(), "HELIOSDB_DEV_EVENTS_PER_SECOND=0")
		kcat(t, d.broker, d.pg)
		d.stop()
	})
	t.Run("kafka", func(t *testing.T) {
		t.Parallel()
		broker := testkafka.Start(t)
		e := start(t, settings{dir: t.TempDir(), broker: broker, workers: 2})
		kcat(t, broker, e.pg)
		e.stop()
	})
}
