-- expressions
SELECT id, i + b, i - s, i * 2, b / 3, s % 7, -i, +i, i ^ 2 FROM a WHERE id IN (1, 2, 4, 7, 8) ORDER BY id;
SELECT id, n + m, n - m, n * m, n / NULLIF(m, 0), n % NULLIF(m, 0), -n, abs(n) FROM a ORDER BY id;
SELECT id, f + 1, f * 2, f / 3, -f, abs(f), f::text, f::numeric FROM a WHERE f = f AND abs(f) < 1e10 ORDER BY id;
SELECT id, f < 'NaN', f = 'NaN', f > 'Infinity', n = 'NaN', n > m FROM a ORDER BY id;
SELECT id, i & 3, i | 8, i # 5, ~i, i << 2, i >> 1, s << 1 FROM a WHERE i IS NOT NULL ORDER BY id;
SELECT id, |/ 16.0, ||/ 27.0, @ -5, 5 ! FROM a;
--! another libm
SELECT |/ 16.0, ||/ 27.0, @ -5, @ -5.5, @ i FROM a WHERE id = 5;
SELECT id, i = 1 AND bo, i = 1 OR bo, NOT bo, bo IS TRUE, bo IS NOT FALSE, bo IS UNKNOWN, bo = (i = 1) FROM a ORDER BY id;
SELECT id, i IS DISTINCT FROM s, i IS NOT DISTINCT FROM s, i ISNULL, t NOTNULL FROM a ORDER BY id;
SELECT id, i BETWEEN 0 AND 5, i NOT BETWEEN 0 AND 5, i BETWEEN SYMMETRIC 5 AND 0 FROM a ORDER BY id;
SELECT id, i IN (1, 2, NULL), i NOT IN (1, 2, NULL), i NOT IN (1, 2) FROM a ORDER BY id;
SELECT id, t LIKE 'a%', t LIKE '%\_c%', t ILIKE 'B%', t NOT LIKE '%a', t LIKE 'a!%b%' ESCAPE '!', t SIMILAR TO '(a|B)%' FROM a ORDER BY id;
SELECT id, t ~ '^a', t ~* 'B', t !~ 'z', t !~* 'Z' FROM a ORDER BY id;
SELECT id, t || v, t || i, i || t, t || NULL, t || bo FROM a ORDER BY id;
SELECT id, CASE WHEN i > 1 THEN 'big' WHEN i IS NULL THEN 'none' ELSE 'small' END, CASE i WHEN 1 THEN 10 WHEN 2 THEN 20.5 END, CASE WHEN false THEN 1/0 ELSE 1 END FROM a ORDER BY id;
SELECT id, coalesce(i, s, -1), coalesce(t, v, 'x'), nullif(i, 1), nullif(t, 'alpha'), greatest(i, s, 0), least(i, b, s), greatest(t, v) FROM a ORDER BY id;
SELECT id, lower(t), upper(t), length(t), char_length(t), octet_length(t), bit_length(t), initcap(t), reverse(t), md5(t) FROM a ORDER BY id;
SELECT id, substring(t from 2 for 3), substring(t, 2), substr(t, -1, 4), left(t, 2), right(t, 2), left(t, -2), right(t, -2), position('a' in t), strpos(t, 'e') FROM a ORDER BY id;
SELECT id, replace(t, 'a', 'XX'), translate(t, 'abc', 'xy'), split_part(t, 'a', 1), split_part(t, 'a', -1), repeat(v, 2), lpad(t, 8, '*'), rpad(t, 3), overlay(t placing 'QQ' from 2 for 1) FROM a ORDER BY id;
SELECT id, trim(t), trim(both 'a' from t), ltrim(t, 'a'), rtrim(t, 'a'), btrim(t, 'ab'), concat(t, v, i, bo), concat_ws('-', t, i, v), ascii(t), chr(65 + id) FROM a ORDER BY id;
SELECT id, regexp_replace(t, '[aeiou]', '_', 'g'), regexp_match(t, '(.)(a)'), regexp_replace(t, '(a)(.)', '\2\1'), substring(t from '[b-z]+'), starts_with(t, 'al') FROM a ORDER BY id;
SELECT id, abs(i), sign(n), round(n), round(n, 1), round(m, -1), ceil(n), floor(n), trunc(n, 1), ceiling(f), round(f) FROM a ORDER BY id;
SELECT id, mod(i, 3), power(n, 2), sqrt(abs(n)), exp(1.0), ln(10.0), log(100.0), log(2.0, 8.0), div(n, 2), gcd(i, 4), lcm(s, 4::smallint) FROM a WHERE id IN (1, 2, 4, 8) ORDER BY id;
--! later: the function
SELECT id, width_bucket(m, 0, 100, 5), scale(n), trim_scale(n), min_scale(n), sin(f), cos(f), atan2(f, 1), degrees(f), radians(f) FROM a WHERE id IN (1, 2, 4, 7) ORDER BY id;
SELECT id, quote_literal(t), quote_ident(t), quote_nullable(t), to_hex(i), format('%s-%I-%L', t, v, i) FROM a ORDER BY id;
-- casts
SELECT id, i::text, b::text, n::text, m::text, f::text, bo::text, t::varchar(3), v::text FROM a ORDER BY id;
SELECT id, i::numeric(12,2), i::double precision, i::bigint, m::int, m::text::numeric, bo::int, i::boolean FROM a WHERE i IS NOT NULL ORDER BY id;
--! later: type time
SELECT id, ts::date, ts::time, ts::text, tz::text, d::timestamp, d::timestamptz, iv::text, ts::timestamptz, tz::timestamp, tz::date FROM w ORDER BY id;
SELECT id, ts::date, ts::text, tz::text, d::timestamp, d::timestamptz, iv::text, ts::timestamptz, tz::timestamp, tz::date FROM w ORDER BY id;
SELECT '12'::int + 1, int '5', '1.5'::numeric(3,1), numeric '1.25', '1e3'::float8, date '2024-01-01', timestamp '2024-01-01 10:00', interval '90 min', CAST('t' AS boolean), 'abc'::varchar(2), CAST(1.5 AS int), CAST(2.5 AS int), 2.5::float8::int, '{1,2}'::int[], '{"a":1}'::jsonb, '\x01'::bytea;
SELECT '  12 '::int, ' t'::bool, 'yes'::bool, 'off'::bool, '1'::bool, '0x10'::text, 'Infinity'::float8, '-inf'::float8, '1e-400'::numeric = 0;
--! literals are text
SELECT pg_typeof(1), pg_typeof(1.5), pg_typeof('x'), pg_typeof(NULL), pg_typeof(1::smallint + 1::smallint), pg_typeof(1 + 1.5), pg_typeof(1 + 1::bigint), pg_typeof(1::real), pg_typeof(array[1]), pg_typeof(now()), pg_typeof('a'::varchar || 'b');
-- date and time
SELECT id, ts + iv, ts - iv, tz + iv, d + 1, d - 1, d - date '2000-01-01', ts - timestamp '2000-01-01', iv * 2, iv / 2, -iv, iv + iv FROM w WHERE id IN (1, 2, 6, 7) ORDER BY id;
SELECT id, extract(year from ts), extract(month from ts), extract(day from ts), extract(hour from ts), extract(minute from ts), extract(second from ts), extract(epoch from ts), extract(dow from ts), extract(doy from ts), extract(week from ts), extract(quarter from ts), extract(isodow from ts), extract(century from ts), extract(milliseconds from ts), extract(microseconds from ts) FROM w WHERE id IN (1, 2, 5, 6) ORDER BY id;
SELECT id, extract(year from iv), extract(month from iv), extract(day from iv), extract(epoch from iv), extract(hour from iv), date_part('minute', iv), date_part('epoch', tz) FROM w ORDER BY id;
SELECT id, date_trunc('hour', ts), date_trunc('month', ts), date_trunc('week', ts), date_trunc('day', tz), date_trunc('minute', iv), date_trunc('year', d) FROM w ORDER BY id;
SELECT id, date_bin('15 minutes', ts, timestamp '2001-01-01'), date_bin(interval '1 hour', tz, timestamptz '2001-01-01 00:30:00Z') FROM w WHERE id IN (1, 2, 6) ORDER BY id;
SELECT id, to_char(ts, 'YYYY-MM-DD HH24:MI:SS.US'), to_char(ts, 'Day, DD Mon YYYY HH12 AM'), to_char(tz, 'YYYY TZ OF'), to_char(iv, 'DD HH24:MI:SS'), to_char(d, 'J Q WW IW') FROM w ORDER BY id;
SELECT id, to_char(i, '999,999'), to_char(n, 'FM9990.00'), to_char(m, 'S0000.9'), to_char(f, '9.99EEEE'), to_char(b, 'RN') FROM a WHERE id IN (1, 2, 4) ORDER BY id;
--! later: the function
SELECT to_timestamp(0), to_timestamp(1700000000.5), to_timestamp('2024-05-06 07:08:09', 'YYYY-MM-DD HH24:MI:SS'), to_date('06/05/2024', 'DD/MM/YYYY'), to_number('1,234.5', '9,999.9');
SELECT id, ts AT TIME ZONE 'UTC', tz AT TIME ZONE 'America/New_York', ts AT TIME ZONE '+02' FROM w WHERE id IN (1, 2, 6) ORDER BY id;
--! later: named arguments
SELECT id, age(ts, timestamp '2000-01-01'), justify_hours(iv), justify_days(iv), justify_interval(iv), make_interval(days => 3), make_date(2024, 2, 29), isfinite(ts) FROM w WHERE id IN (1, 2, 6) ORDER BY id;
SELECT id, age(ts, timestamp '2000-01-01'), justify_hours(iv), justify_days(iv), justify_interval(iv), make_date(2024, 2, 29), isfinite(ts) FROM w WHERE id IN (1, 2, 6) ORDER BY id;
SELECT date '2024-01-31' + interval '1 month', timestamp '2024-03-31' - interval '1 mon', timestamp '2024-01-01' < date '2024-01-02', date '2024-01-01' = timestamptz '2024-01-01', interval '1 day' = interval '24 hours', interval '30 days' = interval '1 month', interval '1 mon' < interval '31 days';
--! later: OVERLAPS
SELECT (timestamp '2024-01-01', timestamp '2024-01-03') OVERLAPS (timestamp '2024-01-02', timestamp '2024-01-04');
-- json
SELECT id, j -> 'a', j ->> 'a', j -> 0, j ->> 1, j #> '{b,2,c}', j #>> '{b,2,c}', jsonb_typeof(j), j::text FROM w ORDER BY id;
SELECT id, j @> '{"a":1}', j <@ '{"a":1,"b":2}', j ? 'a', j ?| array['a','z'], j ?& array['a','b'], j || '{"q":1}', j - 'a', j = '{"a": 1.0, "b": [1, 2, {"c": "x"}]}' FROM w WHERE jsonb_typeof(j) = 'object' ORDER BY id;
SELECT id, jsonb_array_length(j) FROM w WHERE jsonb_typeof(j) = 'array';
--! later: the function
SELECT to_jsonb(1), to_jsonb('x'::text), to_jsonb(array[1,2]), jsonb_build_object('a', 1, 'b', NULL), jsonb_build_array(1, 'x', true, NULL), jsonb_set('{"a":1}', '{a}', '2'), jsonb_strip_nulls('{"a":null,"b":1}'), jsonb_pretty('{"a":[1]}');
SELECT j, count(*) FROM w GROUP BY j ORDER BY j;
SELECT (j ->> 'a')::int + 1 FROM w WHERE id = 1;
SELECT (j -> 'a')::int, (j -> 'a')::numeric, (j -> 'a')::text FROM w WHERE id = 1;
-- arrays
SELECT id, arr[1], arr[2:3], array_length(arr, 1), cardinality(arr), arr || 9, 0 || arr, arr || arr, array_to_string(arr, ','), array_to_string(tarr, '-', '*') FROM w ORDER BY id;
SELECT id, arr @> array[1], arr && array[5, 7], arr <@ array[1,2,3,4], 1 = ANY(arr), 5 > ALL(arr), arr = '{1,2,3}', arr < array[2], array_position(arr, 2), array_remove(arr, 1), array_replace(arr, 1, 100), array_append(arr, 3), array_upper(arr, 1), array_ndims(arr) FROM w ORDER BY id;
--! later: arrays of more dimensions
SELECT string_to_array('a,b,,c', ','), string_to_array('a,b,,c', ',', ''), array[1,2] || array[3], array[array[1,2],array[3,4]];
--! later: literals as arrays of any type
SELECT ARRAY(SELECT i FROM a WHERE i IS NOT NULL ORDER BY i), ARRAY[1, NULL, 3], ARRAY[]::int[], array_cat('{1}', '{2}');
SELECT arr, max(id) FROM w GROUP BY arr ORDER BY arr;
SELECT unnest(arr) FROM w ORDER BY 1;
SELECT id, u FROM w, unnest(arr) AS u ORDER BY id, u;
SELECT id, u.x, u.o FROM w, unnest(tarr) WITH ORDINALITY AS u(x, o) ORDER BY id, o;
SELECT * FROM generate_series(1, 5) g;
SELECT * FROM generate_series(1, 10, 3) AS g(n) ORDER BY n DESC;
SELECT g::date FROM generate_series(timestamp '2024-01-30', timestamp '2024-02-02', interval '1 day') g;
-- bytea
SELECT id, by, length(by), encode(by, 'hex'), encode(by, 'base64'), by || '\x01', substring(by from 1 for 1), get_byte('\x0102', 1), md5(by), sha256(by) FROM w ORDER BY id;
SELECT decode('616263', 'hex'), convert_from('\x616263', 'UTF8'), convert_to('abc', 'UTF8');
-- joins
SELECT a.id, w.id FROM a JOIN w ON a.id = w.aid ORDER BY 1, 2;
SELECT a.id, w.id, w.k FROM a LEFT JOIN w ON a.id = w.aid AND w.k = 'k1' ORDER BY 1, 2;
SELECT a.id, w.id FROM a RIGHT JOIN w ON a.id = w.aid ORDER BY 2;
SELECT a.id, w.id FROM a FULL JOIN w ON a.id = w.aid ORDER BY 1, 2;
SELECT count(*) FROM a CROSS JOIN w;
SELECT x.id, y.id FROM a x JOIN a y ON x.i = y.i AND x.id < y.id ORDER BY 1, 2;
SELECT * FROM a JOIN e USING (id) ORDER BY id;
SELECT * FROM a NATURAL JOIN e ORDER BY id;
SELECT id, a.t, e.t FROM a LEFT JOIN e USING (id) ORDER BY id;
SELECT id, x, i FROM a FULL JOIN e USING (id) ORDER BY id;
SELECT a.id, w.id, e.id FROM a JOIN w ON a.id = w.aid JOIN e ON e.x = a.i ORDER BY 1, 2, 3;
SELECT a.id, w.id, e.id FROM a LEFT JOIN (w JOIN e ON e.id = w.id) ON a.id = w.aid ORDER BY 1, 2, 3;
SELECT x.id, y.id FROM e x JOIN e y ON x.x < y.x ORDER BY 1, 2;
SELECT x.id, y.id FROM e x LEFT JOIN e y ON x.x < y.x ORDER BY 1, 2;
SELECT x.id, y.id FROM e x FULL JOIN e y ON x.x = y.y AND x.id <> y.id ORDER BY 1, 2;
--! PostgreSQL has no plan for it
SELECT x.id, y.id FROM e x FULL JOIN e y ON x.x < y.y ORDER BY 1, 2;
SELECT x.id, y.id FROM e x FULL JOIN e y ON false ORDER BY 1, 2;
SELECT x.id, y.id FROM e x LEFT JOIN e y ON true ORDER BY 1, 2;
SELECT a.id FROM a JOIN e ON a.t = e.t AND a.i = e.y ORDER BY 1;
SELECT a.*, e.x FROM a, e WHERE a.id = e.id AND e.x > 1 ORDER BY a.id;
-- grouping
SELECT i, count(*), count(s), sum(i), sum(b), sum(s), sum(n), sum(m), avg(i), avg(m) FROM a WHERE id <> 6 GROUP BY i ORDER BY i;
SELECT i, min(t), max(t), min(n), max(f), min(bo::int), max(v) FROM a GROUP BY i ORDER BY i NULLS FIRST;
SELECT count(*), count(DISTINCT i), sum(DISTINCT i), avg(DISTINCT s), count(*) FILTER (WHERE bo), sum(i) FILTER (WHERE i > 1) FROM a;
SELECT bool_and(bo), bool_or(bo), every(bo), bit_and(s), bit_or(s), bit_xor(s) FROM a;
SELECT stddev(i), variance(s), stddev_pop(m), var_pop(m), stddev_samp(i), var_samp(m) FROM a WHERE id < 6;
SELECT string_agg(t, ',' ORDER BY id), array_agg(i ORDER BY id), jsonb_agg(i ORDER BY id), jsonb_object_agg(id, t), array_agg(DISTINCT i ORDER BY i) FROM a;
SELECT i % 2 AS par, count(*) FROM a GROUP BY par ORDER BY par;
SELECT i % 2, count(*) FROM a GROUP BY 1 HAVING count(*) > 1 ORDER BY 1;
SELECT count(*), sum(i), min(i), avg(i), bool_and(bo), string_agg(t, ','), array_agg(i), count(DISTINCT t) FROM a WHERE false;
SELECT 1 FROM a HAVING count(*) > 3;
SELECT i, s, count(*) FROM a GROUP BY i, s ORDER BY i, s;
--! later: grouping sets
SELECT i, s, count(*) FROM a GROUP BY ROLLUP (i, s) ORDER BY i, s;
SELECT sum(i) + count(*) * 2, max(i) - min(i) FROM a WHERE id < 6;
SELECT DISTINCT i FROM a ORDER BY i;
--! which of equal numbers stands for them is open
SELECT DISTINCT n FROM a ORDER BY n;
SELECT DISTINCT ON (i) i, id FROM a ORDER BY i, id DESC;
SELECT a.id, a.t, count(w.id) FROM a LEFT JOIN w ON w.aid = a.id GROUP BY a.id ORDER BY a.id;
SELECT bo, avg(f) FROM a WHERE abs(f) < 100 GROUP BY bo ORDER BY bo;
SELECT max(arr), min(arr) FROM w;
SELECT sum(iv), avg(iv), min(ts), max(tz), min(d) FROM w WHERE id <> 4;
SELECT count(*) AS "Count", sum(x) total FROM e GROUP BY x HAVING sum(x) > 1 ORDER BY "Count", total;
-- subqueries
SELECT id FROM a WHERE i = (SELECT max(x) FROM e WHERE e.id < 4) ORDER BY id;
SELECT id, (SELECT count(*) FROM w WHERE w.aid = a.id) FROM a ORDER BY id;
SELECT id FROM a WHERE EXISTS (SELECT 1 FROM w WHERE w.aid = a.id) ORDER BY id;
SELECT id FROM a WHERE NOT EXISTS (SELECT 1 FROM w WHERE w.aid = a.id) ORDER BY id;
SELECT id FROM a WHERE id IN (SELECT aid FROM w) ORDER BY id;
SELECT id FROM a WHERE id NOT IN (SELECT aid FROM w) ORDER BY id;
SELECT id FROM a WHERE id NOT IN (SELECT aid FROM w WHERE aid IS NOT NULL) ORDER BY id;
SELECT id FROM a WHERE i > ALL (SELECT x FROM e) ORDER BY id;
SELECT id FROM a WHERE i = ANY (SELECT x FROM e WHERE e.y = a.s) ORDER BY id;
SELECT id, l.m FROM a, LATERAL (SELECT max(w.id) AS m FROM w WHERE w.aid = a.id) l ORDER BY id;
SELECT id, l.wid FROM a LEFT JOIN LATERAL (SELECT w.id AS wid FROM w WHERE w.aid = a.id ORDER BY w.id DESC LIMIT 1) l ON true ORDER BY id;
SELECT id, ARRAY(SELECT w.id FROM w WHERE w.aid = a.id ORDER BY 1) FROM a ORDER BY id;
SELECT * FROM (SELECT i, count(*) AS c FROM a GROUP BY i) q WHERE c > 1 ORDER BY i;
WITH q AS (SELECT id, i FROM a WHERE i > 0), r AS (SELECT i, sum(id) s FROM q GROUP BY i) SELECT q.id, r.s FROM q JOIN r USING (i) ORDER BY 1;
WITH q(x, y) AS (VALUES (1, 'a'), (2, 'b')) SELECT * FROM q ORDER BY x;
SELECT (SELECT id FROM a WHERE i = 1);
SELECT id FROM a WHERE (i, s) = (1, 1) ORDER BY id;
SELECT id FROM a WHERE (i, s) IN ((1, 1), (2, 2)) ORDER BY id;
--! later: row values and subqueries
SELECT id FROM a WHERE (i, s) IN (SELECT x, y FROM e) ORDER BY id;
--! later: comparing the order of row values
SELECT id FROM a WHERE (i, id) > (1, 2) ORDER BY id;
SELECT a.id, (SELECT string_agg(e.t, ',' ORDER BY e.id) FROM e WHERE e.x = a.i AND EXISTS (SELECT 1 FROM w WHERE w.aid = a.id)) FROM a ORDER BY 1;
-- set operations
SELECT i FROM a UNION SELECT x FROM e ORDER BY 1;
SELECT i FROM a UNION ALL SELECT x FROM e ORDER BY 1;
SELECT i FROM a INTERSECT SELECT x FROM e ORDER BY 1;
SELECT i FROM a EXCEPT SELECT x FROM e ORDER BY 1;
--! later: ALL of these
SELECT i FROM a INTERSECT ALL SELECT x FROM e ORDER BY 1;
--! later: ALL of these
SELECT i FROM a EXCEPT ALL SELECT x FROM e ORDER BY 1;
SELECT 1 UNION SELECT 2.5 UNION ALL SELECT NULL ORDER BY 1;
(SELECT id FROM a ORDER BY id LIMIT 2) UNION ALL (SELECT id FROM e ORDER BY id DESC LIMIT 1) ORDER BY 1;
SELECT 'x' AS c UNION SELECT t FROM a ORDER BY c;
VALUES (1, 'a'), (2, 'b'), (NULL, NULL) ORDER BY 1;
-- order and limits
SELECT id, i FROM a ORDER BY i DESC, id LIMIT 3;
SELECT id, i FROM a ORDER BY i DESC NULLS LAST, id OFFSET 2 LIMIT 3;
SELECT id FROM a ORDER BY n, id;
SELECT id FROM a ORDER BY f, id;
SELECT id, t FROM a ORDER BY t COLLATE "C" DESC, id;
SELECT id FROM a ORDER BY lower(t), i + s, id;
SELECT id AS x FROM a ORDER BY x + 0;
SELECT id AS x FROM a ORDER BY -id;
SELECT id FROM a ORDER BY id LIMIT 1 + 1;
SELECT id FROM a ORDER BY id LIMIT NULL;
SELECT id FROM a ORDER BY id LIMIT ALL OFFSET 6;
SELECT id FROM a ORDER BY id FETCH FIRST 2 ROWS ONLY;
SELECT id FROM a ORDER BY id FETCH FIRST ROW ONLY;
--! later: WITH TIES
SELECT i FROM a ORDER BY i FETCH FIRST 2 ROWS WITH TIES;
SELECT id FROM w ORDER BY iv, id;
SELECT id FROM w ORDER BY j DESC NULLS LAST, id;
SELECT id FROM w ORDER BY arr, id;
SELECT id FROM w ORDER BY by, id;
-- windows
SELECT id, i, row_number() OVER (PARTITION BY i ORDER BY id) FROM a ORDER BY id;
SELECT * FROM (SELECT id, i, row_number() OVER (PARTITION BY i ORDER BY id DESC) AS rn FROM a) q WHERE rn <= 1 ORDER BY id;
--! later: window functions
SELECT id, rank() OVER (ORDER BY i) FROM a ORDER BY id;
--! later: window functions
SELECT id, sum(i) OVER (ORDER BY id) FROM a ORDER BY id;
-- odds and ends
SELECT;
SELECT 1 AS "Weird Name", 2 AS "ünï", 'x' "quoted""name";
SELECT "id", "t" FROM "a" ORDER BY "id" LIMIT 1;
SELECT A.ID FROM A ORDER BY Id LIMIT 1;
SELECT E'a\tb\n\x41\u00e9', $$it's$$, $q$a $$ b$q$, U&'\0041', 'it''s', 'multi'
'line';
SELECT 0x1F, 1_000;
SELECT 1e2, .5, 5., 1.5e-3, 123456789012, 12345678901234567890;
SELECT NULL, NULL::int, NULL = NULL, NULL IS NULL, 'x' IS NOT NULL;
SELECT 7 / 2, -7 / 2, 7 % -2, -7 % 2, 7.0 / 2, 2 ^ 10, 2 ^ 0.5, 5 / 2.0, 1 / 3.0, 10 / 4::numeric;
SELECT 1 < 2 AND 2 < 3, NOT true OR true, 1 = 1 = true, - 2 ^ 2, 2 * 3 + 4, 2 + 3 * 4, 10 - 3 - 2, 2 ^ 3 ^ 2;
SELECT 'a' < 'B', 'a' < 'b', '' < ' ', 'é' > 'z', 'A' COLLATE "C" < 'a';
SELECT current_schema(), current_database() IS NOT NULL, current_user IS NOT NULL, version() ~ 'PostgreSQL 15';
SELECT num_nulls(1, NULL), num_nonnulls(1, NULL);
--! later: composite values
SELECT id, row(i, t) FROM a ORDER BY id LIMIT 2;
SELECT count(*) FROM a, e, c;
SELECT * FROM a WHERE false;
SELECT count(*) FROM (SELECT) x;
TABLE e;
SELECT ALL id FROM e ORDER BY id;
--! later: composite values
SELECT e FROM e ORDER BY id;
SELECT x.* FROM (VALUES (1, 2), (3, 4)) AS x(p, q) ORDER BY 1;
SELECT p.q FROM (SELECT 5 AS q) AS p;
-- FILTER comes before the arguments
SELECT sum(1 / i) FILTER (WHERE i <> 0), max(t::int) FILTER (WHERE t = 'nine'), count(DISTINCT 10 / i) FILTER (WHERE i > 0), string_agg((10 / i)::text, ',' ORDER BY 10 / i) FILTER (WHERE i > 0) FROM a;
SELECT bo, avg(100 / s) FILTER (WHERE s <> 0), count(*) FILTER (WHERE s = 0) FROM a GROUP BY bo ORDER BY bo;
