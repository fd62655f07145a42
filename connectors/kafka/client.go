package kafka

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
)

// newClient makes a client that connects when first used. It retries little by
// itself: whoever uses it waits visibly and tries again.
func newClient(o *Options, a *access) (*kgo.Client, error) {
	const slack = 1 << 20
	cl, err := kgo.NewClient(append(a.options(o.RequestTimeout),
		kgo.SeedBrokers(o.Brokers...),
		kgo.ClientID("heliosdb-streaming"),
		kgo.DisableClientMetrics(),
		kgo.WithLogger(libraryLog{o.Logger}),
		kgo.RequestTimeoutOverhead(o.RequestTimeout),
		kgo.RequestRetries(1),
		kgo.RetryTimeout(o.RequestTimeout),
		// Kafka gives at least one batch, however large.
		kgo.BrokerMaxReadBytes(int32(min(max(100<<20, 2*o.FetchMaxBytes), 1<<30))+slack),
	)...)
	if err != nil {
		return nil, pgerr.New(pgerr.InvalidParameterValue, "Kafka: %v", err)
	}
	return cl, nil
}

// errNoTopic is a topic that the broker does not know.
var errNoTopic = kerr.UnknownTopicOrPartition

// topicInfo is what the brokers say of a topic.
type topicInfo struct {
	id      [16]byte
	leaders map[int32]int32 // by partition; -1: none
	addrs   map[int32]string
}

// describeTopic asks for a topic's partitions and their leaders, and never
// creates it.
func describeTopic(ctx context.Context, cl *kgo.Client, topic string) (*topicInfo, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = false
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &topic
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 {
		return nil, fmt.Errorf("a metadata response with %d topics", len(resp.Topics))
	}
	rt := &resp.Topics[0]
	if err := kerr.ErrorForCode(rt.ErrorCode); err != nil {
		return nil, err
	}
	info := &topicInfo{id: rt.TopicID, leaders: map[int32]int32{}, addrs: map[int32]string{}}
	for _, b := range resp.Brokers {
		info.addrs[b.NodeID] = net.JoinHostPort(b.Host, fmt.Sprint(b.Port))
	}
	for _, p := range rt.Partitions {
		info.leaders[p.Partition] = p.Leader
		if p.ErrorCode == kerr.LeaderNotAvailable.Code {
			info.leaders[p.Partition] = -1
		}
	}
	return info, nil
}

// Kinds of offsets to list; other numbers are a time in ms since 1970.
const (
	listStart     = -2 // of the oldest record
	listCommitted = -1 // after the last record outside open transactions
	listEnd       = -3 // after the last record
)

// listOffsets asks for one offset of every partition.
func listOffsets(ctx context.Context, cl *kgo.Client, topic string, what int64) (source.Offsets, error) {
	adm := kadm.NewClient(cl)
	var l kadm.ListedOffsets
	var err error
	switch what {
	case listStart:
		l, err = adm.ListStartOffsets(ctx, topic)
	case listCommitted:
		l, err = adm.ListCommittedOffsets(ctx, topic)
	case listEnd:
		l, err = adm.ListEndOffsets(ctx, topic)
	default:
		l, err = adm.ListOffsetsAfterMilli(ctx, what, topic)
	}
	if err != nil {
		return nil, err
	}
	o := source.Offsets{}
	for _, lo := range l[topic] {
		if lo.Err != nil {
			return nil, lo.Err
		}
		o[lo.Partition] = lo.Offset
	}
	if len(o) == 0 {
		return nil, errNoTopic
	}
	return o, nil
}

// backoff is the wait before try number n, from 0: 100 ms doubling to 5 s.
func backoff(n int) time.Duration {
	const least, most = 100 * time.Millisecond, 5 * time.Second
	if n > 10 {
		return most
	}
	return min(least<<n, most)
}

// whileOpen is a context that ends with stop.
func whileOpen(stop <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	if stop != nil {
		go func() {
			select {
			case <-stop:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	return ctx, cancel
}
