package testkafka

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func produce(t *testing.T, addr, topic string) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func TestBoth(t *testing.T) {
	t.Parallel()
	Both(t, func(t *testing.T, addr string) {
		a, b := Topic(t, addr, 2), Topic(t, addr, 1)
		if a == b {
			t.Fatal("one topic for two")
		}
		runtime.GC() // the broker must not hang on anything that is collected
		runtime.GC()
		produce(t, addr, a)
	})
}

func TestRestartAndTools(t *testing.T) {
	t.Parallel()
	s := New(t)
	CreateTopic(t, s.Addr, "kept", 3)
	s.Stop(t)
	s.Restart(t)
	if out := Tool(t, s.Addr, "topics", "--list"); !strings.Contains(out, "kept") {
		t.Errorf("topics after a restart: %s", out)
	}
	produce(t, s.Addr, "kept")
}
