package kafka

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/connectors/format/json"
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/jsonb"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// A batch that reaches either size is handed on.
const (
	batchRows  = 8192
	batchBytes = 16 << 20
)

// decoder turns the records of chunks into rows of one batch.
type decoder struct {
	json     *json.Decoder
	batch    *delta.Batch
	bound    []*delta.Vec // by JSON column
	includes []include
	payload  bool // the whole value is a column: it may be any JSON
	raw      bool // the same as bytes: it may be anything
	whole    []byte
	maxBytes int
	bytes    int // of includes in the batch
}

var _ source.Decoder = (*decoder)(nil)

// include is a needed column that comes from the record's envelope.
type include struct {
	from   string // key, partition, offset, timestamp, header, payload
	header string
	name   string
	out    *delta.Vec
}

// rawValue is where a payload column of type bytea comes from: the message as it
// is, which need not be JSON.
const rawValue = "raw"

// checkInclude says whether a column of type t can hold what Include names.
func checkInclude(c Column) error {
	var ok bool
	text := c.Type.OID == types.OIDText || c.Type.OID == types.OIDVarchar
	switch from, _, _ := strings.Cut(c.Include, ":"); from {
	case "key", "header":
		ok = text || c.Type.OID == types.OIDBytea
	case "partition":
		ok = text || c.Type.OID == types.OIDInt4 || c.Type.OID == types.OIDInt8
	case "offset":
		ok = text || c.Type.OID == types.OIDInt8
	case "payload":
		ok = c.Type.OID == types.OIDJSONB || c.Type.OID == types.OIDBytea
	case "timestamp":
		ok = c.Type.OID == types.OIDTimestamptz || c.Type.OID == types.OIDTimestamp
	default:
		return pgerr.Unsupported(0, "INCLUDE %s", c.Include)
	}
	if !ok {
		return pgerr.New(pgerr.DatatypeMismatch, "column %q of type %s cannot hold INCLUDE %s", c.Name, c.Type, c.Include)
	}
	return nil
}

func newDecoder(o *Options, cols []int) (*decoder, error) {
	d := &decoder{maxBytes: o.MaxRecordBytes}
	place := map[int]*delta.Vec{}
	ts := make([]types.Type, len(cols))
	for i, c := range cols {
		if c < 0 || c >= len(o.Columns) {
			return nil, pgerr.Internal("kafka: no column %d", c)
		}
		ts[i] = o.Columns[c].Type
	}
	d.batch = delta.NewBatch(ts, 0)
	for i, c := range cols {
		place[c] = d.batch.Cols[i]
	}
	var fields []json.Column
	for i, c := range o.Columns {
		if c.Include == "" {
			fields = append(fields, json.Column{Name: c.Name, Type: c.Type})
			d.bound = append(d.bound, place[i])
			continue
		}
		from, name, _ := strings.Cut(c.Include, ":")
		if from == "payload" && c.Type.OID == types.OIDBytea {
			from = rawValue
		}
		d.payload = d.payload || from == "payload"
		d.raw = d.raw || from == rawValue
		if v := place[i]; v != nil {
			d.includes = append(d.includes, include{from: from, header: name, name: c.Name, out: v})
		}
	}
	var err error
	d.json, err = json.New(fields)
	return d, err
}

// Decode implements source.Decoder.
func (d *decoder) Decode(c *source.Chunk, emit func(*delta.Batch) error, dead func(source.DeadRow)) error {
	spans, ok := c.Payload.([]span)
	if !ok && c.Payload != nil {
		return pgerr.Internal("kafka: a chunk with %T", c.Payload)
	}
	d.reset()
	for i := range spans {
		if err := d.span(c.Partition, &spans[i], emit, dead); err != nil {
			return err
		}
	}
	return d.flush(emit)
}

func (d *decoder) reset() {
	d.batch.Reset()
	d.json.Bind(d.bound)
	d.bytes = 0
}

func (d *decoder) flush(emit func(*delta.Batch) error) error {
	if d.batch.N == 0 {
		return nil
	}
	err := emit(d.batch)
	d.reset()
	return err
}

func (d *decoder) span(part int32, s *span, emit func(*delta.Batch) error, dead func(source.DeadRow)) error {
	data := s.data
	var r record
	last := s.base - 1
	for range s.rows {
		if !r.read(&data) {
			dead(source.DeadRow{Partition: part, Offset: last + 1, Error: "malformed record batch", Payload: clip(data)})
			break
		}
		last = s.base + r.offsetDelta
		if err := d.record(part, s, &r); err != nil {
			dead(source.DeadRow{
				Partition: part, Offset: last, Time: s.time(&r), Error: describe(err), Payload: clip(r.value),
			})
			continue
		}
		if d.batch.N++; d.batch.N >= batchRows || d.json.Size()+d.bytes >= batchBytes {
			if err := d.flush(emit); err != nil {
				return err
			}
		}
	}
	return nil
}

// record appends one row; on error none.
func (d *decoder) record(part int32, s *span, r *record) error {
	if len(r.value) > d.maxBytes {
		return pgerr.New(pgerr.ProgramLimitExceeded, "the record has %d bytes, more than max_record_bytes = %d", len(r.value), d.maxBytes)
	}
	if r.value == nil {
		return pgerr.New(pgerr.InvalidTextRepresentation, "the record has no value (a tombstone)")
	}
	if err := d.value(r.value); err != nil {
		return err
	}
	for i := range d.includes {
		if d.includes[i].from == "payload" {
			d.includes[i].out.AppendBytes(d.whole)
			continue
		}
		if err := d.includes[i].append(part, s, r); err != nil {
			d.batch.Truncate(d.batch.N)
			return err
		}
	}
	if len(d.includes) > 0 {
		d.bytes += len(r.key) + len(r.headers) + len(d.whole)
	}
	return nil
}

// value reads a record's value into the declared columns, and as a whole if it
// is one of them. Without others it need not be an object.
func (d *decoder) value(v []byte) error {
	if d.payload {
		var err error
		if d.whole, err = jsonb.Parse(d.whole[:0], v); err != nil {
			return err
		}
	}
	if len(d.bound) == 0 && (d.payload || d.raw) {
		return nil
	}
	return d.json.Append(v)
}

func (in *include) append(part int32, s *span, r *record) error {
	switch in.from {
	case "key":
		return in.appendBytes(r.key)
	case rawValue:
		return in.appendBytes(r.value)
	case "partition":
		in.appendInt(int64(part))
	case "offset":
		in.appendInt(s.base + r.offsetDelta)
	case "timestamp":
		if t := s.time(r); t != 0 {
			in.out.AppendInt(pgtime.RoundTo(t, int(in.out.T.Mod)))
		} else {
			in.out.AppendNull()
		}
	case "header":
		v, _, ok := r.header(in.header)
		if !ok {
			return pgerr.New(pgerr.DataException, "column %q: the record's headers are malformed", in.name)
		}
		return in.appendBytes(v)
	}
	return nil
}

func (in *include) appendInt(x int64) {
	if in.out.T.Phys() == types.Int64 {
		in.out.AppendInt(x)
		return
	}
	in.out.AppendBytes(strconv.AppendInt(nil, x, 10))
}

func (in *include) appendBytes(b []byte) error {
	if b == nil {
		in.out.AppendNull()
		return nil
	}
	if in.out.T.OID != types.OIDBytea {
		if err := types.CheckUTF8(b); err != nil {
			return pgerr.New(pgerr.CharacterNotInRepertoire, "column %q: %s", in.name, pgerr.From(err).Message)
		}
	}
	in.out.AppendBytes(b)
	return nil
}

// time is a record's timestamp in µs since 2000; 0: it has none, or one that no
// timestamp can hold.
func (s *span) time(r *record) int64 {
	ms := s.firstTime + r.timeDelta
	if s.maxTime >= 0 {
		ms = s.maxTime
	}
	const most = 1 << 53 // ms; µs of it still fit
	if ms < 0 || ms > most {
		return 0
	}
	us := pgtime.FromUnixMicros(ms * 1000)
	if pgtime.CheckTimestamp(us) != nil {
		return 0
	}
	return us
}

// describe is an error in the words of a dead letter.
func describe(err error) string {
	e := pgerr.From(err)
	if e.Detail != "" {
		return e.Message + " (" + e.Detail + ")"
	}
	return e.Message
}

func clip(b []byte) []byte { return bytes.Clone(b[:min(len(b), source.MaxDeadPayload)]) }
