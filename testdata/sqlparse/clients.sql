-- The shapes of SQL that drivers and tools send, written by hand after ../shared/CLIENTS.md.

SET SESSION TIMEZONE TO 'UTC';

SET extra_float_digits = 3;

SET search_path TO public, "$user";

SHOW TRANSACTION ISOLATION LEVEL;

SELECT pg_catalog.version();

SELECT current_setting('server_version_num')::int/100 as version;

declare "SQL_CUR0x5581" cursor with hold for select a from t;

SELECT * FROM (SELECT n.nspname, c.relname, a.attname, a.atttypid, a.attnotnull OR (t.typtype = 'd' AND t.typnotnull) AS attnotnull, a.atttypmod, a.attlen, t.typtypmod, row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS attnum, nullif(a.attidentity, '') as attidentity, pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS adsrc FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON (c.relnamespace = n.oid) JOIN pg_catalog.pg_attribute a ON (a.attrelid=c.oid) JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid) LEFT JOIN pg_catalog.pg_attrdef def ON (a.attrelid=def.adrelid AND a.attnum = def.adnum) LEFT JOIN pg_catalog.pg_description dsc ON (c.oid=dsc.objoid AND a.attnum = dsc.objsubid) WHERE c.relkind in ('r','p','v','f','m') and a.attnum > 0 AND NOT a.attisdropped AND n.nspname LIKE E'pub\\_lic') c WHERE true ORDER BY nspname, c.relname, attnum;

SELECT result.k, result.seq, (result.keys).n, (result.keys).x FROM (SELECT ct.relname AS k, information_schema._pg_expandarray(i.indkey) AS keys, i.indoption[(i.k).n - 1] & 1 = 1 AS dsc, row_number() over () seq FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class ct ON ct.oid = i.indrelid) result WHERE result.keys IS NOT NULL;

SELECT quote_ident(table_name) as "table" FROM information_schema.tables WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog') AND quote_ident(table_schema) IN (SELECT CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END FROM generate_series(array_lower(string_to_array(current_setting('search_path'), ','), 1), array_upper(string_to_array(current_setting('search_path'), ','), 1)) as i, string_to_array(current_setting('search_path'), ',') s);

SELECT x.oid, x.*, (SELECT count(*) FROM pg_catalog.pg_inherits i WHERE i.inhrelid = x.oid) FROM pg_catalog.pg_class x WHERE x.relnamespace = $1 AND x.relkind NOT IN ('i', 'I', 'c');

SELECT coalesce(nullif(to_regtype($1)::oid, 0), -1), 'hstore'::regtype::oid, ARRAY[1, 2]::oid[], t.typname <> ALL (ARRAY['a', 'b']) FROM pg_type t WHERE t.typarray = ANY ($2::oid[]);

SELECT ns.nspname, t.oid, CASE WHEN proc.proname = 'array_recv' THEN 'a' ELSE t.typtype END AS typtype FROM (SELECT typ.oid, typ.typnamespace, elemproc.proname FROM pg_type typ LEFT JOIN pg_proc elemproc ON elemproc.oid = typ.typreceive::oid) AS t JOIN pg_namespace AS ns ON (ns.oid = typnamespace) WHERE typtype IN ('b', 'r') OR (typtype = 'c' AND relkind = 'c') ORDER BY CASE WHEN typtype IN ('b', 'e', 'p') THEN 0 WHEN typtype = 'r' THEN 1 END;

SELECT date_trunc('minute', ts) AS time, sum(value) FILTER (WHERE kind = 'a') AS v FROM m WHERE ts BETWEEN '2024-01-01T00:00:00Z' AND now() - interval '1 hour' GROUP BY 1 ORDER BY 1;

SELECT cast("public"."orders"."created_at" AS date) AS "created_at", count(*) AS "count" FROM "public"."orders" WHERE ("public"."orders"."created_at" >= date_trunc('month', (now() + (INTERVAL '-1 month')))) GROUP BY CAST("public"."orders"."created_at" AS date) ORDER BY CAST("public"."orders"."created_at" AS date) ASC;
