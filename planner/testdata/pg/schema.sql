CREATE TABLE t (a int, b text, c numeric(10,2), d timestamp, e double precision, f boolean);
CREATE TABLE u (id bigint PRIMARY KEY, a int, name varchar(20), at timestamptz, tags text[], doc jsonb);
CREATE TABLE k (x int, y int, z text DEFAULT 'zed', PRIMARY KEY (x, y));
CREATE TABLE s (i2 smallint, i8 bigint, iv interval, dd date, by bytea, ia int[]);
CREATE VIEW v AS SELECT a, b AS bee, count(*) AS n FROM t GROUP BY a, b;
