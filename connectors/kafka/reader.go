package kafka

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/heliosdb/heliosdb-streaming/internal/source"
)

// Reader fetches one topic for one graph. All state is under mu; goroutines: one
// manager, and one fetcher for each broker that leads a partition.
type Reader struct {
	opts   *Options
	acc    *access
	cl     *kgo.Client
	from   source.Offsets
	ready  func()
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	once   sync.Once
	again  chan struct{} // asks the manager to look at the metadata

	mu       sync.Mutex
	parts    map[int32]*part
	order    []*part // by number
	turn     int     // where the next Take begins
	rows     int     // buffered
	bytes    int
	fetchers map[int32]*fetcher // by broker
	topicID  [16]byte
	seen     bool      // the brokers have told of the topic, or that there is none
	problem  string    // what the manager waits for; empty: nothing
	retryAt  time.Time // when it tries again
	notices  []string
	err      error // final
}

var _ source.Reader = (*Reader)(nil)

// part is one partition.
type part struct {
	id       int32
	leader   int32 // -1: none known
	pos      int64 // next offset to fetch
	taken    int64 // offset after what was taken
	announce bool  // taken is a start that the graph does not know yet
	queue    []batch
	rows     int // in queue
	bytes    int
	end      int64     // offset after the last record at the broker; -1: not known
	problem  string    // why it cannot be fetched; empty: all is well
	tries    int       // in a row that failed
	retryAt  time.Time // of a failed one
	empty    int       // fetches in a row that gave nothing where something should be
}

// maxNotices bounds Status.Notices.
const maxNotices = 64

// Open implements source.Spec.
func (s *Spec) Open(from source.Offsets, ready func()) (source.Reader, error) {
	cl, err := newClient(&s.opts, s.acc)
	if err != nil {
		return nil, err
	}
	r := &Reader{
		opts: &s.opts, acc: s.acc, cl: cl, from: from.Clone(), ready: ready, again: make(chan struct{}, 1),
		parts: map[int32]*part{}, fetchers: map[int32]*fetcher{},
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.wg.Add(1)
	go r.manage()
	return r, nil
}

// Buffered implements source.Reader.
func (r *Reader) Buffered() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rows
}

// Close implements source.Reader: requests under way are abandoned.
func (r *Reader) Close() {
	r.once.Do(func() {
		r.cancel()
		r.wg.Wait()
		r.cl.Close()
	})
}

// Status implements source.Reader.
func (r *Reader) Status() source.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := source.Status{
		End: make(source.Offsets, len(r.parts)), Unreachable: map[int32]bool{},
		Notices: slices.Clone(r.notices),
	}
	now := time.Now()
	if r.problem != "" {
		s.Waiting = next(r.problem, r.retryAt, now)
	}
	for _, p := range r.order {
		s.End[p.id] = p.end
		if p.problem == "" {
			continue
		}
		s.Unreachable[p.id] = true
		if s.Waiting == "" {
			s.Waiting = next(p.problem, p.retryAt, now)
		}
	}
	// Partitions that no broker has told of yet are not idle either.
	for p := range r.from {
		if r.parts[p] == nil {
			s.End[p] = -1
			s.Unreachable[p] = s.Waiting != ""
		}
	}
	return s
}

// next adds to a problem when the next try is.
func next(problem string, at, now time.Time) string {
	if wait := at.Sub(now); wait > 0 {
		return fmt.Sprintf("%s; next try in %s", problem, wait.Round(100*time.Millisecond))
	}
	return problem
}

// notice adds a word for people, once.
func (r *Reader) notice(text string) {
	if !slices.Contains(r.notices, text) && len(r.notices) < maxNotices {
		r.notices = append(r.notices, text)
	}
}

// fail is final.
func (r *Reader) fail(err error) {
	r.mu.Lock()
	if r.err == nil {
		r.err = err
	}
	r.mu.Unlock()
	r.cancel()
	r.ready()
}

// add makes a partition known. announce: its start comes from the startup mode,
// and the graph must keep it.
func (r *Reader) add(id int32, at int64, announce bool) *part {
	p := &part{id: id, leader: -1, pos: at, taken: at, end: -1, announce: announce}
	r.parts[id] = p
	r.order = append(r.order, p)
	slices.SortFunc(r.order, func(a, b *part) int { return cmp.Compare(a.id, b.id) })
	return p
}

func (r *Reader) brokers() string { return strings.Join(r.opts.Brokers, ",") }

// refresh asks the manager to look at the metadata soon.
func (r *Reader) refresh() {
	select {
	case r.again <- struct{}{}:
	default:
	}
}

// sleep waits; false: the reader was closed.
func (r *Reader) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.ctx.Done():
		return false
	}
}
