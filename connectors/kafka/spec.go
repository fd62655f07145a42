package kafka

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
)

// Spec is a Kafka source relation. Its methods are safe for concurrent use.
type Spec struct {
	opts Options
	acc  *access
	cl   *kgo.Client // for offsets and commits; readers have their own
	stop chan struct{}
	once sync.Once
	wg   sync.WaitGroup

	mu      sync.Mutex
	commits source.Offsets // to be sent; nil: nothing
	wake    chan struct{}
	started bool
}

var _ source.Spec = (*Spec)(nil)

// New checks the options. Nothing is connected yet.
func New(o Options) (*Spec, error) {
	o.setDefaults()
	if len(o.Brokers) == 0 {
		return nil, pgerr.New(pgerr.InvalidParameterValue, "option %q is missing", optBrokers)
	}
	if o.Topic == "" {
		return nil, pgerr.New(pgerr.InvalidParameterValue, "option %q is missing", optTopic)
	}
	for _, c := range o.Columns {
		if c.Include != "" {
			if err := checkInclude(c); err != nil {
				return nil, err
			}
		}
	}
	if _, err := newDecoder(&o, nil); err != nil {
		return nil, err
	}
	acc := newAccess(o.Security)
	cl, err := newClient(&o, acc)
	if err != nil {
		return nil, err
	}
	return &Spec{opts: o, acc: acc, cl: cl, stop: make(chan struct{}), wake: make(chan struct{}, 1)}, nil
}

// SetSecurity changes files, user, password and token of the source's clients,
// from the next connection and login on. Whether there is TLS and which
// mechanism is used stays: false says that s differs in them, or not at all.
func (s *Spec) SetSecurity(next Security) bool {
	now := s.acc.current.Load()
	if *now == next || now.TLS != next.TLS || now.Mechanism != next.Mechanism {
		return false
	}
	s.acc.current.Store(&next)
	return true
}

// NewDecoder implements source.Spec.
func (s *Spec) NewDecoder(cols []int) (source.Decoder, error) { return newDecoder(&s.opts, cols) }

// startAt is what the startup mode asks the brokers for.
func (o *Options) startAt() int64 {
	switch o.Startup {
	case Latest:
		return listCommitted
	case Timestamp:
		return max(o.StartupMillis, 0)
	}
	return listStart
}

// Resolve implements source.Spec: the offsets of the startup mode. It waits for
// the broker and for the topic until stop is closed, which is 57014.
func (s *Spec) Resolve(stop <-chan struct{}) (source.Offsets, error) {
	ctx, cancel := s.context(stop)
	defer cancel()
	for n := 0; ; n++ {
		o, err := s.list(ctx, s.opts.startAt())
		if err == nil {
			return o, nil
		}
		select {
		case <-ctx.Done():
			return nil, pgerr.New(pgerr.QueryCanceled, "canceled while waiting for Kafka").
				WithDetail("%s", s.acc.reason(s.opts.Topic, strings.Join(s.opts.Brokers, ","), err))
		case <-time.After(backoff(n)):
		}
	}
}

// End implements source.Spec: the offsets after the last record outside open
// transactions, which a reader can come to now. One try: 08006 when the broker
// does not answer in time, 42704 when there is no such topic.
func (s *Spec) End(stop <-chan struct{}) (source.Offsets, error) {
	ctx, cancel := s.context(stop)
	defer cancel()
	o, err := s.list(ctx, listCommitted)
	if err == nil {
		return o, nil
	}
	if ctx.Err() != nil {
		return nil, pgerr.New(pgerr.QueryCanceled, "canceling statement due to user request")
	}
	return nil, s.unavailable(err)
}

// Begin moves the kept start of a source up to what retention has left, for a
// view that is created later: offsets that are gone are no failure for it. The
// notices say which partitions begin later than asked. Errors as of End.
func (s *Spec) Begin(kept source.Offsets, stop <-chan struct{}) (source.Offsets, []string, error) {
	ctx, cancel := s.context(stop)
	defer cancel()
	first, err := s.list(ctx, listStart)
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil, pgerr.New(pgerr.QueryCanceled, "canceling statement due to user request")
		}
		return nil, nil, s.unavailable(err)
	}
	o := kept.Clone()
	var notices []string
	for p, n := range o {
		if n < first[p] {
			o[p] = first[p]
			notices = append(notices, startNotice(s.opts.Topic, p, first[p]))
		}
	}
	return o, notices, nil
}

func startNotice(topic string, p int32, at int64) string {
	return fmt.Sprintf("topic %q partition %d starts at offset %d, the earliest there is", topic, p, at)
}

func (s *Spec) unavailable(err error) error {
	why := s.acc.reason(s.opts.Topic, strings.Join(s.opts.Brokers, ","), err)
	if strings.HasSuffix(why, "does not exist") {
		return pgerr.New(pgerr.UndefinedObject, "Kafka %s", why)
	}
	return pgerr.New(pgerr.ConnectionFailure, "Kafka is not available: %s", why)
}

func (s *Spec) list(ctx context.Context, what int64) (source.Offsets, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.RequestTimeout)
	defer cancel()
	return listOffsets(ctx, s.cl, s.opts.Topic, what)
}

// context ends with stop and with the Spec.
func (s *Spec) context(stop <-chan struct{}) (context.Context, context.CancelFunc) {
	outer, cancelOuter := whileOpen(s.stop)
	if stop == nil {
		return outer, cancelOuter
	}
	ctx, cancel := context.WithCancel(outer)
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(); cancelOuter() }
}

// Commit implements source.Spec: it leaves the offsets to a goroutine that sends
// the latest ones, at most once per CommitInterval.
func (s *Spec) Commit(o source.Offsets) {
	if s.opts.GroupID == "" || len(o) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commits = o.Clone()
	select {
	case <-s.stop:
		return
	default:
	}
	if !s.started {
		s.started = true
		s.wg.Add(1)
		go s.committer()
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Spec) committer() {
	defer s.wg.Done()
	ctx, cancel := whileOpen(s.stop)
	defer cancel()
	for {
		select {
		case <-s.wake:
		case <-s.stop:
			s.lastCommit()
			return
		}
		s.commit(ctx)
		select {
		case <-time.After(s.opts.CommitInterval):
		case <-s.stop:
			s.lastCommit()
			return
		}
	}
}

// lastCommitTimeout bounds what Close waits for the group.
const lastCommitTimeout = 500 * time.Millisecond

func (s *Spec) lastCommit() {
	ctx, cancel := context.WithTimeout(context.Background(), lastCommitTimeout)
	defer cancel()
	s.commit(ctx)
}

// commit sends what is to be sent. Nothing depends on it, so a failure is only
// tried again after CommitInterval, unless there is something newer by then.
func (s *Spec) commit(ctx context.Context) {
	s.mu.Lock()
	o := s.commits
	s.commits = nil
	s.mu.Unlock()
	if o == nil {
		return
	}
	os := kadm.Offsets{}
	for p, at := range o {
		os.AddOffset(s.opts.Topic, p, at, -1)
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.RequestTimeout)
	defer cancel()
	resp, err := kadm.NewClient(s.cl).CommitOffsets(ctx, s.opts.GroupID, os)
	if err == nil && resp.Error() == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.commits == nil {
		s.commits = o
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Close implements source.Spec. Readers are closed on their own.
func (s *Spec) Close() {
	s.once.Do(func() {
		s.mu.Lock()
		close(s.stop)
		s.mu.Unlock()
		s.wg.Wait()
		s.cl.Close()
	})
}
