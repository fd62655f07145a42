-- q7 for PostgreSQL.
CREATE MATERIALIZED VIEW nexmark_q7 AS
SELECT b.auction, b.price, b.bidder, b.date_time
FROM bid AS b
JOIN (
    SELECT max(price) AS most, window_end
    FROM (
        SELECT price, date_bin(INTERVAL '10 seconds', date_time, TIMESTAMP '1970-01-01') + INTERVAL '10 seconds' AS window_end
        FROM bid
    ) AS tumble
    GROUP BY window_end
) AS best
  ON b.price = best.most
WHERE b.date_time >= best.window_end - INTERVAL '10 seconds' AND b.date_time < best.window_end;
