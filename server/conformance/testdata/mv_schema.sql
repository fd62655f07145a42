CREATE TABLE a (id int PRIMARY KEY, i int, b bigint, s smallint, n numeric, m numeric(10,2), f double precision, t text, v varchar(12), bo boolean);
CREATE TABLE w (id int PRIMARY KEY, aid int, ts timestamp, tz timestamptz, d date, iv interval, j jsonb, arr int[], tarr text[], by bytea, k text);
CREATE TABLE c (k1 int, k2 text, q int, p numeric(8,3), note text DEFAULT 'none', PRIMARY KEY (k1, k2));
CREATE TABLE e (id bigint PRIMARY KEY, x int NOT NULL, y int, t text);
