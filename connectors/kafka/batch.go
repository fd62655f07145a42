package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// batch is a record batch as it was fetched, or what remains of one, or a gap.
// It stands for all offsets from the end of what came before it in the queue.
type batch struct {
	next    int64 // offset after the last one that the batch stands for
	span          // records not taken yet; none: the batch is a gap
	fetched time.Time
}

// span is a run of records of one batch, in the form of the wire.
type span struct {
	base      int64 // what offset deltas count from
	firstTime int64 // ms since 1970: what timestamp deltas count from
	maxTime   int64 // ms since 1970: every record's time, unless -1
	data      []byte
	rows      int
}

// The header of a record batch of format 2, which is Kafka's since 0.11: byte
// positions, and the length.
const (
	atLength    = 8
	atMagic     = 16
	atCRC       = 17
	atAttrs     = 21
	atLastDelta = 23
	atFirstTime = 27
	atMaxTime   = 35
	atProducer  = 43
	atCount     = 57
	headerLen   = 61
	prefixLen   = 12 // what the length does not count
)

// Bits of a batch's attributes.
const (
	attrCodec         = 0x07
	attrAppendTime    = 0x08
	attrTransactional = 0x10
	attrControl       = 0x20
)

// minRecord is the length of the shortest record: five varints and attributes.
const minRecord = 7

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errOldFormat = errors.New("records in the format of before Kafka 0.11")

// parser reads the record batches of one partition in one fetch response.
type parser struct {
	decompressor
	now     time.Time
	from    int64 // offset that was asked for
	aborted []kmsg.FetchResponseTopicPartitionAbortedTransaction
	active  map[int64]bool // producers inside an aborted transaction
}

// maxParsed bounds what one fetch of a partition becomes when decompressed, but
// for the batch that passes it; the rest is fetched again.
const maxParsed = 32 << 20

// parse appends the batches in raw to out. A last one that is cut off is left
// for the next fetch. On error the batches before the bad one are good.
func (p *parser) parse(out []batch, raw []byte) ([]batch, error) {
	for total := 0; len(raw) >= prefixLen && total < maxParsed; {
		n := int(int32(binary.BigEndian.Uint32(raw[atLength:])))
		if n < headerLen-prefixLen {
			if len(raw) > atMagic && raw[atMagic] < 2 && n > 0 {
				return out, errOldFormat
			}
			return out, fmt.Errorf("a batch of %d bytes", n)
		}
		n += prefixLen
		if n > len(raw) {
			return out, nil
		}
		b, err := p.one(raw[:n:n])
		if err != nil {
			return out, err
		}
		raw = raw[n:]
		total += len(b.data)
		if b.next > p.from {
			out = append(out, b)
		}
	}
	return out, nil
}

func (p *parser) one(raw []byte) (batch, error) {
	be := binary.BigEndian
	if raw[atMagic] != 2 {
		return batch{}, errOldFormat
	}
	base := int64(be.Uint64(raw))
	if crc32.Checksum(raw[atAttrs:], castagnoli) != be.Uint32(raw[atCRC:]) {
		return batch{}, fmt.Errorf("bad checksum at offset %d", base)
	}
	attrs, last := be.Uint16(raw[atAttrs:]), int32(be.Uint32(raw[atLastDelta:]))
	if base < 0 || last < 0 {
		return batch{}, fmt.Errorf("bad header at offset %d", base)
	}
	b := batch{next: base + int64(last) + 1, fetched: p.now}
	b.base, b.firstTime, b.maxTime = base, int64(be.Uint64(raw[atFirstTime:])), -1
	if attrs&attrAppendTime != 0 {
		b.maxTime = int64(be.Uint64(raw[atMaxTime:]))
	}
	if p.isAborted(b.next, int64(be.Uint64(raw[atProducer:])), attrs, raw) || attrs&attrControl != 0 {
		return b, nil
	}
	data := raw[headerLen:]
	if codec := attrs & attrCodec; codec != 0 {
		var err error
		if data, err = p.decompress(data, codec); err != nil {
			return batch{}, fmt.Errorf("batch at offset %d: %w", base, err)
		}
	}
	rows := int(int32(be.Uint32(raw[atCount:])))
	if rows < 0 || rows > int(last)+1 || rows > len(data)/minRecord {
		return batch{}, fmt.Errorf("bad number of records at offset %d", base)
	}
	b.data, b.rows = data, rows
	if base < p.from { // the broker gives whole batches
		b.take(rows, len(data), p.from)
	}
	return b, nil
}

// isAborted follows the aborted transactions, of which the response lists the
// producer and first offset in order of offsets, and whose end is a control
// batch; it reports whether the batch belongs to one.
func (p *parser) isAborted(next, producer int64, attrs uint16, raw []byte) bool {
	for len(p.aborted) > 0 && p.aborted[0].FirstOffset < next {
		if p.active == nil {
			p.active = map[int64]bool{}
		}
		p.active[p.aborted[0].ProducerID] = true
		p.aborted = p.aborted[1:]
	}
	if attrs&attrTransactional == 0 || !p.active[producer] {
		return false
	}
	if attrs&attrControl != 0 && controlType(raw[headerLen:]) == controlAbort {
		delete(p.active, producer)
	}
	return true
}

const controlAbort = 0

// controlType is the type in the key of a control batch's record: a version and
// a type of 16 bits each.
func controlType(data []byte) int {
	var r record
	if !r.read(&data) || len(r.key) < 4 {
		return -1
	}
	return int(binary.BigEndian.Uint16(r.key[2:]))
}

// take takes records off the front: at most so many, of at most so many bytes,
// and only those below until. It returns them with the offset of the last one,
// and whether until is what stopped it. Records that cannot be read stay
// together: the decoder says what is wrong with them.
func (b *batch) take(rows, bytes int, until int64) (s span, last int64, stopped bool) {
	s = b.span
	if b.rows <= rows && len(b.data) <= bytes && b.next <= until {
		b.rows, b.data = 0, nil
		return s, b.next - 1, false
	}
	s.rows = 0
	data := b.data
	for b.rows > 0 && s.rows < rows {
		rest := data
		delta, ok := skipRecord(&rest)
		if !ok {
			s.rows += b.rows
			b.rows, data, last = 0, nil, b.next-1
			break
		}
		if stopped = b.base+delta >= until; stopped || len(b.data)-len(rest) > bytes {
			break
		}
		data, last = rest, b.base+delta
		s.rows++
		b.rows--
	}
	s.data = b.data[:len(b.data)-len(data)]
	b.data = data
	return s, last, stopped
}
