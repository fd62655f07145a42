-- q7's inner query, emitted once per window.
CREATE MATERIALIZED VIEW nexmark_q7_close AS
SELECT window_start, window_end, max(price) AS most, count(*) AS num
FROM TUMBLE(bid, date_time, INTERVAL '10 seconds')
GROUP BY window_start, window_end
EMIT ON WINDOW CLOSE;
