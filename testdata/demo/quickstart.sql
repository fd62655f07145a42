-- The demo: an auction site, live.
--
-- Three Kafka topics tell what happens on the site: people register, put items up
-- for auction, and bid. Five materialized views keep answers about it up to date.
-- `make demo` applies this file at startup; applying it again changes nothing.
--
-- Connect with psql and try
--
--     SELECT * FROM top_channels ORDER BY league, place;
--     SELECT * FROM bids_per_10s ORDER BY window_start DESC LIMIT 5;
--     SELECT * FROM sellers_by_city ORDER BY auctions DESC;
--
-- and put \watch 1 behind a query to see it move.

-- 1. The topics, as streams of typed rows. A row's time is date_time, and it may be
--    up to five seconds late: that is what the WATERMARK says.

CREATE SOURCE IF NOT EXISTS person (
    id            bigint,
    name          varchar,
    email_address varchar,
    credit_card   varchar,
    city          varchar,
    state         varchar,
    date_time     timestamp,
    extra         varchar,
    WATERMARK FOR date_time AS date_time - INTERVAL '5 seconds'
) WITH (
    connector = 'kafka',
    topic = 'nexmark-person',
    scan.startup.mode = 'earliest'
) FORMAT PLAIN ENCODE JSON;

CREATE SOURCE IF NOT EXISTS auction (
    id          bigint,
    item_name   varchar,
    description varchar,
    initial_bid bigint,
    reserve     bigint,
    date_time   timestamp,
    expires     timestamp,
    seller      bigint,
    category    bigint,
    extra       varchar,
    WATERMARK FOR date_time AS date_time - INTERVAL '5 seconds'
) WITH (
    connector = 'kafka',
    topic = 'nexmark-auction',
    scan.startup.mode = 'earliest'
) FORMAT PLAIN ENCODE JSON;

CREATE SOURCE IF NOT EXISTS bid (
    auction   bigint,
    bidder    bigint,
    price     bigint,
    channel   varchar,
    url       varchar,
    date_time timestamp,
    extra     varchar,
    WATERMARK FOR date_time AS date_time - INTERVAL '5 seconds'
) WITH (
    connector = 'kafka',
    topic = 'nexmark-bid',
    scan.startup.mode = 'earliest'
) FORMAT PLAIN ENCODE JSON;

-- 2. A filter and a projection: the most expensive bids, in dollars. Prices are in
--    cents, so 99,000,000 is just short of a million dollars.

CREATE MATERIALIZED VIEW IF NOT EXISTS million_dollar_bids AS
SELECT auction, bidder, round(price / 100.0, 2) AS dollars, channel, date_time
FROM bid
WHERE price >= 99000000;

-- 3. A GROUP BY: what each sales channel brings. One row a channel, changed by every
--    bid.

CREATE MATERIALIZED VIEW IF NOT EXISTS bids_per_channel AS
SELECT channel,
       count(*)   AS bids,
       max(price) AS highest_price,
       avg(price) AS average_price
FROM bid
GROUP BY channel;

-- 4. A tumbling window: the site's turnover in steps of ten seconds. EMIT ON WINDOW
--    CLOSE shows a window once, when no more rows can belong to it, and never
--    changes it again. The state of closed windows is freed.

CREATE MATERIALIZED VIEW IF NOT EXISTS bids_per_10s AS
SELECT window_start,
       count(*)                AS bids,
       count(DISTINCT auction) AS auctions,
       max(price)              AS highest_price
FROM TUMBLE(bid, date_time, INTERVAL '10 seconds')
GROUP BY window_start
EMIT ON WINDOW CLOSE;

-- 5. A join of two streams, and an aggregate over it: where do the people live who
--    open an auction within the ten seconds in which they registered? Both sides
--    need to be remembered only until their window closes.

CREATE MATERIALIZED VIEW IF NOT EXISTS sellers_by_city AS
SELECT p.state, p.city, count(*) AS auctions, sum(a.reserve) AS reserve
FROM TUMBLE(person, date_time, INTERVAL '10 seconds') AS p
JOIN TUMBLE(auction, date_time, INTERVAL '10 seconds') AS a
  ON a.seller = p.id AND a.window_start = p.window_start
GROUP BY p.state, p.city;

-- 6. The top N of each group, over another view: the three strongest channels among
--    the famous names and among the thousands of small ones.

CREATE MATERIALIZED VIEW IF NOT EXISTS top_channels AS
SELECT league, place, channel, bids
FROM (
    SELECT league, channel, bids,
           row_number() OVER (PARTITION BY league ORDER BY bids DESC, channel) AS place
    FROM (
        SELECT CASE WHEN channel LIKE 'channel-%' THEN 'small' ELSE 'famous' END AS league, channel, bids
        FROM bids_per_channel
    ) AS leagues
) AS ranked
WHERE place <= 3;
