-- names
SELECT a FROM t
SELECT t.a, b FROM t
SELECT public.t.a FROM t
SELECT * FROM t
SELECT t.* FROM t, u
SELECT x.* FROM t AS x
SELECT t.* FROM t AS x
SELECT t.a FROM t AS x
SELECT z.a FROM t
SELECT nope FROM t
SELECT nme FROM u
SELECT u.nme FROM u
SELECT xx.nme FROM u
SELECT ide, idd FROM u
SELECT a FROM t, u
SELECT x FROM t x, u x
SELECT 1 FROM t, t
SELECT 1 FROM nowhere
SELECT 1 FROM noschema.t
SELECT a.b.c.d FROM t
SELECT *
SELECT 1 AS one, 2 two, 3
SELECT a a1, a + 1, -a, a::text, a::bigint, CASE WHEN f THEN a END, coalesce(a, 0), nullif(a, 1) FROM t
SELECT true, NULL, 'x', 1.5, 1e3, 12345678901, '2020-01-01'::date, date '2020-01-01', interval '1 day', 99999999999999999999
SELECT CASE WHEN f THEN 1 ELSE a END, CASE WHEN f THEN 1 ELSE 2.5 END, CASE a WHEN 1 THEN 'x' END FROM t
SELECT greatest(a, 1.5), least(a, e) FROM t
SELECT lower(b), upper(b), length(b), b || 'x', b || a FROM t
SELECT array[1,2,3], array[1, 2.5], array['a', b] FROM t
SELECT (SELECT a FROM t), exists(SELECT 1), array(SELECT b FROM t)
SELECT (SELECT count(*) FROM u WHERE u.a = t.a) FROM t
SELECT extract(epoch FROM d), date_trunc('day', d), d + interval '1 day', d - d FROM t
SELECT position('a' in b), substring(b from 2 for 3), trim(b), trim(leading 'x' from b), overlay(b placing 'x' from 1) FROM t
SELECT current_date, current_timestamp, localtimestamp, now()
SELECT d at time zone 'utc' FROM t
SELECT tags[1], ia[2] FROM u, s
SELECT doc->'a', doc->>'a', doc#>>'{a,b}' FROM u
-- operators and functions
SELECT a + b FROM t
SELECT a = b FROM t
SELECT a + 'x' FROM t
SELECT a + '1' FROM t
SELECT 'a' + 'b'
SELECT 'a' || 'b'
SELECT '1' + 1, '1.5' + 1.0
SELECT - b FROM t
SELECT a & 1.5 FROM t
SELECT i2 + 1, i2 + i8, i8 / 2, i2 * 1.5, i8 + 1.5, c + e FROM s, t
SELECT a / 0 FROM t
SELECT nofunc(a) FROM t
SELECT lower(a) FROM t
SELECT length(1)
SELECT round(1.5), round(e), round(c, 1), round(a) FROM t
SELECT round(e, 1) FROM t
SELECT abs('-1'), abs(a), abs(c) FROM t
SELECT power(a, 2), power(2, 0.5), mod(a, 3), ceil(c), floor(e) FROM t
SELECT int4(c), text(a), float8(a), date(d) FROM t
SELECT b LIKE 'x%', b ILIKE 'x%', b ~ 'x', b NOT LIKE 'y' FROM t
SELECT a LIKE 'x' FROM t
SELECT a BETWEEN 1 AND 2, b BETWEEN 'a' AND 'b', a BETWEEN 1 AND '2' FROM t
SELECT a IN (1, 2), b IN ('a', 'b'), a IN (1, 2.5), a IN ('1', '2') FROM t
SELECT a IN (1, 'x') FROM t
SELECT a IN ('x', 'y') FROM t
SELECT a = ANY(ARRAY[1,2]), a = ANY('{1,2}'), b = ANY(tags) FROM t, u
SELECT a = ANY(b) FROM t
SELECT a = ANY(1) FROM t
SELECT a IN (SELECT name FROM u) FROM t
SELECT a IN (SELECT id FROM u) FROM t
SELECT a IN (SELECT id, a FROM u) FROM t
SELECT (SELECT a, b FROM t)
SELECT a IS DISTINCT FROM 1, a IS NULL, f IS TRUE, f IS NOT UNKNOWN FROM t
SELECT a IS TRUE FROM t
SELECT NOT a FROM t
SELECT a AND f FROM t
SELECT a FROM t WHERE a
SELECT a FROM t WHERE b
SELECT a FROM t WHERE 'true'
SELECT a FROM t WHERE 'maybe'
SELECT a FROM t HAVING a
SELECT CASE WHEN a THEN 1 END FROM t
SELECT CASE WHEN f THEN a ELSE b END FROM t
SELECT CASE WHEN f THEN a ELSE 'x' END FROM t
SELECT CASE a WHEN 'x' THEN 1 END FROM t
SELECT coalesce(a, b) FROM t
SELECT coalesce(a, 'x') FROM t
SELECT array[a, b] FROM t
SELECT array[]
SELECT array[]::int[]
SELECT nullif(a, b) FROM t
SELECT nullif(a, 1.5) FROM t
SELECT d > '2020-01-01', d > 'soon' FROM t
SELECT dd + 1, dd - dd, dd + iv, iv * 2, iv / 2, dd < d FROM s, t
SELECT 'x'::int
SELECT 'x'::nosuch
SELECT a::nosuch FROM t
SELECT a::timestamp FROM t
SELECT d::int FROM t
SELECT f::int, a::boolean, c::int, e::numeric(5,1), b::varchar(3) FROM t
SELECT '1'::numeric(1001)
SELECT '1'::int(3)
SELECT a::varchar(0) FROM t
SELECT '{1,2}'::int[], '{a}'::text[]
SELECT '{1,x}'::int[]
--! the tree has the position of the type only
SELECT interval 'tomorrowish'
--! the tree has the position of the type only
SELECT timestamp '2020-13-01'
SELECT 1::boolean, 'yes'::boolean, 2::text
SELECT (a).x FROM t
SELECT a[1] FROM t
SELECT tags['x'] FROM u
SELECT b COLLATE "C" FROM t
SELECT a COLLATE "C" FROM t
SELECT b COLLATE nosuch FROM t
-- aggregates
SELECT count(*), count(a), sum(a), avg(a), min(b), max(d), sum(c), avg(e), sum(i2), sum(i8) FROM t, s
SELECT a, count(*) FROM t GROUP BY a
SELECT a, b FROM t GROUP BY a
SELECT a, b, count(*) FROM t
SELECT t.a + 1 FROM t GROUP BY a
SELECT a + 1 FROM t GROUP BY a + 1
SELECT a + 2 FROM t GROUP BY a + 1
SELECT x.b FROM t x GROUP BY x.a
SELECT a AS k, count(*) FROM t GROUP BY k
SELECT b AS a, count(*) FROM t GROUP BY a
SELECT a, count(*) FROM t GROUP BY 1
SELECT a, count(*) FROM t GROUP BY 3
SELECT a, count(*) FROM t GROUP BY 'x'
SELECT a, count(*) FROM t GROUP BY 2
SELECT a, count(*) c2 FROM t GROUP BY c2
SELECT count(*) FROM t WHERE count(*) > 1
SELECT count(count(*)) FROM t
SELECT count(*) FROM t GROUP BY count(*)
SELECT a FROM t HAVING count(*) > 1
SELECT a FROM t GROUP BY a HAVING count(*) > 1
SELECT a FROM t GROUP BY a HAVING b = 'x'
SELECT a FROM t GROUP BY a ORDER BY count(*)
SELECT a FROM t GROUP BY a ORDER BY b
SELECT id, name FROM u GROUP BY id
SELECT x, z FROM k GROUP BY x
SELECT x, y, z FROM k GROUP BY x, y
SELECT count(DISTINCT a), sum(DISTINCT c), count(*) FILTER (WHERE f) FROM t
SELECT count(*) FILTER (WHERE a) FROM t
SELECT sum(b) FROM t
SELECT sum('x')
SELECT min(NULL), max('a'), count(NULL)
SELECT lower(DISTINCT b) FROM t
SELECT lower(b) FILTER (WHERE f) FROM t
SELECT count() FROM t
SELECT sum(*) FROM t
SELECT string_agg(b, ',' ORDER BY a), array_agg(a ORDER BY b DESC) FROM t
SELECT string_agg(DISTINCT b, ',' ORDER BY a) FROM t
SELECT bool_and(f), bool_or(f), every(f) FROM t
SELECT (SELECT t.b) FROM t GROUP BY a
SELECT (SELECT t.a) FROM t GROUP BY a
SELECT a, row_number() OVER (PARTITION BY b ORDER BY a) FROM t
SELECT row_number() OVER w FROM t WINDOW w AS (ORDER BY a)
--! the tree has the position of OVER
SELECT row_number() OVER w FROM t
SELECT a FROM t WHERE row_number() OVER () = 1
-- ORDER BY, DISTINCT, LIMIT
SELECT a FROM t ORDER BY b
SELECT a AS b FROM t ORDER BY b
SELECT a, b FROM t ORDER BY 2 DESC NULLS LAST, 1
SELECT a FROM t ORDER BY 2
SELECT a FROM t ORDER BY 'x'
SELECT a FROM t ORDER BY 1.5
SELECT a x, b x FROM t ORDER BY x
SELECT DISTINCT a FROM t ORDER BY a
SELECT DISTINCT a FROM t ORDER BY b
SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b
SELECT DISTINCT ON (a) a, b FROM t ORDER BY b
SELECT a FROM t LIMIT 1 OFFSET 2
SELECT a FROM t LIMIT 'x'
SELECT a FROM t LIMIT a
SELECT a FROM t LIMIT 1.5
SELECT a FROM t LIMIT true
SELECT a FROM t LIMIT NULL
--! not there yet
SELECT a FROM t LIMIT (SELECT 1) + NULL
-- set operations, VALUES, WITH
SELECT a FROM t UNION SELECT id FROM u
SELECT a FROM t UNION ALL SELECT b FROM t
SELECT a FROM t UNION ALL SELECT a, b FROM t
SELECT 'a' UNION SELECT 1
SELECT '1' UNION SELECT 1
SELECT NULL UNION ALL SELECT 1
SELECT 'a' UNION ALL SELECT 'b'
SELECT a FROM t UNION SELECT a FROM u ORDER BY a
SELECT a FROM t UNION SELECT a FROM u ORDER BY b
SELECT a FROM t UNION SELECT a FROM u ORDER BY a + 1
SELECT a FROM t INTERSECT SELECT a FROM u
SELECT c FROM t UNION SELECT c FROM t
SELECT name FROM u UNION SELECT name FROM u
SELECT name FROM u UNION SELECT 'x'
VALUES (1, 'a'), (2, 'b')
VALUES (1), (2.5)
VALUES (1), ('x')
VALUES (1, 2), (3)
SELECT * FROM (VALUES (1, 'a')) AS x(n, s)
SELECT * FROM (VALUES (1, 'a')) AS x(n, s, z)
SELECT column1 FROM (VALUES (1)) x
WITH w AS (SELECT a FROM t) SELECT * FROM w
WITH w(q) AS (SELECT a FROM t) SELECT q FROM w
WITH w AS (SELECT nope FROM t) SELECT 1
WITH w AS (SELECT 1), w AS (SELECT 2) SELECT * FROM w
SELECT * FROM v
SELECT nope FROM v
-- joins
SELECT * FROM t JOIN u ON t.a = u.a
SELECT * FROM t JOIN u USING (a)
SELECT a FROM t JOIN u USING (a)
SELECT t.a, u.a FROM t JOIN u USING (a)
SELECT * FROM t NATURAL JOIN u
SELECT * FROM t FULL JOIN u USING (a)
SELECT * FROM t JOIN u USING (b)
SELECT * FROM t JOIN u ON t.a
SELECT * FROM t JOIN u ON a = 1
SELECT * FROM t JOIN u ON count(*) > 1
SELECT * FROM t, u JOIN k ON t.a = k.x
SELECT * FROM t, LATERAL (SELECT t.a AS q) l
SELECT * FROM t, (SELECT t.a AS q) l
SELECT * FROM t LEFT JOIN LATERAL (SELECT t.a AS q) l ON true
SELECT * FROM t RIGHT JOIN LATERAL (SELECT t.a AS q) l ON true
SELECT * FROM (t JOIN u ON t.a = u.a) AS j
SELECT * FROM (SELECT 1)
SELECT s.* FROM t, generate_series(1, t.a) AS s
SELECT * FROM generate_series(1, 3) AS g(n)
SELECT * FROM generate_series(1, 3) WITH ORDINALITY
SELECT * FROM generate_series('x', 3)
SELECT * FROM unnest(ARRAY[1,2]) x
SELECT generate_series(1, 3), a FROM t
SELECT unnest(tags) FROM u
SELECT a FROM t WHERE generate_series(1, 2) = 1
SELECT * FROM now()
-- parameters
SELECT $1
SELECT $1 + 1
SELECT a FROM t WHERE a = $1 AND b = $2
SELECT a FROM t WHERE a IN ($1, $2)
SELECT a FROM t LIMIT $1
SELECT $1::int, $1
SELECT $2::int
SELECT a = ANY($1) FROM t
SELECT $1 || 'x'
SELECT lower($1), coalesce($2, 1)
SELECT $1 = $2
SELECT CASE WHEN $1 THEN 1 END
SELECT $1 IS NULL
SELECT $1 UNION SELECT 1
SELECT d + $1 FROM t
SELECT d > $1 FROM t
-- writes
INSERT INTO t VALUES (1, 'x', 1.5, '2020-01-01', 1, true)
INSERT INTO t (a, b) VALUES ($1, $2)
INSERT INTO t (a, nope) VALUES (1, 2)
INSERT INTO t (a, a) VALUES (1, 2)
INSERT INTO t (a) VALUES (1, 2)
INSERT INTO t (a, b) VALUES (1)
INSERT INTO t (a) VALUES ('x')
INSERT INTO t (a) VALUES (b)
INSERT INTO t (a) VALUES (now())
INSERT INTO t (a) VALUES (1.5), (2)
INSERT INTO t (a, b) SELECT a, name FROM u
INSERT INTO t (a) SELECT name FROM u
INSERT INTO t (a, b) SELECT 1, 'x'
INSERT INTO t (a) SELECT 'x'
INSERT INTO t (a, d) SELECT $1, $2
INSERT INTO t (a) VALUES (DEFAULT)
INSERT INTO t DEFAULT VALUES
INSERT INTO t (a) VALUES (1) RETURNING a, b, a + 1 AS c
INSERT INTO t (a) VALUES (1) RETURNING *
INSERT INTO t (a) VALUES (1) RETURNING nope
INSERT INTO nowhere VALUES (1)
INSERT INTO k (x, y) VALUES (1, 2) ON CONFLICT (x, y) DO UPDATE SET z = excluded.z || k.z
INSERT INTO k (x, y) VALUES (1, 2) ON CONFLICT DO NOTHING
--! PostgreSQL looks when it plans
INSERT INTO k (x, y) VALUES (1, 2) ON CONFLICT (z) DO NOTHING
UPDATE t SET a = a + 1 WHERE b = 'x'
UPDATE t SET a = 'x'
UPDATE t SET a = b
UPDATE t SET nope = 1
UPDATE t SET a = 1, a = 2
UPDATE t SET a = $1 WHERE c > $2
UPDATE k SET z = u.name FROM u WHERE u.id = k.x RETURNING k.x, u.id
UPDATE t SET a = count(*)
UPDATE t SET a = (SELECT id FROM u LIMIT 1)
DELETE FROM t WHERE a = $1
DELETE FROM k USING u WHERE u.id = k.x
DELETE FROM t WHERE nope
DELETE FROM t RETURNING *
-- more of each
--! window functions other than row_number() are not there yet
SELECT a, sum(c) OVER () FROM t
--! whole rows are not there yet
SELECT t FROM t
--! whole rows are not there yet
SELECT count(t) FROM t
SELECT x.a FROM (SELECT a FROM t) x, (SELECT b FROM t) x
SELECT a FROM t GROUP BY a, b HAVING sum(c) > avg(e) ORDER BY sum(c) + 1, 1
SELECT a + b FROM t GROUP BY a
SELECT sum(a) + b FROM t
SELECT (SELECT max(u.a) FROM u WHERE u.id = t.a) AS m FROM t ORDER BY m
SELECT a FROM t ORDER BY (SELECT max(id) FROM u)
SELECT CASE WHEN a > 1 THEN 'x' WHEN a > 2 THEN b END AS k, count(*) FROM t GROUP BY k
SELECT CASE WHEN a > 1 THEN 'x' WHEN a > 2 THEN b END AS k, count(*) FROM t GROUP BY CASE WHEN a > 1 THEN 'x' WHEN a > 2 THEN b END
SELECT coalesce(a, 1) FROM t GROUP BY coalesce(a, 1)
SELECT DISTINCT a, b FROM t ORDER BY a + 1
SELECT count(DISTINCT a, b) FROM t
SELECT DISTINCT count(*) FROM t GROUP BY a
SELECT a FROM t WHERE a = (SELECT 'x')
SELECT a FROM t WHERE b = (SELECT 'x')
SELECT a FROM t WHERE a IN (SELECT NULL)
SELECT a FROM t WHERE a = ALL (SELECT id FROM u)
SELECT a FROM t WHERE (a, b) = (1, 'x')
SELECT a FROM t WHERE (a, b) IN ((1, 'x'), (2, 'y'))
SELECT a FROM t WHERE (a, b) = (1, 2, 3)
SELECT a FROM t WHERE EXISTS (SELECT nope FROM u)
SELECT * FROM t JOIN u ON t.a = u.a JOIN k ON k.x = u.id WHERE z = name
SELECT * FROM t LEFT JOIN u ON t.a = u.a AND u.name = t.b WHERE u.id IS NULL
SELECT * FROM t CROSS JOIN u
SELECT * FROM t JOIN (u JOIN k ON u.id = k.x) ON t.a = k.y
SELECT k.x FROM t JOIN (u JOIN k ON t.a = k.x) ON t.a = k.y
SELECT * FROM t a JOIN t b USING (a, b)
SELECT a.a, b.b FROM t a JOIN t b USING (a) JOIN t c USING (a)
SELECT * FROM t a JOIN t b ON a.a = b.a JOIN t c USING (a)
SELECT u.* FROM t JOIN u USING (a)
SELECT sub.n + 1 FROM (SELECT count(*) AS n FROM t) sub
SELECT sub.x FROM (SELECT 'a' AS x) sub WHERE x = 1
SELECT sub.x || 1 FROM (SELECT NULL AS x) sub
SELECT -a ^ 2, a ^ b FROM t
SELECT a % 3, a % 2.5, e % 2 FROM t
SELECT i2 << 1, ~a, a # 3, a | 1 FROM s, t
SELECT |/ a, @ a, a! FROM t
SELECT b || NULL, NULL || NULL, a || b || c FROM t
SELECT tags || 'x', tags || tags, ia || 1, 1 || ia FROM u, s
SELECT doc ? 'a', doc @> '{}', doc || '{}' FROM u
--! there is no type time
SELECT iv + iv, iv > '1 day', d + iv, at + iv, at - at, at > d, dd = d, dd + time '1:00' FROM s, t, u
SELECT at > '2020-01-01' AND d < now() FROM t, u
SELECT extract(year FROM dd), extract(nope FROM dd), extract(hour from iv) FROM s
SELECT date_trunc('month', at), date_trunc('month', dd), date_bin('1 h', d, '2000-01-01'), date_trunc(1, d) FROM t, u, s
SELECT to_timestamp(1.5), to_timestamp('x', 'y'), to_char(a, '999'), to_char(c, '999'), to_char(iv, 'HH') FROM t, s
SELECT concat(a, b, c), concat_ws(',', a, b), concat('x') FROM t
SELECT concat() FROM t
SELECT substring(b, 1), substring(b, 1, 2), substring(b from 'x'), substr(b, 2), left(b, 1), right(b, 1), lpad(b, 3), replace(b, 'x', 'y'), split_part(b, ',', 1) FROM t
SELECT substring(a, 1) FROM t
SELECT length(by), by || 'x', md5(b) FROM s, t
SELECT array_length(ia, 1), cardinality(ia), ia[1:2], array_upper(ia, 1), array_to_string(ia, ','), string_to_array('a', ',') FROM s
SELECT unnest(ia), unnest(tags) FROM s, u
SELECT unnest(ia) + 1 AS q FROM s ORDER BY q
SELECT unnest(1)
SELECT (unnest(ia)).x FROM s
SELECT sum(unnest(ia)) FROM s
SELECT generate_series(1, a) FROM t GROUP BY a
SELECT array_agg(a), array_agg(DISTINCT b ORDER BY b) FROM t
SELECT array(SELECT a FROM t ORDER BY 1)
SELECT min(f) FROM t
SELECT max(by) FROM s
SELECT min(tags), max(ia) FROM u, s
SELECT avg(iv), sum(iv), sum(by) FROM s
SELECT sum(a) FILTER (WHERE sum(a) > 1) FROM t
SELECT row_number() OVER (ORDER BY count(*)) FROM t GROUP BY a
SELECT row_number() OVER (ORDER BY b) FROM t GROUP BY a
SELECT count(*) FROM t ORDER BY a
SELECT 1 FROM t ORDER BY count(*)
SELECT a FROM t ORDER BY a NULLS FIRST LIMIT ALL
SELECT a FROM t FETCH FIRST 3 ROWS ONLY
SELECT a FROM t OFFSET 3 ROWS
SELECT a FROM t LIMIT -1
SELECT a FROM t LIMIT 1 + 1
SELECT a FROM t LIMIT $1::int + 1
SELECT a FROM t UNION SELECT a FROM u UNION ALL SELECT x FROM k ORDER BY 1 LIMIT 3
(SELECT a FROM t ORDER BY b LIMIT 1) UNION ALL (SELECT a FROM u LIMIT 2)
SELECT a, b FROM t EXCEPT SELECT a, name FROM u
SELECT a FROM t UNION SELECT 'x'
SELECT 1.5 UNION SELECT 1 UNION SELECT 2::float8
VALUES (1, NULL), (NULL, 'x')
VALUES ($1, 1), (2, $2)
SELECT * FROM (VALUES (1), (NULL)) v(x) WHERE x IS NOT NULL
WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT * FROM a, b
WITH a AS (SELECT 1 AS x) SELECT (SELECT x FROM a)
WITH t AS (SELECT 5 AS only) SELECT * FROM t
WITH w(a, b) AS (SELECT 1) SELECT * FROM w
SELECT * FROM v JOIN t USING (a)
SELECT v.bee, v.b FROM v
SELECT current_user, session_user, current_schema, current_database(), current_catalog, user
SELECT pg_typeof(a), pg_typeof('x'), version() FROM t
SELECT 'a' 'b'
SELECT E'\n', $$x$$, U&'\0041'
SELECT 'x' = 'y', 'x' < 'y', NULL = NULL, NULL + 1, 'a' LIKE 'b'
SELECT '1' = 1, 1 = '1', '1.5' = 1
SELECT 1 = true
SELECT f = 'yes', f = 'perhaps' FROM t
SELECT f AND 'x' FROM t
SELECT a::text::int::numeric(5,2)::text FROM t
SELECT CAST(a AS varchar(3)), a::varchar, 'x'::varchar(5), b::bytea FROM t
SELECT '2020-01-01'::timestamp(3), now()::timestamp(0), d::timestamptz, d::date, at::date, at::text FROM t, u
SELECT 1::int2 + 1::int2, 1::int8 / 2::int4, 5 / 2, 5 / 2.0, 2 ^ 3
SELECT 9223372036854775807, 9223372036854775808, -9223372036854775808, -2147483648
SELECT a IS NOT DISTINCT FROM NULL, NULL IS DISTINCT FROM NULL, b IS DISTINCT FROM a FROM t
SELECT $1::text || $2, $3 + 1.5, $4 LIKE 'x'
SELECT * FROM t WHERE d BETWEEN $1 AND $2
SELECT * FROM t WHERE a = $1 OR b = $1
SELECT * FROM t WHERE c IN ($1, $2, 3)
SELECT * FROM u WHERE at > $1 AND tags @> $2 AND doc->>'a' = $3
--! the tree has no position of WHEN
SELECT CASE $1 WHEN 1 THEN 2 END, CASE WHEN true THEN $2 ELSE 1 END
SELECT greatest($1, 1), nullif($2, 'x'), array[$3, 1]
SELECT $1::nosuch
SELECT $0
SELECT f(1) FROM t f
SELECT pg_catalog.lower('X'), pg_catalog.nope(1), public.lower('x'), nosch.lower('x')
SELECT a OPERATOR(pg_catalog.+) 1, a OPERATOR(public.+) 1 FROM t
INSERT INTO u VALUES (1, 2, 'x', now(), '{a}', '{}')
INSERT INTO u (id, doc) VALUES (1, 'not json')
INSERT INTO u (id, tags) VALUES (1, ARRAY['a', $1])
INSERT INTO u (id, name) VALUES ($1, $2), ($3, $4)
INSERT INTO u (id, at) SELECT a, d FROM t
INSERT INTO u (id, at) SELECT a, b FROM t
INSERT INTO u (id, name) SELECT 1, NULL UNION ALL SELECT 2, 'x'
INSERT INTO t (a, c) VALUES (1.7, '3.14159')
INSERT INTO t (f) VALUES (1)
INSERT INTO t (f) VALUES ('maybe')
INSERT INTO t SELECT * FROM t ORDER BY a LIMIT 3
INSERT INTO t (a) SELECT 1, 2
INSERT INTO t (a, b) SELECT 1
INSERT INTO t VALUES (1, 2, 3, 4, 5, 6, 7)
--! another detail
INSERT INTO v VALUES (1)
--! not there yet
WITH w AS (SELECT 1) INSERT INTO t (a) SELECT * FROM w
INSERT INTO k (x, y) VALUES (1, 2) ON CONFLICT (x, y) DO UPDATE SET z = z
--! the tree has no position of the column
INSERT INTO k (x, y) VALUES (1, 2) ON CONFLICT (nope) DO NOTHING
INSERT INTO k AS kk (x, y) VALUES (1, 2) ON CONFLICT (x, y) DO UPDATE SET z = kk.z || excluded.z WHERE kk.x > 1 RETURNING kk.z
INSERT INTO k (x, y, z) VALUES (1, 2, DEFAULT), (1, 3, 'q')
UPDATE t SET a = DEFAULT, b = 5
UPDATE t AS q SET a = q.a + 1 WHERE q.b = $1 RETURNING q.*
--! not there yet
UPDATE t SET t.a = 1
UPDATE t SET (a, b) = (1, 'x')
UPDATE k SET x = u.id FROM u WHERE u.a = k.y
UPDATE k SET z = (SELECT name FROM u WHERE u.id = k.x)
UPDATE t SET a = b::int WHERE nope = 1
--! another detail
UPDATE v SET a = 1
DELETE FROM t AS q WHERE t.a = 1
DELETE FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a)
DELETE FROM t WHERE sum(a) > 1
--! another detail
DELETE FROM v
-- joins, subqueries and ranks
SELECT t.a, u.name, k.z FROM t, u, k WHERE t.a = u.a AND k.x = u.id
SELECT t.a, u.name, k.z FROM t, k, u WHERE t.a = u.a AND k.x = u.id AND t.b <> 'y'
SELECT t.a, u.name FROM t LEFT JOIN u ON t.a = u.id AND u.a > 1 WHERE t.b = 'x'
SELECT t.a, u.name FROM t RIGHT JOIN u ON t.a = u.id AND t.a > 1 WHERE u.a > 0
SELECT t.a, u.name FROM t FULL JOIN u ON t.a = u.id AND t.b = 'x'
SELECT t.a, u.name FROM t FULL JOIN u ON t.a = u.id WHERE t.a IS NULL
SELECT a FROM t WHERE a NOT IN (SELECT a FROM u)
SELECT a FROM t WHERE a NOT IN (SELECT a FROM u WHERE a IS NOT NULL)
SELECT a, b FROM t WHERE a IN (SELECT id FROM u WHERE name <> 'x') AND b = 'x'
SELECT a, b FROM t o WHERE EXISTS (SELECT 1 FROM u WHERE u.id = o.a AND u.name = o.b)
SELECT a, b FROM t o WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.id = o.a)
SELECT a, (SELECT count(*) FROM u WHERE u.id = o.a), (SELECT max(z) FROM k WHERE k.x = o.a AND k.y IN (SELECT id FROM u WHERE u.id = o.a)) FROM t o
SELECT a, count(*), (SELECT sum(k.y) FROM k WHERE k.x = o.a) FROM t o GROUP BY a HAVING count(*) > (SELECT 1)
SELECT o.a, l.z, l.y FROM t o, LATERAL (SELECT z, y FROM k WHERE k.x = o.a ORDER BY y DESC LIMIT 1) l
SELECT o.a, l.z FROM t o LEFT JOIN LATERAL (SELECT z FROM k WHERE k.x = o.a) l ON l.z > 'p'
SELECT o.a, l.q FROM t o, LATERAL (SELECT (SELECT o.a + m.y) AS q FROM k m WHERE m.x = o.a) l
SELECT * FROM t JOIN (u CROSS JOIN LATERAL (SELECT u.id + 1 AS nx) q) ON t.a = q.nx
SELECT a, g FROM t, generate_series(1, t.a) g
SELECT a, generate_series(1, a), generate_series(1, 2) FROM t
SELECT b, row_number() OVER (PARTITION BY b ORDER BY c, a) FROM t WHERE c IS NOT NULL
SELECT * FROM (SELECT b, c, row_number() OVER (PARTITION BY b ORDER BY c DESC NULLS LAST) rn FROM t) q WHERE rn <= 1
SELECT * FROM (SELECT b, c, row_number() OVER (PARTITION BY b ORDER BY c DESC NULLS LAST) rn FROM t) q WHERE rn BETWEEN 2 AND 5
SELECT * FROM (SELECT b, c, row_number() OVER (ORDER BY c DESC NULLS LAST, a) rn FROM t) q WHERE rn > 2
SELECT DISTINCT ON (a) a, b, c FROM t ORDER BY a, c DESC NULLS LAST, b
SELECT a FROM t UNION SELECT x FROM k
SELECT a FROM t EXCEPT SELECT x FROM k
SELECT a FROM t INTERSECT SELECT a FROM u
SELECT a, b FROM t UNION ALL SELECT x, z FROM k ORDER BY 1, 2
SELECT a FROM t ORDER BY a DESC NULLS LAST LIMIT 3 OFFSET 1
SELECT b, count(*), sum(a), avg(c), min(d), max(e), count(DISTINCT a), count(*) FILTER (WHERE f), string_agg(a::text, ',' ORDER BY a DESC NULLS LAST) FROM t GROUP BY b
SELECT count(*), sum(a) FROM t WHERE false
SELECT b FROM t WHERE false GROUP BY b
SELECT bee, n FROM v WHERE a = 2
SELECT x.a, y.n FROM t x JOIN v y ON x.a = y.a AND x.b = y.bee
SELECT a IS NOT DISTINCT FROM x, count(*) FROM t JOIN k ON a IS NOT DISTINCT FROM x GROUP BY 1
SELECT * FROM t x JOIN t y ON x.a = y.a AND x.c < y.c
SELECT x.a FROM t x JOIN u y ON x.a + 1 = y.id + 0 AND x.e > 0
SELECT a, CASE WHEN a > 1 THEN (SELECT max(id) FROM u) ELSE 0 END FROM t
SELECT tags[1], unnest(tags) FROM u
SELECT a FROM t WHERE b = ANY(SELECT name FROM u) OR a = 3
SELECT sum(x.n) FROM (SELECT count(*) n FROM t GROUP BY b) x
SELECT * FROM (SELECT a, sum(c) sc FROM t GROUP BY a) q WHERE a > 1 AND sc > 2
SELECT 1 FROM t HAVING count(*) > 3
SELECT u.id FROM u WHERE u.id = 2 OR u.a = (SELECT max(a) FROM t WHERE t.a < u.id)
WITH w AS (SELECT a, count(*) n FROM t GROUP BY a) SELECT x.a, y.n FROM w x JOIN w y ON x.n = y.n
SELECT id, doc->>'a' FROM u WHERE id IN (1, 2) ORDER BY doc->>'a'
SELECT x, y FROM k WHERE x = 1 AND y > 1
SELECT * FROM u NATURAL FULL JOIN t
SELECT a, name FROM u FULL JOIN t USING (a) WHERE a > 1
