-- q5 once per window, for PostgreSQL.
CREATE MATERIALIZED VIEW nexmark_q5_close AS
SELECT counted.auction, counted.num, counted.window_start
FROM (
    SELECT auction, count(*) AS num, window_start
    FROM (
        SELECT auction, generate_series(
            date_bin(INTERVAL '2 seconds', date_time, TIMESTAMP '1970-01-01') - INTERVAL '8 seconds',
            date_bin(INTERVAL '2 seconds', date_time, TIMESTAMP '1970-01-01'),
            INTERVAL '2 seconds') AS window_start
        FROM bid
    ) AS hop
    GROUP BY auction, window_start
) AS counted
JOIN (
    SELECT max(per_auction.num) AS most, per_auction.window_start
    FROM (
        SELECT count(*) AS num, window_start
        FROM (
            SELECT auction, generate_series(
                date_bin(INTERVAL '2 seconds', date_time, TIMESTAMP '1970-01-01') - INTERVAL '8 seconds',
                date_bin(INTERVAL '2 seconds', date_time, TIMESTAMP '1970-01-01'),
                INTERVAL '2 seconds') AS window_start
            FROM bid
        ) AS hop
        GROUP BY auction, window_start
    ) AS per_auction
    GROUP BY per_auction.window_start
) AS best
  ON counted.window_start = best.window_start AND counted.num >= best.most;
