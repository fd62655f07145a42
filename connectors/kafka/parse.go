package kafka

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Names of options in WITH (…), RisingWave's where it has them.
const (
	optConnector = "connector"
	optTopic     = "topic"
	optBrokers   = "properties.bootstrap.server"
	optMode      = "scan.startup.mode"
	optMillis    = "scan.startup.timestamp.millis"
	optOnError   = "on_error"
	optOnLoss    = "on_data_loss"
)

// option reads one option's text into o.
type option struct {
	name string
	set  func(o *Options, name, text string) error
}

// options are what a Kafka source understands, besides securityOptions.
var options = []option{
	{optConnector, func(*Options, string, string) error { return nil }}, // what brought the source here
	{optTopic, setTopic},
	{optBrokers, word(func(o *Options, s string) { o.Brokers = splitBrokers(s) })},
	{optMode, oneOf(func(o *Options, s string) { o.Startup = StartupMode(s) }, string(Earliest), string(Latest))},
	{optMillis, number(0, math.MaxInt64, func(o *Options, n int64) { o.Startup, o.StartupMillis = Timestamp, n })},
	{"properties.group.id", func(o *Options, _, s string) error { o.GroupID = s; return nil }},
	{optOnError, oneOf(func(o *Options, s string) { o.FailOnError = s == "fail" }, "fail", "continue")},
	{optOnLoss, oneOf(func(o *Options, s string) { o.OnDataLoss = s }, OnLossFail, OnLossContinue)},
	{"max_record_bytes", size(func(o *Options) *int { return &o.MaxRecordBytes })},
	{"properties.fetch.min.bytes", size(func(o *Options) *int { return &o.FetchMinBytes })},
	{"properties.fetch.max.bytes", size(func(o *Options) *int { return &o.FetchMaxBytes })},
	{"properties.max.partition.fetch.bytes", size(func(o *Options) *int { return &o.FetchMaxPartitionBytes })},
	{"properties.fetch.wait.max.ms", millis(func(o *Options) *time.Duration { return &o.FetchMaxWait })},
	{"properties.metadata.max.age.ms", millis(func(o *Options) *time.Duration { return &o.MetadataMaxAge })},
	{"buffer_bytes", size(func(o *Options) *int { return &o.BufferBytes })},
	{"buffer_records", size(func(o *Options) *int { return &o.BufferRecords })},
}

// topicForm is what Kafka takes as a topic's name, but for "." and "..".
var topicForm = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// setTopic refuses a name that no topic can have: its source would wait for ever.
func setTopic(o *Options, name, s string) error {
	if strings.TrimSpace(s) == "" {
		return pgerr.New(pgerr.InvalidParameterValue, "option %q is empty", name)
	}
	if !topicForm.MatchString(s) || s == "." || s == ".." {
		return pgerr.New(pgerr.InvalidParameterValue, "option %q must be 1 to 249 letters, digits, dots, underscores and hyphens, not %q", name, shortened(s))
	}
	o.Topic = s
	return nil
}

// maxShown bounds a client's text in a message.
const maxShown = 100

func shortened(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "…"
}

// aliases are other spellings that RisingWave also takes.
var aliases = map[string]string{
	"kafka.topic": optTopic, "kafka.brokers": optBrokers, "kafka.bootstrap.server": optBrokers,
	"properties.bootstrap.servers": optBrokers, "kafka.scan.startup.mode": optMode,
	"kafka.time.offset": optMillis, "scan.startup.timestamp_millis": optMillis,
	"properties.sasl.mechanisms": optMechanism, "properties.sasl.oauthbearer.client.credentials.client.id": optClientID,
	"properties.sasl.oauthbearer.client.credentials.client.secret": optSecret,
}

// OptionNames are the names that ParseOptions understands, without aliases.
func OptionNames() []string {
	var names []string
	for _, o := range slices.Concat(options, securityOptions) {
		names = append(names, o.name)
	}
	return names
}

// NamesFile reports whether an option, of any spelling, names a file of the
// server.
func NamesFile(option string) bool {
	return slices.Contains([]string{optCA, optCert, optKey}, cmp.Or(aliases[option], option))
}

// understood are the names that may be given.
func understood(name string) bool { return slices.Contains(OptionNames(), name) }

// ParseOptions reads the WITH options of a source, lower-case names, over
// defaults (the [kafka] section). unknown lists the names that mean nothing here,
// sorted; then err is 42601 and says what the first may have been meant to be. A
// value that does not fit is 22023. The columns are left as they are. User,
// password, token and client certificate of the defaults are for the brokers of
// the defaults alone: whoever may create a source must not send them elsewhere.
func ParseOptions(with map[string]string, defaults Options) (o Options, unknown []string, err error) {
	o = defaults
	names := make([]string, 0, len(with))
	for n := range with {
		names = append(names, n)
	}
	slices.Sort(names)
	given := map[string]string{}
	for _, n := range names {
		name := cmp.Or(aliases[n], n)
		if !understood(name) {
			unknown = append(unknown, n)
			continue
		}
		if twin, twice := given[name]; twice {
			return o, unknown, pgerr.New(pgerr.SyntaxError, "options %q and %q mean the same", twin, n)
		}
		given[name] = n
	}
	if len(unknown) > 0 {
		e := pgerr.New(pgerr.SyntaxError, "unknown option %q of a Kafka source", unknown[0])
		if s := nearest(unknown[0], OptionNames()); s != "" {
			return o, unknown, e.WithHint("Perhaps you meant %q.", s)
		}
		return o, unknown, e.WithHint("There are: %s.", strings.Join(OptionNames(), ", "))
	}
	if given[optMode] != "" && given[optMillis] != "" {
		return o, nil, pgerr.New(pgerr.SyntaxError, "options %q and %q exclude each other", given[optMode], given[optMillis])
	}
	for _, p := range options {
		n, ok := given[p.name]
		if !ok {
			continue
		}
		if err := p.set(&o, n, with[n]); err != nil {
			return o, nil, err
		}
	}
	own := given[optBrokers] != "" && !sameBrokers(o.Brokers, defaults.Brokers)
	return o, nil, applySecurity(&o, with, given, own)
}

// sameBrokers compares two lists of addresses in any order.
func sameBrokers(a, b []string) bool {
	a, b = splitBrokers(strings.Join(a, ",")), splitBrokers(strings.Join(b, ","))
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func splitBrokers(s string) []string {
	var out []string
	for _, b := range strings.Split(s, ",") {
		if b = strings.TrimSpace(b); b != "" {
			out = append(out, b)
		}
	}
	return out
}

func word(set func(*Options, string)) func(*Options, string, string) error {
	return func(o *Options, name, s string) error {
		if strings.TrimSpace(s) == "" {
			return pgerr.New(pgerr.InvalidParameterValue, "option %q is empty", name)
		}
		set(o, s)
		return nil
	}
}

func oneOf(set func(*Options, string), words ...string) func(*Options, string, string) error {
	return func(o *Options, name, s string) error {
		if !slices.Contains(words, s) {
			return pgerr.New(pgerr.InvalidParameterValue, "option %q must be %s, not %q",
				name, strings.Join(words, " or "), s)
		}
		set(o, s)
		return nil
	}
}

func number(lo, hi int64, set func(*Options, int64)) func(*Options, string, string) error {
	return func(o *Options, name, s string) error {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < lo || n > hi {
			return pgerr.New(pgerr.InvalidParameterValue, "option %q must be a number from %d to %d, not %q", name, lo, hi, s)
		}
		set(o, n)
		return nil
	}
}

func size(field func(*Options) *int) func(*Options, string, string) error {
	return number(1, 1<<30, func(o *Options, n int64) { *field(o) = int(n) })
}

func millis(field func(*Options) *time.Duration) func(*Options, string, string) error {
	return number(1, 300_000, func(o *Options, n int64) { *field(o) = time.Duration(n) * time.Millisecond })
}

// nearest is the candidate that name is likely a slip of; empty: none.
func nearest(name string, candidates []string) string {
	const longest = 128
	if len(name) > longest {
		return ""
	}
	best, least := "", len(name)/3+2
	for _, c := range candidates {
		if d := distance(name, c); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance is the number of letters to change, add or take away.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
