-- The auction site's three topics. Where the options name no broker, the [kafka]
-- section of the configuration does.

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
