package exec

import (
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
)

// forkRows is the number of rows from which a stage is worth handing to other
// goroutines: a fork and join costs 1.4–2.1 µs, 14 after an idle spell.
const forkRows = 4096

// input is what one step takes in.
type input struct {
	chunks []taken // decoded by the worker of their partition
	writes []tableDelta
	held   []*held // for jobs that come back
	rows   int
}

// taken is one chunk with its source.
type taken struct {
	src   *graphSource
	chunk source.Chunk
}

// tableDelta is the delta of a table in a step.
type tableDelta struct {
	rel   uint32
	batch *delta.Batch
}

// schedule is the order of work of a graph's step, made anew when jobs come or
// go: for each stage and worker what is delivered and which units end.
type schedule struct {
	stages [][]stageWork // [stage][worker]
}

type stageWork struct {
	receivers []jobReceiver
	units     []jobUnit
}

type jobUnit struct {
	job *Job
	u   *unit
}

type jobReceiver struct {
	job *Job
	r   receiver
}

// reschedule lays out the units of all jobs, which stand in topological order.
func (g *Graph) reschedule() {
	base := map[uint32]int{} // relation → stage at which its delta comes out
	var s schedule
	at := func(stage, w int) *stageWork {
		for len(s.stages) <= stage {
			s.stages = append(s.stages, make([]stageWork, g.workers))
		}
		return &s.stages[stage][w]
	}
	at(0, 0)
	for _, j := range g.jobs {
		first := 0
		for _, in := range j.reads {
			first = max(first, base[in])
		}
		last := first
		for w, b := range j.pipes {
			for _, u := range b.units {
				sw := at(first+u.stage, w)
				sw.units = append(sw.units, jobUnit{j, u})
				last = max(last, first+u.stage)
			}
			for _, r := range b.receivers {
				sw := at(first+r.x.stage, w)
				sw.receivers = append(sw.receivers, jobReceiver{j, r})
			}
		}
		base[j.rel] = last
	}
	g.sched = s
}

// run executes one step. cut: watermarks have moved, timed operators advance.
// Jobs that fail on the way are marked and no longer fed; the step of the
// others goes on.
func (g *Graph) runStep(in *input, cut bool) {
	g.step++
	for _, j := range g.jobs {
		if !j.started {
			j.guard(j.start)
		}
	}
	for stage := range g.sched.stages {
		rows := 0
		if stage == 0 {
			rows = in.rows
		} else {
			for _, r := range g.sched.stages[stage][0].receivers {
				rows += r.r.x.waiting()
			}
		}
		g.fork(rows >= forkRows, func(w int) { g.runStage(stage, w, in, cut) })
	}
}

// fork runs fn for every worker, on goroutines of their own or one by one here.
func (g *Graph) fork(parallel bool, fn func(w int)) {
	if !parallel || g.workers == 1 {
		for w := range g.workers {
			fn(w)
		}
		return
	}
	var wg sync.WaitGroup
	for w := 1; w < g.workers; w++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			fn(w)
		}()
	}
	fn(0)
	wg.Wait()
}

func (g *Graph) runStage(stage, w int, in *input, cut bool) {
	work := &g.sched.stages[stage][w]
	if stage == 0 {
		g.feed(w, in)
	}
	for _, r := range work.receivers {
		r.job.guard(func() error { return r.r.x.deliver(w, r.r.out) })
	}
	for _, ju := range work.units {
		if ju.u.touched || cut || ju.u.ticked || ju.u.always {
			ju.job.guard(func() error { return ju.u.end(cut) })
		}
	}
}

// feed gives worker w its share of the step's input.
func (g *Graph) feed(w int, in *input) {
	for i := range in.chunks {
		t := &in.chunks[i]
		if t.src.worker(t.chunk.Partition, g.workers) == w {
			t.src.decode(g, w, &t.chunk)
		}
	}
	for _, h := range in.held {
		if h.worker == w {
			h.reader.guard(h.feed)
		}
	}
	if w != 0 {
		return
	}
	for _, t := range in.writes {
		if j := g.relations[t.rel]; j != nil {
			j.guard(func() error { return j.pipes[0].leaves[0].push(t.batch) })
		}
	}
}

// guard runs a part of the job's step. An error or a panic fails the job alone.
func (j *Job) guard(fn func() error) {
	if j.failed.Load() {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			j.fail(pgerr.Internal("panic in job %s: %v", j.name, r).WithDetail("%s", trimStack(debug.Stack())))
		}
	}()
	if err := fn(); err != nil {
		j.fail(err)
	}
}

// trimStack keeps what a bug report needs of a stack, bounded.
func trimStack(s []byte) string { return fmt.Sprintf("%.4000s", s) }
