-- q18, last bid: of each bidder and auction the latest bid; of equally late ones the
-- dearest, then the last in the order of the column extra.
CREATE MATERIALIZED VIEW nexmark_q18 AS
SELECT auction, bidder, price, channel, url, date_time, extra
FROM (
    SELECT auction, bidder, price, channel, url, date_time, extra,
           row_number() OVER (PARTITION BY bidder, auction ORDER BY date_time DESC, price DESC, extra DESC) AS place
    FROM bid
) AS ranked
WHERE place <= 1;
