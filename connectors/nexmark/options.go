// Package nexmark is the built-in source of the Nexmark benchmark's events, for
// measurements and demonstrations without a broker. Rows are generated straight
// into typed columns when a step decodes them; nothing is fetched or buffered.
//
// Offset n of split s of S is the (n·S + s)-th event of the table's kind: a pure
// function of the options, so that any range can be made again.
package nexmark

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/nexmark"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// MaxSplits bounds the partitions of a source.
const MaxSplits = 256

// Options describe one nexmark source. Zero values mean the defaults.
type Options struct {
	// Kind is the table: nexmark.table.type = 'Person', 'Auction' or 'Bid'.
	// Required in WITH.
	Kind nexmark.Kind
	// Splits is the number of partitions: nexmark.split.num. Default 1.
	Splits int
	// Events is how many events of all three kinds there are in all:
	// nexmark.event.num. Default 0 (in WITH: -1): as many as the event time allows.
	Events uint64
	// Gap is the time between two events, of all kinds, both in event time and as
	// the pace at which they come: nexmark.min.event.gap.in.ns. Default 100 µs.
	// Unpaced sources come as fast as they are taken.
	Gap time.Duration
	// Unpaced is nexmark.min.event.gap.in.ns = 0: event time as by default.
	Unpaced bool
	// Generator sets everything else but its Gap.
	Generator nexmark.Config
	// Columns are the relation's: a choice of the table's, by name.
	Columns []Column
}

// Column is one column of the relation.
type Column struct {
	Name string
	Type types.Type
}

// setting reads one option.
type setting struct {
	name   string
	lo, hi int64
	set    func(o *Options, n int64)
}

const optTable = "nexmark.table.type"

// settings are the options that are numbers; names are RisingWave's.
var settings = []setting{
	{"nexmark.split.num", 1, MaxSplits, func(o *Options, n int64) { o.Splits = int(n) }},
	{"nexmark.event.num", -1, math.MaxInt64, func(o *Options, n int64) { o.Events = uint64(max(n, 0)) }},
	{"nexmark.min.event.gap.in.ns", 0, int64(time.Hour), func(o *Options, n int64) {
		o.Gap, o.Unpaced = time.Duration(n), n == 0
	}},
	{"nexmark.active.people", 1, math.MaxInt32, func(o *Options, n int64) { o.Generator.ActivePeople = int(n) }},
	{"nexmark.in.flight.auctions", 1, math.MaxInt32, func(o *Options, n int64) { o.Generator.InFlightAuctions = int(n) }},
	{"nexmark.hot.seller.ratio", 1, math.MaxInt32, func(o *Options, n int64) { o.Generator.HotSellerRatio = int(n) }},
	{"nexmark.hot.auction.ratio", 1, math.MaxInt32, func(o *Options, n int64) { o.Generator.HotAuctionRatio = int(n) }},
	{"nexmark.hot.bidder.ratio", 1, math.MaxInt32, func(o *Options, n int64) { o.Generator.HotBidderRatio = int(n) }},
	{"nexmark.hot.channel.ratio", 1, math.MaxInt32, func(o *Options, n int64) { o.Generator.HotChannelRatio = int(n) }},
	{"nexmark.num.categories", 1, math.MaxInt32, func(o *Options, n int64) { o.Generator.Categories = int(n) }},
	{"nexmark.seed", 0, math.MaxInt64, func(o *Options, n int64) { o.Generator.Seed = uint64(n) }},
}

// ignored are RisingWave's options that mean nothing here but do no harm.
var ignored = []string{"connector", "nexmark.max.chunk.size"}

// ParseOptions reads the WITH options of a source, lower-case names. unknown
// lists those that mean nothing, sorted; then err is 42601. A value that does
// not fit is 22023. The columns are left to the caller.
func ParseOptions(with map[string]string) (o Options, unknown []string, err error) {
	for name, text := range with {
		switch i := slices.IndexFunc(settings, func(s setting) bool { return s.name == name }); {
		case name == optTable:
			if o.Kind, err = kindOf(text); err != nil {
				return o, nil, err
			}
		case i >= 0:
			s := settings[i]
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < s.lo || n > s.hi {
				return o, nil, pgerr.New(pgerr.InvalidParameterValue,
					"option %q must be a number from %d to %d, not %q", name, s.lo, s.hi, text)
			}
			s.set(&o, n)
		case !slices.Contains(ignored, name):
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return o, unknown, pgerr.New(pgerr.SyntaxError, "unknown option %q of a nexmark source", unknown[0]).
			WithHint("There are: %s.", strings.Join(optionNames(), ", "))
	}
	if _, ok := with[optTable]; !ok {
		return o, nil, pgerr.New(pgerr.InvalidParameterValue, "option %q is missing", optTable).
			WithHint("It is 'Person', 'Auction' or 'Bid'.")
	}
	return o, nil, nil
}

func optionNames() []string {
	names := []string{optTable}
	for _, s := range settings {
		names = append(names, s.name)
	}
	return names
}

func kindOf(text string) (nexmark.Kind, error) {
	for _, k := range []nexmark.Kind{nexmark.KindPerson, nexmark.KindAuction, nexmark.KindBid} {
		if strings.EqualFold(k.String(), text) {
			return k, nil
		}
	}
	return 0, pgerr.New(pgerr.InvalidParameterValue, "option %q must be Person, Auction or Bid, not %q", optTable, text)
}
