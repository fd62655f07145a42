-- q5, emitted once per window.
CREATE MATERIALIZED VIEW nexmark_q5_close AS
SELECT counted.auction, counted.num, counted.window_start
FROM (
    SELECT auction, count(*) AS num, window_start
    FROM HOP(bid, date_time, INTERVAL '2 seconds', INTERVAL '10 seconds')
    GROUP BY auction, window_start
) AS counted
JOIN (
    SELECT max(per_auction.num) AS most, per_auction.window_start
    FROM (
        SELECT count(*) AS num, window_start
        FROM HOP(bid, date_time, INTERVAL '2 seconds', INTERVAL '10 seconds')
        GROUP BY auction, window_start
    ) AS per_auction
    GROUP BY per_auction.window_start
) AS best
  ON counted.window_start = best.window_start AND counted.num >= best.most
EMIT ON WINDOW CLOSE;
