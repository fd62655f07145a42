package nexmark

import (
	"math"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/nexmark"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// field reads one column of an event: one of the three is set.
type field struct {
	name string
	num  func(*nexmark.Event) int64
	text func(*nexmark.Event) []byte
	str  func(*nexmark.Event) string
	time func(*nexmark.Event) nexmark.Micros
}

// fields are the columns of the three tables, by kind.
var fields = [...][]field{
	nexmark.KindPerson: {
		{name: "id", num: func(e *nexmark.Event) int64 { return e.Person.ID }},
		{name: "name", text: func(e *nexmark.Event) []byte { return e.Person.Name }},
		{name: "email_address", text: func(e *nexmark.Event) []byte { return e.Person.EmailAddress }},
		{name: "credit_card", text: func(e *nexmark.Event) []byte { return e.Person.CreditCard }},
		{name: "city", str: func(e *nexmark.Event) string { return e.Person.City }},
		{name: "state", str: func(e *nexmark.Event) string { return e.Person.State }},
		{name: "date_time", time: func(e *nexmark.Event) nexmark.Micros { return e.Person.DateTime }},
		{name: "extra", text: func(e *nexmark.Event) []byte { return e.Person.Extra }},
	},
	nexmark.KindAuction: {
		{name: "id", num: func(e *nexmark.Event) int64 { return e.Auction.ID }},
		{name: "item_name", text: func(e *nexmark.Event) []byte { return e.Auction.ItemName }},
		{name: "description", text: func(e *nexmark.Event) []byte { return e.Auction.Description }},
		{name: "initial_bid", num: func(e *nexmark.Event) int64 { return e.Auction.InitialBid }},
		{name: "reserve", num: func(e *nexmark.Event) int64 { return e.Auction.Reserve }},
		{name: "date_time", time: func(e *nexmark.Event) nexmark.Micros { return e.Auction.DateTime }},
		{name: "expires", time: func(e *nexmark.Event) nexmark.Micros { return e.Auction.Expires }},
		{name: "seller", num: func(e *nexmark.Event) int64 { return e.Auction.Seller }},
		{name: "category", num: func(e *nexmark.Event) int64 { return e.Auction.Category }},
		{name: "extra", text: func(e *nexmark.Event) []byte { return e.Auction.Extra }},
	},
	nexmark.KindBid: {
		{name: "auction", num: func(e *nexmark.Event) int64 { return e.Bid.Auction }},
		{name: "bidder", num: func(e *nexmark.Event) int64 { return e.Bid.Bidder }},
		{name: "price", num: func(e *nexmark.Event) int64 { return e.Bid.Price }},
		{name: "channel", str: func(e *nexmark.Event) string { return e.Bid.Channel }},
		{name: "url", text: func(e *nexmark.Event) []byte { return e.Bid.URL }},
		{name: "date_time", time: func(e *nexmark.Event) nexmark.Micros { return e.Bid.DateTime }},
		{name: "extra", text: func(e *nexmark.Event) []byte { return e.Bid.Extra }},
	},
}

// batchRows is the size of the batches that are handed on.
const batchRows = 8192

// decoder makes the rows of chunks.
type decoder struct {
	s     *Spec
	ev    nexmark.Event
	batch *delta.Batch
	take  []*field // by column of the batch
	ints  []int    // columns of the batch that are integer, which some value may not fit
	names []string
}

var _ source.Decoder = (*decoder)(nil)

func (s *Spec) newDecoder(cols []int) (*decoder, error) {
	of := make([]*field, len(s.opts.Columns))
	for i, c := range s.opts.Columns {
		f, err := fieldOf(s.opts.Kind, c)
		if err != nil {
			return nil, err
		}
		of[i] = f
	}
	d := &decoder{s: s}
	var ts []types.Type
	for i, c := range cols {
		t := s.opts.Columns[c].Type
		ts = append(ts, t)
		d.take = append(d.take, of[c])
		d.names = append(d.names, s.opts.Columns[c].Name)
		if t.OID == types.OIDInt4 {
			d.ints = append(d.ints, i)
		}
	}
	d.batch = delta.NewBatch(ts, 0)
	return d, nil
}

func fieldOf(k nexmark.Kind, c Column) (*field, error) {
	var names []string
	for i := range fields[k] {
		f := &fields[k][i]
		if names = append(names, f.name); f.name != c.Name {
			continue
		}
		var ok bool
		switch {
		case f.num != nil:
			ok = c.Type.OID == types.OIDInt8 || c.Type.OID == types.OIDInt4
		case f.time != nil:
			ok = c.Type.OID == types.OIDTimestamp || c.Type.OID == types.OIDTimestamptz
		default:
			ok = c.Type == types.Text || c.Type == types.Varchar
		}
		if !ok {
			return nil, pgerr.New(pgerr.DatatypeMismatch, "column %q of a nexmark source cannot be of type %s", c.Name, c.Type)
		}
		return f, nil
	}
	return nil, pgerr.New(pgerr.UndefinedColumn, "the nexmark table %q has no column %q", k, c.Name).
		WithHint("It has: %s.", strings.Join(names, ", "))
}

// Decode implements source.Decoder.
func (d *decoder) Decode(c *source.Chunk, emit func(*delta.Batch) error, dead func(source.DeadRow)) error {
	d.batch.Reset()
	for at := c.First; at < c.Next; at++ {
		d.s.gen.Fill(&d.ev, d.s.number(c.Partition, at))
		if i := d.tooLarge(); i >= 0 {
			dead(source.DeadRow{
				Partition: c.Partition, Offset: at, Payload: d.ev.AppendJSON(nil),
				Error: "column \"" + d.names[i] + "\": value out of range for type integer",
			})
			continue
		}
		d.row()
		if d.batch.N == batchRows {
			if err := emit(d.batch); err != nil {
				return err
			}
			d.batch.Reset()
		}
	}
	if d.batch.N == 0 {
		return nil
	}
	return emit(d.batch)
}

// tooLarge finds an integer column whose value does not fit; -1: none.
func (d *decoder) tooLarge() int {
	for _, i := range d.ints {
		if d.take[i].num(&d.ev) > math.MaxInt32 {
			return i
		}
	}
	return -1
}

// row appends the event.
func (d *decoder) row() {
	for i, f := range d.take {
		v := d.batch.Cols[i]
		switch {
		case f.num != nil:
			v.I = append(v.I, f.num(&d.ev))
		case f.time != nil:
			v.I = append(v.I, pgtime.RoundTo(pgtime.FromUnixMicros(f.time(&d.ev)), int(v.T.Mod)))
		case f.text != nil:
			v.AppendBytes(f.text(&d.ev))
		default:
			s := f.str(&d.ev)
			v.S = append(v.S, delta.Ref{Off: uint32(len(v.Data)), Len: uint32(len(s))})
			v.Data = append(v.Data, s...)
		}
	}
	d.batch.N++
}
