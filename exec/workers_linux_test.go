package exec

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
	"golang.org/x/sys/unix"
)

// bidRel is the OID of bid in the stored plans of testdata/workers.
const bidRel = 16387

var bidTypes = []types.Type{types.Int8, types.Int8, types.Int8, types.Varchar, types.Varchar, types.Timestamp, types.Varchar}

// textSpec decodes bids of some 235 bytes of text, as the topics have them: as
// much work as a format does, but not its code, which exec does not import.
type textSpec struct{ fakeSpec }

func (textSpec) NewDecoder(cols []int) (source.Decoder, error) {
	d := &textDecoder{at: make([]int, len(bidTypes)), out: &delta.Batch{}}
	for i := range d.at {
		d.at[i] = -1
	}
	for i, c := range cols {
		d.at[c] = i
		d.out.Cols = append(d.out.Cols, delta.NewVec(bidTypes[c], 0))
	}
	return d, nil
}

// textDecoder reads lines of fields: digits, or other text that ends with a
// comma.
type textDecoder struct {
	at  []int
	out *delta.Batch
}

func (d *textDecoder) Decode(c *source.Chunk, emit func(*delta.Batch) error, _ func(source.DeadRow)) error {
	d.out.Reset()
	field, x := 0, int64(0)
	for _, ch := range c.Payload.([]byte) {
		switch {
		case ch == ',' || ch == '\n':
			if at := d.at[field]; at >= 0 {
				d.out.Cols[at].AppendInt(x)
			}
			field, x = field+1, 0
			if ch == '\n' {
				field = 0
				d.out.N++
			}
		case ch >= '0' && ch <= '9':
			x = x*10 + int64(ch-'0')
		}
	}
	return emit(d.out)
}

const (
	workerParts = 4
	workerChunk = 2048 // rows of a partition in a step
	stepTime    = workerParts * workerChunk * 100
	passSteps   = 32 // steps made at a time
)

// bidSteps are the inputs of n steps that begin at a time: bids 100 µs apart, a
// tenth of them on the hottest auction, the rest on the last thousand.
func bidSteps(n int, now int64) [][]source.Chunk {
	rng := rand.New(rand.NewPCG(1, 2))
	url := strings.Repeat("u", 90)
	extra := strings.Repeat("x", 80)
	var steps [][]source.Chunk
	for s := range n {
		var chunks []source.Chunk
		for p := range workerParts {
			var raw []byte
			for i := range workerChunk {
				auction := now / 1_000_000
				if i%10 != 0 {
					auction += int64(rng.IntN(1000))
				}
				raw = fmt.Appendf(raw, "%d,%d,%d,channel,%s,%d,%s\n", auction, rng.IntN(5000),
					1+int(rng.ExpFloat64()*10_000), url, now+int64(i*workerParts+p)*100, extra)
			}
			first := int64(s * workerChunk)
			chunks = append(chunks, source.Chunk{Partition: int32(p), First: first, Next: first + workerChunk, Rows: workerChunk, Payload: raw})
		}
		now += stepTime
		steps = append(steps, chunks)
	}
	return steps
}

// workersGraph runs a stored plan over bids.
func workersGraph(b *testing.B, query string, workers int) (*Graph, *graphSource) {
	enc, err := os.ReadFile(filepath.Join("testdata", "workers", query+".json"))
	if err != nil {
		b.Fatal(err)
	}
	root, err := plan.Decode(enc)
	if err != nil {
		b.Fatal(err)
	}
	id := uint64(0)
	plan.Walk(root, func(n plan.Node) { id++; n.Base().ID = id })
	g := newGraph(1, &Options{Workers: workers, Pool: state.NewPool(state.PoolOptions{}), Cuts: &memCuts{},
		Metrics: nullMetrics{}, Now: time.Now, CutInterval: time.Second, MaxDeadLetters: 10})
	spec := textSpec{fakeSpec{newFakeTopic(bidTypes, workerParts)}}
	s, err := newGraphSource(g, SourceSpec{Rel: bidRel, Name: "bid", Spec: spec, Columns: len(bidTypes),
		Watermark: &expr.Column{Index: 5, T: types.Timestamp}}, source.Offsets{})
	if err != nil {
		b.Fatal(err)
	}
	for p := range int32(workerParts) {
		s.parts[p] = &partition{max: NoWatermark}
	}
	g.sources[bidRel] = s
	j, err := newJob(g, JobSpec{Rel: 1, Name: query, Plan: root})
	if err == nil {
		err = g.attach(j, false)
	}
	if err != nil {
		b.Fatal(err)
	}
	return g, s
}

// threadTime is the CPU time of this thread.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}

// BenchmarkWorkers steps graphs over batches already fetched. path-ns/row is the
// CPU time along the critical path, that of the busiest worker of each stage:
// what a row would take with a core a worker, whatever else the machine does.
// cpu-ns/row is the time of all workers. The benchmark runs the workers one
// after another, on one thread, to measure both.
func BenchmarkWorkers(b *testing.B) {
	for _, query := range []string{"q1", "q5", "q7"} {
		for _, workers := range []int{1, 2, 4} {
			b.Run(fmt.Sprintf("%s/workers=%d", query, workers), func(b *testing.B) {
				g, s := workersGraph(b, query, workers)
				defer g.close()
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				var path, all time.Duration
				var steps [][]source.Chunk
				for i := range b.N {
					if i%passSteps == 0 {
						steps = bidSteps(passSteps, 800_000_000_000_000+int64(i)*stepTime)
					}
					in := &input{rows: workerChunk * workerParts}
					for _, c := range steps[i%passSteps] {
						in.chunks = append(in.chunks, taken{s, c})
					}
					cut := i%32 == 31
					if cut {
						g.times[bidRel] = s.parts[0].max - 5_000_000
					}
					for stage := range g.sched.stages {
						longest := time.Duration(0)
						for w := range workers {
							start := threadTime()
							g.runStage(stage, w, in, cut)
							d := threadTime() - start
							longest, all = max(longest, d), all+d
						}
						path += longest
					}
				}
				if err := g.jobs[0].Err(); err != nil {
					b.Fatal(err)
				}
				rows := float64(b.N * workerChunk * workerParts)
				b.ReportMetric(float64(path)/rows, "path-ns/row")
				b.ReportMetric(float64(all)/rows, "cpu-ns/row")
			})
		}
	}
}
