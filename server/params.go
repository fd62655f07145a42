package server

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// parameter is one of PostgreSQL's run-time parameters.
type parameter struct {
	name   string // as PostgreSQL spells it
	def    string // built-in default, canonical
	kind   paramKind
	report bool // ParameterStatus
	fixed  bool // cannot be set
	about  string
}

// paramKind reads and shows the values of a parameter.
type paramKind interface {
	// canon is the form in which a value is kept.
	canon(p *parameter, v string) (string, error)
	show(v string) string
}

// serverVersion is what clients gate their queries on.
const serverVersion = "15.18"

// parameters are those that clients set or read, by lower-case name. What has
// no effect here is accepted where accepting it promises nothing.
var parameters = func() map[string]*parameter {
	m := map[string]*parameter{}
	for i := range parameterList {
		p := &parameterList[i]
		m[strings.ToLower(p.name)] = p
	}
	return m
}()

var parameterList = []parameter{
	{name: "application_name", kind: text{clean: true}, report: true, about: "Sets the application name to be reported in statistics and logs."},
	{name: "array_nulls", def: "on", kind: boolean{}, about: "Enable input of NULL elements in arrays."},
	{name: "backslash_quote", def: "safe_encoding", kind: enum{"safe_encoding", "on", "off"}, about: `Sets whether "\'" is allowed in string literals.`},
	{name: "bytea_output", def: "hex", kind: only{"hex", []string{"escape"}}, about: "Sets the output format for bytea."},
	{name: "check_function_bodies", def: "on", kind: boolean{}, about: "Check routine bodies during CREATE FUNCTION and CREATE PROCEDURE."},
	{name: "client_encoding", def: "UTF8", kind: encoding{}, report: true, about: "Sets the client's character set encoding."},
	{name: "client_min_messages", def: "notice", kind: enum{"debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error"}, about: "Sets the message levels that are sent to the client."},
	{name: "cursor_tuple_fraction", def: "0.1", kind: real{0, 1}, about: "Sets the planner's estimate of the fraction of a cursor's rows that will be retrieved."},
	{name: "DateStyle", def: "ISO, MDY", kind: dateStyle{}, report: true, about: "Sets the display format for date and time values."},
	{name: "deadlock_timeout", def: "1000", kind: integer{1, math.MaxInt32, millis}, about: "Sets the time to wait on a lock before checking for deadlock."},
	{name: "default_table_access_method", def: "heap", kind: only{"heap", nil}, about: "Sets the default table access method for new tables."},
	{name: "default_transaction_deferrable", def: "off", kind: boolean{}, about: "Sets the default deferrable status of new transactions."},
	{name: "default_transaction_isolation", def: "read committed", kind: isolationLevels, about: "Sets the transaction isolation level of each new transaction."},
	{name: "default_transaction_read_only", def: "off", kind: boolean{}, report: true, about: "Sets the default read-only status of new transactions."},
	{name: "enable_hashjoin", def: "on", kind: boolean{}, about: "Enables the planner's use of hash join plans."},
	{name: "enable_mergejoin", def: "on", kind: boolean{}, about: "Enables the planner's use of merge join plans."},
	{name: "enable_nestloop", def: "on", kind: boolean{}, about: "Enables the planner's use of nested-loop join plans."},
	{name: "enable_seqscan", def: "on", kind: boolean{}, about: "Enables the planner's use of sequential-scan plans."},
	{name: "extra_float_digits", def: "1", kind: integer{-15, 3, unitless}, about: "Sets the number of digits displayed for floating-point values."},
	{name: "geqo", def: "on", kind: boolean{}, about: "Enables genetic query optimization."},
	{name: "idle_in_transaction_session_timeout", def: "0", kind: integer{0, math.MaxInt32, millis}, about: "Sets the maximum allowed idle time between queries, when in a transaction."},
	{name: "idle_session_timeout", def: "0", kind: integer{0, math.MaxInt32, millis}, about: "Sets the maximum allowed idle time between queries, when not in a transaction."},
	{name: "in_hot_standby", def: "off", kind: boolean{}, report: true, fixed: true, about: "Shows whether hot standby is currently active."},
	{name: "integer_datetimes", def: "on", kind: boolean{}, report: true, fixed: true, about: "Shows whether datetimes are integer based."},
	{name: "IntervalStyle", def: "postgres", kind: only{"postgres", []string{"postgres_verbose", "sql_standard", "iso_8601"}}, report: true, about: "Sets the display format for interval values."},
	{name: "is_superuser", def: "on", kind: boolean{}, report: true, fixed: true, about: "Shows whether the current user is a superuser."},
	{name: "jit", def: "off", kind: boolean{}, about: "Allow JIT compilation."},
	{name: "lc_collate", def: "C", kind: text{}, fixed: true, about: "Shows the collation order locale."},
	{name: "lc_ctype", def: "C", kind: text{}, fixed: true, about: "Shows the character classification and case conversion locale."},
	{name: "lc_messages", def: "C", kind: text{}, about: "Sets the language in which messages are displayed."},
	{name: "lc_monetary", def: "C", kind: text{}, about: "Sets the locale for formatting monetary amounts."},
	{name: "lc_numeric", def: "C", kind: text{}, about: "Sets the locale for formatting numbers."},
	{name: "lc_time", def: "C", kind: text{}, about: "Sets the locale for formatting date and time values."},
	{name: "lock_timeout", def: "0", kind: integer{0, math.MaxInt32, millis}, about: "Sets the maximum allowed duration of any wait for a lock."},
	{name: "log_min_duration_statement", def: "-1", kind: integer{-1, math.MaxInt32, millis}, about: "Sets the minimum execution time above which all statements will be logged."},
	{name: "log_statement", def: "none", kind: enum{"none", "ddl", "mod", "all"}, about: "Sets the type of statements logged."},
	{name: "maintenance_work_mem", def: "65536", kind: integer{1024, math.MaxInt32, kilobytes}, about: "Sets the maximum memory to be used for maintenance operations."},
	{name: "max_connections", def: "100", kind: integer{1, 262143, unitless}, fixed: true, about: "Sets the maximum number of concurrent connections."},
	{name: "max_identifier_length", def: "63", kind: integer{63, 63, unitless}, fixed: true, about: "Shows the maximum identifier length."},
	{name: "max_index_keys", def: "32", kind: integer{32, 32, unitless}, fixed: true, about: "Shows the maximum number of index keys."},
	{name: "max_parallel_workers_per_gather", def: "0", kind: integer{0, 1024, unitless}, about: "Sets the maximum number of parallel processes per executor node."},
	{name: "max_prepared_transactions", def: "0", kind: integer{0, 262143, unitless}, fixed: true, about: "Sets the maximum number of simultaneously prepared transactions."},
	{name: "plan_cache_mode", def: "auto", kind: enum{"auto", "force_generic_plan", "force_custom_plan"}, about: "Controls the planner's selection of custom or generic plan."},
	{name: "password_encryption", def: "scram-sha-256", kind: only{"scram-sha-256", []string{"md5"}}, about: "Chooses the algorithm for encrypting passwords."},
	{name: "quote_all_identifiers", def: "off", kind: boolean{}, about: "When generating SQL fragments, quote all identifiers."},
	{name: "random_page_cost", def: "4", kind: real{0, math.MaxFloat64}, about: "Sets the planner's estimate of the cost of a nonsequentially fetched disk page."},
	{name: "role", def: "none", kind: text{}, about: "Sets the current role."},
	{name: "row_security", def: "on", kind: boolean{}, about: "Enable row security."},
	{name: "search_path", def: `"$user", public`, kind: identList{}, about: "Sets the schema search order for names that are not schema-qualified."},
	{name: "server_encoding", def: "UTF8", kind: text{}, report: true, fixed: true, about: "Shows the server (database) character set encoding."},
	{name: "server_version", def: serverVersion, kind: text{}, report: true, fixed: true, about: "Shows the server version."},
	{name: "server_version_num", def: "150018", kind: text{}, fixed: true, about: "Shows the server version as an integer."},
	{name: "session_authorization", kind: text{}, report: true, about: "Sets the session user name."},
	{name: "ssl", def: "off", kind: boolean{}, fixed: true, about: "Enables SSL connections."},
	{name: "standard_conforming_strings", def: "on", kind: only{"on", []string{"off"}}, report: true, about: `Causes '...' strings to treat backslashes literally.`},
	{name: "statement_timeout", def: "0", kind: integer{0, math.MaxInt32, millis}, about: "Sets the maximum allowed duration of any statement."},
	{name: "synchronous_commit", def: "on", kind: only{"on", []string{"local", "remote_write", "remote_apply", "off"}}, about: "Sets the current transaction's synchronization level."},
	{name: "tcp_keepalives_idle", def: "0", kind: integer{0, math.MaxInt32, unitless}, about: "Time between issuing TCP keepalives."},
	{name: "TimeZone", def: "UTC", kind: zone{}, report: true, about: "Sets the time zone for displaying and interpreting time stamps."},
	{name: "transaction_deferrable", def: "off", kind: boolean{}, about: "Whether to defer a read-only serializable transaction until it can be executed with no possible serialization failures."},
	{name: "transaction_isolation", def: "read committed", kind: isolationLevels, about: "Sets the current transaction's isolation level."},
	{name: "transaction_read_only", def: "off", kind: boolean{}, about: "Sets the current transaction's read-only status."},
	{name: "work_mem", def: "4096", kind: integer{64, math.MaxInt32, kilobytes}, about: "Sets the maximum memory to be used for query workspaces."},
	{name: "xmloption", def: "content", kind: enum{"content", "document"}, about: "Sets whether XML data in implicit parsing and serialization operations is to be considered as documents or content fragments."},
}

func badValue(p *parameter, v string) *pgerr.Error {
	return pgerr.New(pgerr.InvalidParameterValue, "invalid value for parameter \"%s\": \"%s\"", p.name, v)
}

// text takes anything; clean replaces what is not printable ASCII.
type text struct{ clean bool }

func (k text) canon(_ *parameter, v string) (string, error) {
	if !k.clean {
		return v, nil
	}
	b := []byte(v)
	for i, c := range b {
		if c < 32 || c > 126 {
			b[i] = '?'
		}
	}
	return string(b[:min(len(b), 63)]), nil
}
func (text) show(v string) string { return v }

type boolean struct{}

func (boolean) canon(p *parameter, v string) (string, error) {
	low := strings.ToLower(strings.TrimSpace(v))
	prefix := func(word string, atLeast int) bool { return len(low) >= atLeast && strings.HasPrefix(word, low) }
	switch {
	case prefix("true", 1), prefix("yes", 1), low == "on", low == "1":
		return "on", nil
	case prefix("false", 1), prefix("no", 1), prefix("off", 2), low == "0":
		return "off", nil
	}
	return "", pgerr.New(pgerr.InvalidParameterValue, "parameter \"%s\" requires a Boolean value", p.name)
}
func (boolean) show(v string) string { return v }

// enum are the values there are.
type enum []string

var isolationLevels = enum{"serializable", "repeatable read", "read committed", "read uncommitted"}

func (k enum) canon(p *parameter, v string) (string, error) {
	low := strings.ToLower(v)
	if slices.Contains(k, low) {
		return low, nil
	}
	return "", badValue(p, v).WithHint("Available values: %s.", strings.Join(k, ", "))
}
func (enum) show(v string) string { return v }

// only is a parameter of which the engine knows one value; the others that
// PostgreSQL has are refused by name.
type only struct {
	value  string
	others []string
}

func (k only) canon(p *parameter, v string) (string, error) {
	low := strings.ToLower(v)
	if k.value == "on" {
		if b, err := (boolean{}).canon(p, v); err == nil {
			low = b
		}
	}
	switch {
	case low == k.value:
		return low, nil
	case slices.Contains(k.others, low):
		return "", pgerr.New(pgerr.FeatureNotSupported, "%s = %s is not supported", p.name, low).
			WithHint("The only value is %s.", k.value)
	case k.value == "on" && len(k.others) == 1:
		return (boolean{}).canon(p, v)
	}
	return "", badValue(p, v).WithHint("Available values: %s.", strings.Join(append([]string{k.value}, k.others...), ", "))
}
func (only) show(v string) string { return v }

type unit struct {
	base  string
	names []unitName // smallest first
}

type unitName struct {
	name string
	size float64 // in base units
}

var (
	unitless  = unit{}
	millis    = unit{"ms", []unitName{{"us", 0.001}, {"ms", 1}, {"s", 1000}, {"min", 60_000}, {"h", 3_600_000}, {"d", 86_400_000}}}
	kilobytes = unit{"kB", []unitName{{"B", 1.0 / 1024}, {"kB", 1}, {"MB", 1 << 10}, {"GB", 1 << 20}, {"TB", 1 << 30}}}
)

// integer is a number within bounds, possibly with a unit.
type integer struct {
	lo, hi int64
	unit   unit
}

func (k integer) canon(p *parameter, v string) (string, error) {
	s := strings.TrimSpace(v)
	end := strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune("0123456789.+-", r) })
	suffix := ""
	if end >= 0 {
		s, suffix = s[:end], strings.TrimSpace(s[end:])
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return "", badValue(p, v)
	}
	if suffix != "" {
		i := slices.IndexFunc(k.unit.names, func(u unitName) bool { return u.name == suffix })
		if i < 0 {
			e := badValue(p, v)
			switch k.unit.base {
			case "ms":
				e = e.WithHint("Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\".")
			case "kB":
				e = e.WithHint("Valid units for this parameter are \"B\", \"kB\", \"MB\", \"GB\", and \"TB\".")
			}
			return "", e
		}
		x *= k.unit.names[i].size
	}
	n := math.RoundToEven(x)
	base := ""
	if k.unit.base != "" {
		base = " " + k.unit.base
	}
	if n < float64(k.lo) || n > float64(k.hi) {
		return "", pgerr.New(pgerr.InvalidParameterValue, "%s%s is outside the valid range for parameter \"%s\" (%d .. %d)",
			strconv.FormatFloat(n, 'f', -1, 64), base, p.name, k.lo, k.hi)
	}
	return strconv.FormatInt(int64(n), 10), nil
}

// show gives the largest unit that divides the value.
func (k integer) show(v string) string {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n <= 0 || k.unit.base == "" {
		return v
	}
	for i := len(k.unit.names) - 1; i >= 0; i-- {
		if u := k.unit.names[i]; u.size >= 1 && n%int64(u.size) == 0 {
			return fmt.Sprintf("%d%s", n/int64(u.size), u.name)
		}
	}
	return v
}

type real struct{ lo, hi float64 }

func (k real) canon(p *parameter, v string) (string, error) {
	x, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	if err != nil {
		return "", badValue(p, v)
	}
	if x < k.lo || x > k.hi {
		return "", pgerr.New(pgerr.InvalidParameterValue, "%g is outside the valid range for parameter \"%s\" (%g .. %g)", x, p.name, k.lo, k.hi)
	}
	return strconv.FormatFloat(x, 'g', -1, 64), nil
}
func (real) show(v string) string { return v }

// zone is a time zone; its name is kept as it was written, as PostgreSQL does
// for names it knows.
type zone struct{}

func (zone) canon(p *parameter, v string) (string, error) {
	if h, err := strconv.ParseFloat(v, 64); err == nil {
		// A number of hours east of Greenwich.
		sign, abs := "-", h
		if h < 0 {
			sign, abs = "+", -h
		}
		if abs > 167 {
			return "", badValue(p, v)
		}
		secs := int(math.Round(abs * 3600))
		name := fmt.Sprintf("<%s%02d>%s%02d", map[string]string{"-": "+", "+": "-"}[sign], secs/3600, sign, secs/3600)
		if secs%3600 != 0 {
			name = fmt.Sprintf("<%s%02d:%02d>%s%02d:%02d", map[string]string{"-": "+", "+": "-"}[sign], secs/3600, secs/60%60, sign, secs/3600, secs/60%60)
		}
		if _, err := pgtime.LoadZone(name); err != nil {
			return "", badValue(p, v)
		}
		return name, nil
	}
	z, err := pgtime.LoadZone(v)
	if err != nil {
		return "", badValue(p, v)
	}
	if n := z.String(); strings.EqualFold(n, v) {
		return n, nil
	}
	return v, nil
}
func (zone) show(v string) string { return v }

// encoding of the client: always UTF-8.
type encoding struct{}

var otherEncodings = strings.Fields("SQL_ASCII LATIN1 LATIN2 LATIN3 LATIN4 LATIN5 LATIN6 LATIN7 LATIN8 LATIN9 LATIN10 WIN1250 WIN1251 WIN1252 WIN1253 WIN1254 WIN1255 WIN1256 WIN1257 WIN1258 WIN866 WIN874 KOI8R KOI8U EUC_JP EUC_CN EUC_KR EUC_TW SJIS BIG5 GBK GB18030 UHC JOHAB MULE_INTERNAL ISO88591")

func (encoding) canon(p *parameter, v string) (string, error) {
	// As PostgreSQL: only letters and digits count.
	name := strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToUpper(v))
	if name == "UTF8" || name == "UNICODE" {
		return "UTF8", nil
	}
	for _, o := range otherEncodings {
		if strings.ReplaceAll(o, "_", "") == name {
			return "", pgerr.New(pgerr.FeatureNotSupported, "conversion between %s and UTF8 is not supported", o)
		}
	}
	return "", badValue(p, v)
}
func (encoding) show(v string) string { return v }

// dateStyle is the order of a date's fields; the output is always ISO.
type dateStyle struct{}

func (dateStyle) canon(p *parameter, v string) (string, error) {
	order := "MDY"
	for _, w := range strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' }) {
		switch low := strings.ToLower(w); {
		case low == "iso", low == "default":
		case low == "mdy", strings.HasPrefix(low, "us"), strings.HasPrefix(low, "noneuro"):
			order = "MDY"
		case low == "dmy", strings.HasPrefix(low, "euro"):
			order = "DMY"
		case low == "ymd":
			order = "YMD"
		case low == "sql", strings.HasPrefix(low, "postgres"), low == "german":
			return "", pgerr.New(pgerr.FeatureNotSupported, "DateStyle = %s is not supported", low).WithHint("Dates are always written in ISO style.")
		default:
			return "", badValue(p, v).WithDetail("Unrecognized key word: \"%s\".", low)
		}
	}
	return "ISO, " + order, nil
}
func (dateStyle) show(v string) string { return v }

// identList is a list of identifiers.
type identList struct{}

func (identList) canon(p *parameter, v string) (string, error) {
	if _, ok := splitIdents(v); !ok {
		return "", badValue(p, v).WithDetail("List syntax is invalid.")
	}
	return v, nil
}
func (identList) show(v string) string { return v }

// splitIdents reads a comma list of identifiers, quoted or folded.
func splitIdents(v string) (names []string, ok bool) {
	s := strings.TrimSpace(v)
	if s == "" || s == `""` {
		return nil, true
	}
	for {
		var n string
		if strings.HasPrefix(s, `"`) {
			end := 1
			for ; end < len(s); end++ {
				if s[end] == '"' {
					if end+1 < len(s) && s[end+1] == '"' {
						n += `"`
						end++
						continue
					}
					break
				}
				n += s[end : end+1]
			}
			if end >= len(s) {
				return nil, false
			}
			s = strings.TrimSpace(s[end+1:])
		} else {
			end := strings.IndexAny(s, ", \t\n")
			if end < 0 {
				end = len(s)
			}
			n, s = strings.ToLower(s[:end]), strings.TrimSpace(s[end:])
			if n == "" {
				return nil, false
			}
		}
		names = append(names, n)
		if s == "" {
			return names, true
		}
		if s[0] != ',' {
			return nil, false
		}
		s = strings.TrimSpace(s[1:])
	}
}

// quoteIdent quotes a name where SQL needs it.
func quoteIdent(s string) string {
	plain := s != "" && !(s[0] >= '0' && s[0] <= '9')
	for i := 0; plain && i < len(s); i++ {
		c := s[i]
		plain = c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_'
	}
	if plain {
		if ts, err := lex.Scan(s); err == nil && ts.T[0].Cat <= lex.Unreserved {
			return s
		}
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
