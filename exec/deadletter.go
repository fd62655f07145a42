package exec

import (
	"encoding/binary"
	"encoding/json"
	"sync"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
)

// DeadLetter is one row of heliosdb.dead_letters.
type DeadLetter struct {
	Rel       uint32 `json:"-"`
	Partition *int32 `json:"p,omitempty"` // of records; nil for rows of operators
	Offset    *int64 `json:"o,omitempty"`
	Time      int64  `json:"t,omitempty"` // µs since 2000-01-01 UTC; 0: unknown
	Code      string `json:"c,omitempty"` // SQLSTATE, for rows of operators
	Error     string `json:"e"`
	Payload   []byte `json:"d"`
	Count     int64  `json:"n"` // how many equal rows
}

// deadLetters keeps what one relation could not compute: for a source the
// records it could not decode, for a job the Z-set of rows its operators
// rejected, whose entries leave again when their input is retracted. At most
// max entries: a source forgets its oldest, a job keeps its first.
//
//	key  records: 0x00 and a sequence number, big endian
//	     rows:    0x01, the operator, the hash of error and row
type deadLetters struct {
	mu   sync.Mutex // several workers write; readers come between steps
	pool *state.Pool
	rel  uint32
	max  int
	tree *state.Tree // made with the first entry
	next uint64
	lost int64 // entries forgotten or not kept
}

func newDeadLetters(pool *state.Pool, rel uint32, limit int) *deadLetters {
	return &deadLetters{pool: pool, rel: rel, max: limit}
}

// table is the tree, made when first needed.
func (d *deadLetters) table() *state.Tree {
	if d.tree == nil {
		d.tree = state.NewTree(d.pool, state.TreeOptions{})
	}
	return d.tree
}

// record adds a record that could not be decoded.
func (d *deadLetters) record(r source.DeadRow) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.table()
	for t.Len() >= d.max {
		c := t.Cursor()
		if !c.Seek(nil) {
			break
		}
		t.Delete(append([]byte(nil), c.Key()...))
		d.lost++
	}
	key := binary.BigEndian.AppendUint64([]byte{0}, d.next)
	d.next++
	l := DeadLetter{Partition: &r.Partition, Offset: &r.Offset, Time: r.Time, Error: r.Error, Payload: r.Payload, Count: 1}
	return d.put(key, &l)
}

func (d *deadLetters) put(key []byte, l *DeadLetter) error {
	v, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return d.table().Put(key, v)
}

// row adds weight to the entry of one rejected row.
func (d *deadLetters) row(op uint64, b *delta.Batch, i int, weight int64, e *pgerr.Error) error {
	text := rowText(b, i)
	h := values.Hash(append(append([]byte(e.Code), e.Message...), text...))
	key := binary.BigEndian.AppendUint64([]byte{1}, op)
	key = binary.BigEndian.AppendUint64(key, h)
	d.mu.Lock()
	defer d.mu.Unlock()
	l := DeadLetter{Code: e.Code, Error: e.Message, Payload: text}
	old, ok := d.table().Get(key)
	if ok {
		if err := json.Unmarshal(old, &l); err != nil {
			return pgerr.New(pgerr.DataCorrupted, "dead letter of relation %d cannot be read: %v", d.rel, err)
		}
	} else if d.tree.Len() >= d.max {
		d.lost++
		return nil
	}
	l.Count += weight
	if l.Count == 0 {
		d.tree.Delete(key)
		return nil
	}
	return d.put(key, &l)
}

// rowText is a row as PostgreSQL writes a composite value, bounded.
func rowText(b *delta.Batch, i int) []byte {
	t := []byte{'('}
	for c, v := range b.Cols {
		if c > 0 {
			t = append(t, ',')
		}
		if !v.IsNull(i) {
			t = values.AppendText(t, v, i, &values.TextOpts{})
		}
		if len(t) > source.MaxDeadPayload {
			t = t[:source.MaxDeadPayload]
			break
		}
	}
	return append(t, ')')
}

// restored finds where the sequence goes on.
func (d *deadLetters) restored() {
	if d.tree == nil {
		return
	}
	c := d.tree.Cursor()
	for ok := c.Seek([]byte{0}); ok && c.Key()[0] == 0; ok = c.Next() {
		d.next = binary.BigEndian.Uint64(c.Key()[1:]) + 1
	}
}

// list appends all entries.
func (d *deadLetters) list(dst []DeadLetter) []DeadLetter {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tree == nil {
		return dst
	}
	c := d.tree.Cursor()
	for ok := c.Seek(nil); ok; ok = c.Next() {
		var l DeadLetter
		if json.Unmarshal(c.Value(), &l) == nil {
			l.Rel = d.rel
			dst = append(dst, l)
		}
	}
	return dst
}

func (d *deadLetters) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tree != nil {
		d.tree.Close()
		d.tree = nil
	}
}

// deadError is the error of a source with on_error='fail'.
func deadError(name string, d source.DeadRow) error {
	return pgerr.New(pgerr.InvalidTextRepresentation, "source %q cannot decode the record at partition %d, offset %d: %s",
		name, d.Partition, d.Offset, d.Error).
		WithHint("Leave on_error out to have such records counted and kept in heliosdb.dead_letters.")
}
