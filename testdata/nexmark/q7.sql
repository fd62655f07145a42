-- q7, highest bid: in every window of ten seconds the bids with the highest price.
CREATE MATERIALIZED VIEW nexmark_q7 AS
SELECT b.auction, b.price, b.bidder, b.date_time
FROM bid AS b
JOIN (
    SELECT max(price) AS most, window_end
    FROM TUMBLE(bid, date_time, INTERVAL '10 seconds')
    GROUP BY window_end
) AS best
  ON b.price = best.most
WHERE b.date_time >= best.window_end - INTERVAL '10 seconds' AND b.date_time < best.window_end;
