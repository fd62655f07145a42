// Package nexmark generates the events of the Nexmark benchmark: an auction
// site where people register, put items up for auction and bid. Event number i
// is a pure function of the configuration and i, so that any range can be made
// again: by a feeder that resumes, by a second worker, by a test that compares
// two systems over the same input.
//
// The model is that of the NEXMark queries as Apache Beam fixed it: of every 50
// events the first is a person, three are auctions and 46 are bids; most bids go
// to a few hot auctions, most auctions come from a few hot sellers; references
// point at ids that exist or are about to.
package nexmark

import (
	"fmt"
	"time"
)

// Proportions of the three kinds within one epoch of EpochEvents events.
const (
	PersonsPerEpoch  = 1
	AuctionsPerEpoch = 3
	BidsPerEpoch     = 46
	EpochEvents      = PersonsPerEpoch + AuctionsPerEpoch + BidsPerEpoch
)

// First ids: a stray zero or a count mistaken for an id does not match a row.
const (
	FirstPersonID   = 1000
	FirstAuctionID  = 1000
	FirstCategoryID = 10
)

// Config selects a stream of events. Two generators with equal configurations
// make equal events. The zero value of a field means its default.
type Config struct {
	// Seed of all random choices. Default 0, a seed like any other.
	Seed uint64
	// BaseTime is the event time of event 0. Default 2026-01-01 00:00:00 UTC.
	BaseTime time.Time
	// Gap is the event time between two events. Default 100 µs: 10,000 events/s.
	Gap time.Duration
	// MaxOutOfOrder moves each event's time back by up to this much. Default 0:
	// times ascend.
	MaxOutOfOrder time.Duration
	// HotAuctionRatio r sends (r-1)/r of the bids to hot auctions. Default 2.
	HotAuctionRatio int
	// HotBidderRatio does the same for bidders. Default 4.
	HotBidderRatio int
	// HotSellerRatio does the same for sellers. Default 4.
	HotSellerRatio int
	// HotChannelRatio does the same for channels. Default 2.
	HotChannelRatio int
	// ActivePeople is how many of the latest people act. Default 1,000.
	ActivePeople int
	// InFlightAuctions is how many of the latest auctions are open. Default 100.
	InFlightAuctions int
	// Categories of auctions. Default 5.
	Categories int
}

// EventsPerSecond returns the gap between events for a rate in event time.
func EventsPerSecond(rate int) time.Duration {
	if rate <= 0 {
		return 0
	}
	return max(time.Second/time.Duration(rate), 1)
}

var defaultBaseTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// maxSetting bounds ratios and populations, which only need to be sane.
const maxSetting = 1 << 30

// withDefaults checks c and fills in what is zero.
func (c Config) withDefaults() (Config, error) {
	if c.BaseTime.IsZero() {
		c.BaseTime = defaultBaseTime
	}
	if c.Gap == 0 {
		c.Gap = 100 * time.Microsecond
	}
	if c.Gap < 0 || c.Gap > time.Hour {
		return c, fmt.Errorf("nexmark: the gap between events must be between 1 ns and 1 h, not %v", c.Gap)
	}
	if c.MaxOutOfOrder < 0 || c.MaxOutOfOrder > 24*time.Hour {
		return c, fmt.Errorf("nexmark: events may be out of order by 0 to 24 h, not %v", c.MaxOutOfOrder)
	}
	if y := c.BaseTime.UTC().Year(); y < 1971 || y > 2100 {
		return c, fmt.Errorf("nexmark: the base time must be between the years 1971 and 2100, not %d", y)
	}
	for _, s := range []struct {
		name  string
		value *int
		def   int
	}{
		{"hot auction ratio", &c.HotAuctionRatio, 2},
		{"hot bidder ratio", &c.HotBidderRatio, 4},
		{"hot seller ratio", &c.HotSellerRatio, 4},
		{"hot channel ratio", &c.HotChannelRatio, 2},
		{"number of active people", &c.ActivePeople, 1000},
		{"number of auctions in flight", &c.InFlightAuctions, 100},
		{"number of categories", &c.Categories, 5},
	} {
		if *s.value == 0 {
			*s.value = s.def
		}
		if *s.value < 1 || *s.value > maxSetting {
			return c, fmt.Errorf("nexmark: the %s must be between 1 and %d, not %d", s.name, maxSetting, *s.value)
		}
	}
	return c, nil
}
