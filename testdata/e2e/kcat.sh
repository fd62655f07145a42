#!/usr/bin/env bash
# kcat.sh BROKER HOST PORT: kcat produces JSON to a Kafka broker, psql reads the
# answer from the engine at HOST:PORT, which reads that broker.
set -euo pipefail
broker=$1 host=$2 port=$3
topic=kcat-$$-$RANDOM
kcat -b "$broker" -L >/dev/null

sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$host" -p "$port" -d heliosdb -U kcat "$@"; }
produce() { kcat -b "$broker" -t "$topic" -P "$@"; }
expect() { # QUERY ANSWER
  local got
  got=$(sql -c FLUSH -c "$1")
  if [[ $got != "$2" ]]; then
    printf 'query: %s\n  got: %s\n want: %s\n' "$1" "$got" "$2" >&2
    exit 1
  fi
}

# Keys, a header, quotes and non-ASCII text; the first record makes the topic.
produce -K : -H shop=online <<'JSON'
ann:{"customer": "Ann", "amount": 10.50, "at": "2026-01-01T10:00:00Z"}
bob:{"customer": "Bob \"the\" \u00fcber", "amount": 3, "at": "2026-01-01T10:00:01Z"}
JSON
sql <<SQL
CREATE SOURCE orders (customer text, amount numeric(10,2), at timestamptz)
  INCLUDE key AS who INCLUDE header 'shop' AS shop
  WITH (connector = 'kafka', topic = '$topic', properties.bootstrap.server = '$broker', scan.startup.mode = 'earliest')
  FORMAT PLAIN ENCODE JSON;
CREATE MATERIALIZED VIEW revenue AS SELECT customer, count(*) AS n, sum(amount) AS amount FROM orders GROUP BY customer;
SQL
expect 'SELECT * FROM revenue ORDER BY customer' $'Ann|1|10.50\nBob "the" über|1|3.00'
expect "SELECT convert_from(who, 'UTF8'), convert_from(shop, 'UTF8') FROM orders ORDER BY 1" $'ann|online\nbob|online'

# More, compressed, while the view lives.
produce -z gzip <<'JSON'
{"customer": "Ann", "amount": "1.25", "at": "2026-01-01T10:00:02+02:00"}
{"customer": "Zoë", "amount": 7}
JSON
expect 'SELECT * FROM revenue ORDER BY customer' $'Ann|2|11.75\nBob "the" über|1|3.00\nZoë|1|7.00'
expect "SELECT at AT TIME ZONE 'UTC' FROM orders WHERE amount = 1.25" '2026-01-01 08:00:02'

# What is no JSON is a dead letter, and the view goes on.
printf 'not json\n{"customer":"Ann","amount":1}\n' | produce
expect 'SELECT n, amount FROM revenue WHERE customer = '"'Ann'" '3|12.75'
expect "SELECT convert_from(payload, 'UTF8') FROM heliosdb.dead_letters WHERE source = 'orders'" 'not json'

sql -c 'DROP SOURCE orders CASCADE' 2>/dev/null
echo "kcat: all answers are right"
