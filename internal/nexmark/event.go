package nexmark

// Kind of an event.
type Kind uint8

// The kinds, in the order in which they follow each other within an epoch.
const (
	KindPerson Kind = iota
	KindAuction
	KindBid
	numKinds
)

// String returns the name of the kind's table: person, auction or bid.
func (k Kind) String() string {
	return [numKinds]string{"person", "auction", "bid"}[k]
}

// KindOf returns the kind of event number i.
func KindOf(i uint64) Kind {
	switch r := i % EpochEvents; {
	case r < PersonsPerEpoch:
		return KindPerson
	case r < PersonsPerEpoch+AuctionsPerEpoch:
		return KindAuction
	default:
		return KindBid
	}
}

// Micros is an event time: microseconds since 1970-01-01 UTC, always a whole
// number of milliseconds, which is what the text form shows.
type Micros = int64

// Person registers at the site. Text is ASCII without characters that JSON,
// CSV or COPY would escape.
type Person struct {
	ID           int64
	Name         []byte
	EmailAddress []byte
	CreditCard   []byte
	City         string
	State        string
	DateTime     Micros
	Extra        []byte
}

// Auction puts an item up for sale. Prices are in cents.
type Auction struct {
	ID          int64
	ItemName    []byte
	Description []byte
	InitialBid  int64
	Reserve     int64
	DateTime    Micros
	Expires     Micros
	Seller      int64 // a Person.ID
	Category    int64
	Extra       []byte
}

// Bid offers a price, in cents, for an item.
type Bid struct {
	Auction  int64 // an Auction.ID
	Bidder   int64 // a Person.ID
	Price    int64
	Channel  string
	URL      []byte
	DateTime Micros
	Extra    []byte
}

// Event is one generated event; the field that Kind names is set, the others
// hold what an earlier event left. Byte slices point into the event's own
// buffer: they are valid until it is filled again. A caller keeps one Event and
// fills it over and over without allocation.
type Event struct {
	Number  uint64
	Kind    Kind
	Person  Person
	Auction Auction
	Bid     Bid

	buf [640]byte // text of the current event; at most about 250 bytes are used
	n   int
}
