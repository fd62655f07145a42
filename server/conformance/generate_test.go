package conformance

import (
	"fmt"
	"math/rand"
	"strings"
)

// column is a name that an expression may use.
type column struct{ name, typ string }

// tables of testdata/schema.sql, as the generator sees them.
var tables = map[string][]column{
	"a": {{"id", "int"}, {"i", "int"}, {"b", "bigint"}, {"s", "smallint"}, {"n", "numeric"}, {"m", "numeric"}, {"f", "float"}, {"t", "text"}, {"v", "text"}, {"bo", "bool"}},
	"w": {{"id", "int"}, {"aid", "int"}, {"ts", "timestamp"}, {"tz", "timestamptz"}, {"d", "date"}, {"iv", "interval"}, {"j", "jsonb"}, {"arr", "int[]"}, {"tarr", "text[]"}, {"by", "bytea"}, {"k", "text"}},
	"c": {{"k1", "int"}, {"k2", "text"}, {"q", "int"}, {"p", "numeric"}, {"note", "text"}},
	"e": {{"id", "bigint"}, {"x", "int"}, {"y", "int"}, {"t", "text"}},
}

var scalarTypes = []string{"int", "int", "int", "bigint", "smallint", "numeric", "numeric", "float", "text", "text", "text", "bool", "bool",
	"timestamp", "timestamptz", "date", "interval", "jsonb", "int[]", "bytea"}

// literals of each type, NULL among them.
var literals = map[string][]string{
	"int":         {"0", "1", "2", "-3", "7", "NULL::int", "100"},
	"bigint":      {"0::bigint", "5000000000", "-1::bigint", "NULL::bigint"},
	"smallint":    {"1::smallint", "'-2'::int2", "NULL::smallint"},
	"numeric":     {"1.5", "-0.25", "0.0", "100.125", "NULL::numeric"},
	"float":       {"0.5::float8", "'-2'::double precision", "NULL::float8", "8e0::float8"},
	"text":        {"'a'::text", "''::text", "'Beta'::text", "'x%y'::text", "NULL::text", "'alpha'::text"},
	"bool":        {"true", "false", "NULL::bool"},
	"timestamp":   {"timestamp '2024-02-29 12:00:00'", "timestamp '1999-12-31 23:59:59.5'", "NULL::timestamp"},
	"timestamptz": {"timestamptz '2024-02-29 12:00:00+03'", "NULL::timestamptz"},
	"date":        {"date '2024-03-01'", "date '2000-01-31'", "NULL::date"},
	"interval":    {"interval '1 day'", "interval '-1 mon 2 hours'", "interval '90 sec'", "NULL::interval"},
	"jsonb":       {`'{"a": 1}'::jsonb`, `'[1, "x"]'::jsonb`, "NULL::jsonb"},
	"int[]":       {"ARRAY[1,2]", "'{}'::int[]", "ARRAY[NULL,3]::int[]", "NULL::int[]"},
	"bytea":       {`'\x0102'::bytea`, "NULL::bytea"},
	"text[]":      {"ARRAY['a','b']", "NULL::text[]"},
}

// templates make a value of a type from values of others: {type} is replaced.
var templates = map[string][]string{
	"int": {"{int} + {int}", "{int} - {int}", "{int} * {smallint}", "{int} / {int}", "{int} % 5", "-{int}", "abs({int})", "length({text})", "position({text} in {text})",
		"CASE WHEN {bool} THEN {int} ELSE {int} END", "CASE {int} WHEN {int} THEN {int} END", "coalesce({int}, {int})", "nullif({int}, {int})", "greatest({int}, {int}, {int})", "least({int}, {smallint})",
		"{int[]}[1]", "cardinality({int[]})", "array_length({int[]}, 1)", "{date} - {date}", "{int} & {int}", "{int} | 3", "{int} # {int}", "{int} << 2", "{numeric}::int", "{bool}::int", "ascii({text})",
		"mod({int}, 3)", "array_position({int[]}, {int})", "strpos({text}, {text})", "octet_length({text})", "length({bytea})", "sign({int})::int", "extract(year from {date})::int", "({jsonb} ->> 'a')::int", "{text}::int", "gcd({int}, {int})", "num_nulls({int}, {text})"},
	"bigint":   {"{bigint} + {int}", "{int} * {bigint}", "{int}::bigint", "{bigint} % 7", "coalesce({bigint}, {int})", "abs({bigint})", "{bigint} - {bigint}", "CASE WHEN {bool} THEN {bigint} END"},
	"smallint": {"{smallint} + {smallint}", "-{smallint}", "{int}::smallint", "coalesce({smallint}, 1::smallint)", "{smallint} / {smallint}"},
	"numeric": {"{numeric} + {numeric}", "{numeric} - {int}", "{numeric} * {numeric}", "{numeric} / {numeric}", "{numeric} % {numeric}", "round({numeric}, 2)", "round({numeric})", "trunc({numeric}, 1)", "ceil({numeric})", "floor({numeric})",
		"abs({numeric})", "-{numeric}", "{int}::numeric", "{numeric}::numeric(8,2)", "coalesce({numeric}, {int})", "greatest({numeric}, {int})", "extract(epoch from {timestamp})", "extract(hour from {timestamp})", "extract(dow from {date})", "extract(day from {interval})", "power({numeric}, 2)", "sqrt(abs({numeric}))", "mod({numeric}, 3)", "sign({numeric})", "div({numeric}, {numeric})", "{text}::numeric", "CASE WHEN {bool} THEN {int} ELSE {numeric} END", "{jsonb}::numeric"},
	"float": {"{float} + {float}", "{float} * {int}", "{float} / {float}", "abs({float})", "{int}::float8", "{numeric}::double precision", "round({float})", "floor({float})", "-{float}", "coalesce({float}, {int})", "sqrt(abs({float}))", "{int} ^ 2", "date_part('minute', {timestamp})", "power({float}, 2)", "CASE WHEN {bool} THEN {float} ELSE {numeric} END"},
	"text": {"{text} || {text}", "{text} || {int}", "{bool} || {text}", "{int}::text", "{numeric}::text", "{timestamp}::text", "{date}::text", "{interval}::text", "{jsonb}::text", "{int[]}::text", "{bool}::text", "{float}::text", "lower({text})", "upper({text})", "substring({text} from 2 for 3)", "substring({text}, 2)", "replace({text}, 'a', {text})", "split_part({text}, 'a', 1)", "concat({text}, {int}, {bool}, {numeric})", "concat_ws('-', {text}, {int}, {date})", "trim({text})", "ltrim({text}, 'a')", "btrim({text}, {text})", "left({text}, 3)", "right({text}, {int} % 10)", "reverse({text})", "lpad({text}, 6, '*')", "repeat({text}, 2)", "initcap({text})", "md5({text})",
		"coalesce({text}, {text})", "CASE WHEN {bool} THEN {text} ELSE {text} END", "nullif({text}, {text})", "greatest({text}, {text})", "{jsonb} ->> 'a'", "{jsonb} #>> '{b,0}'", "{jsonb} ->> 0", "jsonb_typeof({jsonb})", "to_char({timestamp}, 'YYYY-MM-DD HH24:MI:SS')", "to_char({numeric}, 'FM999990.00')", "to_char({int}, '9,999')", "to_char({interval}, 'DD HH24:MI')", "to_char({timestamptz}, 'Dy Mon')", "array_to_string({int[]}, ',', '*')", "encode({bytea}, 'hex')", "regexp_replace({text}, '[aeiou]', '_', 'g')", "{text}::varchar(3)", "translate({text}, 'ab', 'x')", "quote_literal({text})", "to_hex({int})", "format('%s/%s', {text}, {int})", "overlay({text} placing 'ZZ' from 2)"},
	"bool":        {"{int} = {int}", "{int} < {bigint}", "{numeric} > {int}", "{float} <= {numeric}", "{text} = {text}", "{text} < {text}", "{text} LIKE 'a%'", "{text} ILIKE '%' || {text} || '%'", "{text} ~ '^[a-m]'", "{text} !~* 'A'", "NOT {bool}", "{bool} AND {bool}", "{bool} OR {bool}", "{bool} = {bool}", "{int} IS NULL", "{text} IS NOT NULL", "{bool} IS TRUE", "{bool} IS NOT FALSE", "{bool} IS UNKNOWN", "{int} IS DISTINCT FROM {int}", "{text} IS NOT DISTINCT FROM {text}", "{int} BETWEEN {int} AND {int}", "{numeric} NOT BETWEEN {int} AND {numeric}", "{int} BETWEEN SYMMETRIC 3 AND {int}", "{int} IN (1, {int}, NULL)", "{int} NOT IN (1, 2)", "{text} IN ('a', {text})", "{int} = ANY({int[]})", "{int} > ALL({int[]})", "{int[]} @> ARRAY[1]", "{int[]} && {int[]}", "{int[]} = {int[]}", "{int[]} < {int[]}", "{timestamp} < {timestamp}", "{timestamp} > {date}", "{date} = {timestamptz}", "{interval} > {interval}", "{jsonb} = {jsonb}", "{jsonb} @> '{\"a\": 1}'", "{jsonb} ? 'a'", "{jsonb} < {jsonb}", "{bytea} = {bytea}", "({int}, {text}) = ({int}, {text})", "starts_with({text}, 'a')", "{int}::bool", "isfinite({timestamp})", "{text} SIMILAR TO '%(a|e)%'", "coalesce({bool}, {bool})"},
	"timestamp":   {"{timestamp} + {interval}", "{timestamp} - interval '2 days'", "date_trunc('hour', {timestamp})", "date_trunc('week', {timestamp})", "{date}::timestamp", "{timestamptz}::timestamp", "{date} + {interval}", "date_bin('10 min', {timestamp}, timestamp '2000-01-01')", "coalesce({timestamp}, {timestamp})", "greatest({timestamp}, {timestamp})", "{timestamptz} AT TIME ZONE 'America/New_York'"},
	"timestamptz": {"{timestamptz} + {interval}", "date_trunc('day', {timestamptz})", "{timestamp}::timestamptz", "{timestamp} AT TIME ZONE 'Europe/Berlin'", "to_timestamp({int})", "coalesce({timestamptz}, {timestamp})"},
	"date":        {"{date} + {int}", "{date} - 7", "{timestamp}::date", "{timestamptz}::date", "least({date}, {date})", "to_date('2024-05-06', 'YYYY-MM-DD')", "coalesce({date}, {date})"},
	"interval":    {"{interval} + {interval}", "{interval} * 2", "{interval} / 4", "-{interval}", "{timestamp} - {timestamp}", "{interval} - {interval}", "justify_hours({interval})", "{timestamptz} - {timestamptz}", "{interval} * {float}", "age({timestamp}, {timestamp})"},
	"jsonb":       {"{jsonb} -> 'a'", "{jsonb} -> 0", "{jsonb} #> '{b}'", "to_jsonb({int})", "to_jsonb({text})", "jsonb_build_object('k', {int}, 't', {text})", "jsonb_build_array({int}, {bool}, {numeric})", "coalesce({jsonb}, {jsonb})", "to_jsonb({timestamp})", "to_jsonb({int[]})"},
	"int[]":       {"{int[]} || {int}", "{int} || {int[]}", "{int[]} || {int[]}", "ARRAY[{int}, {int}]", "{int[]}[1:2]", "array_append({int[]}, {int})", "array_remove({int[]}, {int})", "coalesce({int[]}, {int[]})"},
	"bytea":       {"{bytea} || {bytea}", "decode('00ff', 'hex')", "coalesce({bytea}, {bytea})", "substring({bytea} from 1 for 1)"},
	"text[]":      {"string_to_array({text}, 'a')", "{text[]} || {text}"},
}

// aggregates by the type of their result.
var aggregateCalls = map[string][]string{
	"bigint":    {"count(*)", "count({int})", "count({text})", "count(DISTINCT {int})", "count(DISTINCT {text})", "sum({int})", "count(*) FILTER (WHERE {bool})", "sum({smallint})"},
	"numeric":   {"sum({bigint})", "sum({numeric})", "avg({int})", "avg({numeric})", "min({numeric})", "max({numeric})", "sum(DISTINCT {numeric})", "round(stddev({int}), 4)", "round(var_pop({numeric}), 4)"},
	"int":       {"min({int})", "max({int})", "max({int}) FILTER (WHERE {bool})", "bit_or({int})", "bit_and({int})"},
	"text":      {"min({text})", "max({text})", "string_agg({text}, ',' ORDER BY {=})", "string_agg(DISTINCT {text}, '+' ORDER BY {=})"},
	"bool":      {"bool_and({bool})", "bool_or({bool})", "every({bool})", "count(*) > 2"},
	"timestamp": {"min({timestamp})", "max({timestamp})"},
	"date":      {"max({date})"},
	"interval":  {"max({interval})", "sum({interval})"},
	"int[]":     {"array_agg({int} ORDER BY {=})", "max({int[]})"},
	"float":     {"min({float})", "max({float})", "sum({int}::float8)", "avg({int}::float8)"},
	"jsonb":     {"jsonb_agg({int} ORDER BY {=})"},
}

// generator makes random queries.
type generator struct {
	rng        *rand.Rand
	names      int
	streamable bool // leave out what a materialized view cannot hold
}

func (g *generator) one(list []string) string { return list[g.rng.Intn(len(list))] }
func (g *generator) chance(n int) bool        { return g.rng.Intn(n) == 0 }

func (g *generator) alias() string {
	g.names++
	return fmt.Sprintf("r%d", g.names)
}

// expr is an expression of a type over the columns in scope.
func (g *generator) expr(scope []column, typ string, depth int) string {
	if depth > 0 && !g.chance(3) {
		return g.fill(g.one(templates[typ]), scope, depth-1)
	}
	var fit []string
	for _, c := range scope {
		if c.typ == typ {
			fit = append(fit, c.name)
		}
	}
	if len(fit) > 0 && !g.chance(6) {
		return g.one(fit)
	}
	return g.one(literals[typ])
}

// fill replaces the {type} of a template by expressions, {=} by the last one.
func (g *generator) fill(template string, scope []column, depth int) string {
	var sb strings.Builder
	last := ""
	for {
		at := strings.IndexByte(template, '{')
		if at < 0 {
			break
		}
		end := at + strings.IndexByte(template[at:], '}')
		typ := template[at+1 : end]
		if _, ok := literals[typ]; !ok && typ != "=" {
			sb.WriteString(template[:at+1])
			template = template[at+1:]
			continue
		}
		sb.WriteString(template[:at])
		if typ != "=" {
			last = "(" + g.expr(scope, typ, depth) + ")"
		}
		sb.WriteString(last)
		template = template[end+1:]
	}
	return sb.String() + template
}

// source is an item of FROM and its columns.
func (g *generator) source(depth int) (string, []column) {
	alias := g.alias()
	if depth > 0 && g.chance(5) {
		sql, cols := g.selectCore(depth-1, nil)
		return "(" + sql + ") AS " + alias, qualified(alias, cols)
	}
	name := g.one([]string{"a", "a", "w", "c", "e"})
	return name + " AS " + alias, qualified(alias, tables[name])
}

func qualified(alias string, cols []column) []column {
	out := make([]column, len(cols))
	for i, c := range cols {
		out[i] = column{alias + "." + c.name, c.typ}
	}
	return out
}

// from is a FROM clause; outer joins have an equality, as PostgreSQL's FULL
// JOIN needs one and materialized views are fastest with it.
func (g *generator) from(depth int) (string, []column) {
	sql, scope := g.source(depth)
	for range g.rng.Intn(3) {
		right, cols := g.source(depth)
		kind := g.one([]string{"JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "JOIN", "CROSS JOIN"})
		both := append(append([]column(nil), scope...), cols...)
		sql += " " + kind + " " + right
		if kind != "CROSS JOIN" {
			typ := g.one([]string{"int", "int", "int", "text", "bigint", "numeric"})
			on := g.side(scope, typ, kind) + " = " + g.side(cols, typ, kind)
			if kind != "FULL JOIN" && g.chance(3) {
				on += " AND " + g.expr(both, "bool", 1)
			}
			sql += " ON " + on
		}
		scope = both
	}
	return sql, scope
}

// side is a column of a type, or a simple expression of it.
func (g *generator) side(cols []column, typ, kind string) string {
	var fit []string
	for _, c := range cols {
		if c.typ == typ {
			fit = append(fit, c.name)
		}
	}
	if len(fit) == 0 || kind != "FULL JOIN" && g.chance(6) {
		return "(" + g.expr(cols, typ, 1) + ")"
	}
	return g.one(fit)
}

// predicate is a condition, sometimes with a subquery.
func (g *generator) predicate(scope []column, depth int) string {
	if g.streamable || depth == 0 || !g.chance(3) {
		return g.expr(scope, "bool", 2)
	}
	inner, cols := g.source(0)
	both := append(append([]column(nil), cols...), scope...)
	where := " FROM " + inner + " WHERE " + g.expr(both, "bool", 1)
	switch g.rng.Intn(6) {
	case 0:
		return "EXISTS (SELECT 1" + where + ")"
	case 1:
		return "NOT EXISTS (SELECT 1" + where + ")"
	case 2:
		return "(" + g.expr(scope, "int", 1) + ") IN (SELECT " + g.expr(both, "int", 1) + where + ")"
	case 3:
		return "(" + g.expr(scope, "text", 1) + ") NOT IN (SELECT " + g.expr(both, "text", 1) + where + ")"
	case 4:
		return "(" + g.expr(scope, "int", 1) + ") " + g.one([]string{"=", "<", ">=", "<>"}) + " " + g.one([]string{"ANY", "ALL"}) + " (SELECT " + g.expr(cols, "int", 1) + where + ")"
	}
	return "(" + g.expr(scope, "bigint", 1) + ") " + g.one([]string{"=", "<", ">"}) + " (SELECT count(*)" + where + ")"
}

// scalar is a select-list entry of a type, sometimes a subquery.
func (g *generator) scalar(scope []column, typ string, depth int) string {
	if !g.streamable && depth > 0 && g.chance(10) {
		if calls := aggregateCalls[typ]; calls != nil {
			inner, cols := g.source(0)
			return "(SELECT " + g.fill(g.one(calls), cols, 1) + " FROM " + inner + " WHERE " + g.expr(append(cols, scope...), "bool", 1) + ")"
		}
	}
	return g.expr(scope, typ, 2)
}

// selectCore is a SELECT without ORDER BY; want fixes the types of its columns.
func (g *generator) selectCore(depth int, want []string) (string, []column) {
	if want == nil {
		for range 1 + g.rng.Intn(4) {
			want = append(want, g.one(scalarTypes))
		}
	}
	from, scope := g.from(depth)
	where := ""
	if g.chance(2) {
		where = " WHERE " + g.predicate(scope, depth)
	}
	var items []string
	var cols []column
	add := func(e, typ string) {
		name := fmt.Sprintf("c%d", len(cols)+1)
		items = append(items, e+" AS "+name)
		cols = append(cols, column{name, typ})
	}
	if g.chance(3) { // grouped
		keys := scope
		var group []string
		var inGroup []column
		for range g.rng.Intn(3) {
			k := keys[g.rng.Intn(len(keys))]
			group = append(group, k.name)
			inGroup = append(inGroup, k)
		}
		for _, typ := range want {
			calls := aggregateCalls[typ]
			if calls == nil || len(group) > 0 && g.chance(3) {
				add(g.expr(inGroup, typ, 1), typ)
			} else {
				add(g.fill(g.one(calls), scope, 1), typ)
			}
		}
		sql := "SELECT " + strings.Join(items, ", ") + " FROM " + from + where
		if len(group) > 0 {
			sql += " GROUP BY " + strings.Join(group, ", ")
		}
		if g.chance(3) {
			sql += " HAVING " + g.fill(g.one([]string{"count(*) > 1", "min({int}) < 5", "bool_or({bool})", "count({text}) <> 2", "max({numeric}) IS NOT NULL"}), scope, 1)
		}
		return sql, cols
	}
	for _, typ := range want {
		add(g.scalar(scope, typ, depth), typ)
	}
	distinct := ""
	if g.chance(6) {
		distinct = "DISTINCT "
	}
	return "SELECT " + distinct + strings.Join(items, ", ") + " FROM " + from + where, cols
}

// query is a whole query; a LIMIT has an ORDER BY over all columns.
func (g *generator) query() string {
	sql, cols := g.selectCore(2, nil)
	order := make([]string, len(cols))
	types := make([]string, len(cols))
	for i, c := range cols {
		order[i] = fmt.Sprint(i+1) + g.one([]string{"", " DESC", " NULLS FIRST", " DESC NULLS LAST"})
		types[i] = c.typ
	}
	if g.chance(5) {
		right, _ := g.selectCore(1, types)
		ops := []string{"UNION ALL", "UNION", "INTERSECT", "EXCEPT"}
		if g.streamable {
			ops = ops[:2]
		}
		sql += " " + g.one(ops) + " " + right
	}
	if g.chance(8) {
		sql = "WITH w1 AS (" + sql + ") SELECT * FROM w1 WHERE " + g.expr(cols, "bool", 1)
	}
	if g.chance(3) {
		sql += " ORDER BY " + strings.Join(order, ", ")
		if g.chance(2) {
			sql += fmt.Sprintf(" LIMIT %d", g.rng.Intn(8))
		}
		if g.chance(4) {
			sql += fmt.Sprintf(" OFFSET %d", g.rng.Intn(4))
		}
	}
	return sql
}
