-- q1, currency conversion: every price in euros. A projection, exact in numeric.
CREATE MATERIALIZED VIEW nexmark_q1 AS
SELECT auction, bidder, 0.908 * price AS price, date_time
FROM bid;
