-- q8 once per window, for PostgreSQL.
CREATE MATERIALIZED VIEW nexmark_q8_close AS
SELECT p.id, p.name, p.window_start
FROM (
    SELECT id, name, window_start, window_end
    FROM (
        SELECT *, window_start + INTERVAL '10 seconds' AS window_end
        FROM person, date_bin(INTERVAL '10 seconds', date_time, TIMESTAMP '1970-01-01') AS window_start
    ) AS tumble
    GROUP BY id, name, window_start, window_end
) AS p
JOIN (
    SELECT seller, window_start, window_end
    FROM (
        SELECT *, window_start + INTERVAL '10 seconds' AS window_end
        FROM auction, date_bin(INTERVAL '10 seconds', date_time, TIMESTAMP '1970-01-01') AS window_start
    ) AS tumble
    GROUP BY seller, window_start, window_end
) AS a
  ON p.id = a.seller AND p.window_start = a.window_start AND p.window_end = a.window_end;
