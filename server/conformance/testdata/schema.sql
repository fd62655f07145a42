CREATE TABLE a (id int PRIMARY KEY, i int, b bigint, s smallint, n numeric, m numeric(10,2), f double precision, t text, v varchar(12), bo boolean);
CREATE TABLE w (id int PRIMARY KEY, aid int, ts timestamp, tz timestamptz, d date, iv interval, j jsonb, arr int[], tarr text[], by bytea, k text);
CREATE TABLE c (k1 int, k2 text, q int, p numeric(8,3), note text DEFAULT 'none', PRIMARY KEY (k1, k2));
CREATE TABLE e (id bigint PRIMARY KEY, x int NOT NULL, y int, t text);
INSERT INTO a VALUES
 (1, 1, 10, 1, 1.50, 1.5, 0.5, 'alpha', 'one', true),
 (2, 2, -20, 2, -2.25, 99.99, -1.25, 'Beta', 'two', false),
 (3, NULL, 9007199254740993, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (4, 2, 0, -3, 1.5, 0, 'NaN', '', 'four', true),
 (5, -7, NULL, 300, 12345678901234567890.123456789, -0.01, 'Infinity', 'zeta', NULL, false),
 (6, 2147483647, -9223372036854775808, 32767, 'NaN', 12345678.90, '-Infinity', 'ünïcødé ☃', 'six', NULL),
 (7, 0, 5, 0, 0, 0.10, -0.0, 'a%b_c\d', '7', true),
 (8, 1, 10, 1, 1.500, 1.50, 1e300, 'alpha', 'one', true);
INSERT INTO w VALUES
 (1, 1, '2024-02-29 12:34:56.789', '2024-02-29 12:34:56.789+02', '2024-02-29', '1 day 02:03:04', '{"a": 1, "b": [1, 2, {"c": "x"}]}', '{1,2,3}', '{a,b}', '\x00ff', 'k1'),
 (2, 1, '1999-12-31 23:59:59.999999', '2000-01-01 00:00:00+00', '1999-12-31', '-1 mon', '[1, "two", null, true]', '{}', '{}', '\x', 'k2'),
 (3, 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (4, 4, 'infinity', '-infinity', 'infinity', '1 year 2 mons 3 days', '"str"', '{NULL,5}', '{"a b",NULL,"c\"d"}', '\xdeadbeef', 'k1'),
 (5, NULL, '0001-01-01 00:00:00', '2024-06-30 23:00:00-11', '4713-01-01 BC', '00:00:00.000001', 'null', '{7}', '{x}', '\x61', 'k3'),
 (6, 99, '2024-03-01 00:00:00', '2024-03-01 00:00:00Z', '2024-03-01', '100 years', '{"a": null, "z": 1.50}', '{3,2,1}', '{B,a}', '\x6162', 'k2'),
 (7, 2, '2024-03-01 00:00:00', '2024-03-01 00:00:00Z', '2024-03-01', '-00:00:01', '12.340', '{1,2,3}', '{a,b}', '\x00ff', 'k1');
INSERT INTO c VALUES (1, 'x', 5, 1.125, 'n1'), (1, 'y', NULL, 2.5, NULL), (2, 'x', 7, NULL, 'n3'), (3, '', 0, -1, '');
INSERT INTO e VALUES (1, 1, 1, 'alpha'), (2, 1, 2, 'Beta'), (3, 2, NULL, NULL), (4, 5, 1, 'zeta'), (5, 5, 1, 'zeta');
