-- q7's inner query once per window, for PostgreSQL.
CREATE MATERIALIZED VIEW nexmark_q7_close AS
SELECT window_start, window_start + INTERVAL '10 seconds' AS window_end, max(price) AS most, count(*) AS num
FROM (
    SELECT price, date_bin(INTERVAL '10 seconds', date_time, TIMESTAMP '1970-01-01') AS window_start
    FROM bid
) AS tumble
GROUP BY window_start;
