#!/usr/bin/env bash
# One Apache Kafka broker (KRaft, combined roles) on loopback, for tests,
# benchmarks and people.
#
#   kafka.sh fetch                    download it, once (pom.xml names the version)
#   kafka.sh start DIR [PORT]         start in the background; PORT 0: a free one.
#                                     Prints the bootstrap address, also kept in DIR/address
#   kafka.sh stop DIR                 stop it by its pid
#   kafka.sh serve DIR [PORT]         start, then stop and delete DIR when standard
#                                     input closes: a test that dies leaves nothing
#   kafka.sh tool NAME ARGS...        a command of Kafka's: topics, consumer-groups,
#                                     configs, console-producer, console-consumer, or a class name
#
# HELIOSDB_TEST_KAFKA_CACHE names another place than .cache/kafka for the download.
#
# HELIOSDB_TEST_KAFKA_SECURE names a directory with ca.pem and server.pem (key and
# certificate): then there are also the listeners TLS, MUTUAL (TLS with client
# certificates), LOGIN (SASL without TLS), LOGINTLS and OAUTH (unsecured tokens, a
# login every 2 s); DIR/addresses has NAME=HOST:PORT lines. The user of PLAIN and
# SCRAM is ann, password ann-secret.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${HELIOSDB_TEST_KAFKA_CACHE:-$here/../../.cache/kafka}
heap=${HELIOSDB_TEST_KAFKA_HEAP:-512m}
# What ends soon compiles little; HELIOSDB_TEST_KAFKA_BRIEF=1 says so of the broker.
brief=(-XX:TieredStopAtLevel=1 -XX:+UseSerialGC)
lasting=(-XX:+UseG1GC -XX:MaxGCPauseMillis=20)
start_seconds=90

die() { echo "kafka.sh: $*" >&2; exit 1; }

# fetch keeps a stamp with the pom's checksum, and a lock against a second fetch.
fetch() {
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock 9
  local want
  want=$(sha256sum <"$here/pom.xml")
  if [[ -f $cache/stamp && $(<"$cache/stamp") == "$want" ]]; then return; fi
  command -v mvn >/dev/null || die "maven is needed to fetch Apache Kafka (Debian: apt-get install maven)"
  rm -rf "$cache/libs"
  mvn -q -B -Dstyle.color=never -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
    "-DoutputDirectory=$cache/libs" 9>&- >&2
  echo "$want" >"$cache/stamp"
}

java_kafka() {
  [[ -f $cache/stamp ]] || die "Apache Kafka is not there yet: run 'make kafka' once"
  exec java "$@"
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port avoids the range that the kernel hands out to outgoing connections.
free_port() {
  local port
  for _ in $(seq 100); do
    port=$((15000 + RANDOM % 15000))
    if ! listening "$port"; then echo "$port"; return; fi
  done
  die "no free port found"
}

configure() {
  local dir=$1 port=$2 controller
  controller=$(free_port)
  while [[ $controller == "$port" ]]; do controller=$(free_port); done
  cat >"$dir/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$dir/data
num.partitions=4
auto.create.topics.enable=true
delete.topic.enable=true
message.max.bytes=8388608
replica.fetch.max.bytes=8388608
# Events carry event times of long ago: never delete by age.
log.retention.ms=-1
log.message.timestamp.after.max.ms=9223372036854775807
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
PROPERTIES
}

# secure adds listeners with TLS and SASL to the configuration.
secure() {
  local dir=$1 keys=$HELIOSDB_TEST_KAFKA_SECURE name protocol port listeners="" advertised="" map="" plain
  plain='org.apache.kafka.common.security.plain.PlainLoginModule required user_ann="ann-secret";'
  : >"$dir/addresses"
  for name in TLS:SSL MUTUAL:SSL LOGIN:SASL_PLAINTEXT LOGINTLS:SASL_SSL OAUTH:SASL_PLAINTEXT; do
    protocol=${name#*:} name=${name%%:*}
    port=$(free_port)
    listeners+=",$name://127.0.0.1:$port" map+=",$name:$protocol"
    advertised+=",$name://localhost:$port"
    echo "$name=localhost:$port" >>"$dir/addresses"
  done
  sed -i -e "s|^listeners=.*|&$listeners|" -e "s|^advertised.listeners=.*|&$advertised|" \
    -e "s|^listener.security.protocol.map=.*|&$map|" "$dir/server.properties"
  cat >>"$dir/server.properties" <<PROPERTIES
inter.broker.listener.name=PLAINTEXT
ssl.keystore.type=PEM
ssl.keystore.location=$keys/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=$keys/ca.pem
listener.name.mutual.ssl.client.auth=required
PROPERTIES
  for name in login logintls; do
    cat >>"$dir/server.properties" <<PROPERTIES
listener.name.$name.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.$name.plain.sasl.jaas.config=$plain
listener.name.$name.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.$name.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
PROPERTIES
  done
  cat >>"$dir/server.properties" <<PROPERTIES
listener.name.oauth.sasl.enabled.mechanisms=OAUTHBEARER
listener.name.oauth.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
listener.name.oauth.oauthbearer.connections.max.reauth.ms=2000
PROPERTIES
}

start() {
  local dir port pid users=()
  dir=$1 port=${2:-9092}
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  if [[ -f $dir/pid ]] && kill -0 "$(<"$dir/pid")" 2>/dev/null; then
    cat "$dir/address"
    return
  fi
  command -v java >/dev/null || die "java 17 is needed (Debian: apt-get install openjdk-17-jre-headless)"
  [[ $port != 0 ]] || port=$(free_port)
  if listening "$port"; then die "port $port is taken"; fi
  configure "$dir" "$port"
  if [[ -n ${HELIOSDB_TEST_KAFKA_SECURE:-} ]]; then
    secure "$dir"
    users=(--add-scram 'SCRAM-SHA-256=[name=ann,password=ann-secret]' --add-scram 'SCRAM-SHA-512=[name=ann,password=ann-secret]')
  fi
  local logging=-Dlog4j2.configurationFile=$here/log4j2.properties
  if [[ ! -f $dir/data/meta.properties ]]; then
    (java_kafka "${brief[@]}" -Xmx128m "$logging" -cp "$cache/libs/*" kafka.tools.StorageTool format \
      --cluster-id aGVsaW9zZGItdGVzdGluZw --config "$dir/server.properties" "${users[@]}") >"$dir/format.log" 2>&1 ||
      { cat "$dir/format.log" >&2; die "formatting the storage failed"; }
  fi
  local flags=("${lasting[@]}")
  [[ ${HELIOSDB_TEST_KAFKA_BRIEF:-} != 1 ]] || flags=("${brief[@]}")
  : >"$dir/server.log"
  (java_kafka "${flags[@]}" "-Xmx$heap" -Xms128m "$logging" -cp "$cache/libs/*" \
    kafka.Kafka "$dir/server.properties") </dev/null >"$dir/server.log" 2>&1 9>&- &
  pid=$!
  disown
  echo "$pid" >"$dir/pid"
  for _ in $(seq $((start_seconds * 10))); do
    if grep -q 'Kafka Server started' "$dir/server.log"; then
      echo "127.0.0.1:$port" | tee "$dir/address"
      return
    fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 30 "$dir/server.log" >&2
  kill -9 "$pid" 2>/dev/null || true
  die "Kafka did not start"
}

stop() {
  local dir=$1 pid
  [[ -f $dir/pid ]] || { echo "kafka.sh: nothing runs in $dir" >&2; return; }
  pid=$(<"$dir/pid")
  kill "$pid" 2>/dev/null || true
  for _ in $(seq 300); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -9 "$pid" 2>/dev/null || true
  rm -f "$dir/pid" "$dir/address"
}

serve() {
  start "$@"
  cat >/dev/null || true
  kill -9 "$(<"$1/pid")" 2>/dev/null || true
  rm -rf "$1"
}

tool() {
  local class=$1
  shift
  case $class in
    topics) class=org.apache.kafka.tools.TopicCommand ;;
    consumer-groups) class=org.apache.kafka.tools.consumer.group.ConsumerGroupCommand ;;
    configs) class=kafka.admin.ConfigCommand ;;
    console-producer) class=org.apache.kafka.tools.ConsoleProducer ;;
    console-consumer) class=org.apache.kafka.tools.consumer.ConsoleConsumer ;;
  esac
  java_kafka "${brief[@]}" -Xmx128m "-Dlog4j2.configurationFile=$here/log4j2.properties" -cp "$cache/libs/*" "$class" "$@"
}

command=${1:-}
shift || true
case $command in
  fetch | start | stop | serve | tool) "$command" "$@" ;;
  *) sed -n '2,/^set/p' "${BASH_SOURCE[0]}" | grep '^#' | sed 's/^# \{0,1\}//' >&2; exit 2 ;;
esac
