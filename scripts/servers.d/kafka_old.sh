# shellcheck shell=bash
# shellcheck disable=SC2154
# Older Kafkas, which keep their records in a ZooKeeper of their own: kafka28
# and kafka11. Two ports in a row, the broker's (PLAINTEXT) and ZooKeeper's.
# Kafka 0.10.2 is not among them: its broker ends while it starts on Java 17.

readonly kafka28_version=2.8.2
readonly kafka11_version=1.1.1

kafka28_first_port() { printf '28292\n'; }
kafka28_port_count() { printf '2\n'; }
kafka11_first_port() { printf '27292\n'; }
kafka11_port_count() { printf '2\n'; }

# kafka_old_fetch MEGABYTES VERSION SCALA SLF4J
kafka_old_fetch() {
    local libs=$ROWCAST_CACHE/kafka/$2/libs
    find_java >/dev/null || "$here/setup"
    if [ ! -d "$libs" ]; then
        need mvn
        kafka_unpack "$(dirname -- "$libs")" "$@"
    fi
    need kcat setpriv
}

kafka28_fetch() { kafka_old_fetch 35 "$kafka28_version" 2.13 1.7.36; }
kafka11_fetch() { kafka_old_fetch 20 "$kafka11_version" 2.12 1.7.25; }

kafka_old_make_data() { mkdir -p "$1/zookeeper" "$1/log"; }
kafka28_make_data() { kafka_old_make_data "$@"; }
kafka11_make_data() { kafka_old_make_data "$@"; }

kafka_old_zookeeper() {
    cat <<PROPERTIES
tickTime=2000
dataDir=$data/zookeeper
clientPort=$((port + 1))
clientPortAddress=127.0.0.1
admin.enableServer=false
PROPERTIES
}

kafka_old_properties() {
    cat <<PROPERTIES
broker.id=1
listeners=PLAINTEXT://127.0.0.1:$port
advertised.listeners=PLAINTEXT://127.0.0.1:$port
zookeeper.connect=127.0.0.1:$((port + 1))
zookeeper.connection.timeout.ms=30000
zookeeper.session.timeout.ms=6000
log.dirs=$data/log
auto.create.topics.enable=false
message.max.bytes=10485760
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
PROPERTIES
}

# kafka_old_command VERSION KEY=VALUE...: sets command. ZooKeeper is a child of
# it; both end with it, however it ends.
kafka_old_command() {
    local version=$1 java
    shift
    java=$(find_java) || die "Kafka needs Java 17 or newer"
    kafka_old_zookeeper >"$home/zookeeper.properties"
    {
        kafka_old_properties
        if (($#)); then printf '%s\n' "$@"; fi
    } >"$home/server.properties"
    command=("$here/servers.d/kafka-with-zookeeper" "$java" "$ROWCAST_CACHE/kafka/$version/libs/*"
        "$home/zookeeper.properties" "$home/server.properties")
}

kafka28_command() { kafka_old_command "$kafka28_version" "$@"; }
kafka11_command() { kafka_old_command "$kafka11_version" "$@"; }

# The broker tells of itself as soon as it listens, before it has registered.
kafka_old_answers() { kcat -b "127.0.0.1:$port" -L -m 2 2>/dev/null | grep -q 'broker 1 at'; }
kafka28_answers() { kafka_old_answers; }
kafka11_answers() { kafka_old_answers; }
kafka28_client() { kcat -b "127.0.0.1:$port" "$@"; }
kafka11_client() { kcat -b "127.0.0.1:$port" "$@"; }

# kafka_old_tool VERSION CLASS...
kafka_old_tool() {
    local java
    java=$(find_java) || die "Kafka needs Java 17 or newer"
    "$java" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$ROWCAST_CACHE/kafka/$1/libs/*" "${@:2}"
}
kafka28_tool() { kafka_old_tool "$kafka28_version" "$@"; }
kafka11_tool() { kafka_old_tool "$kafka11_version" "$@"; }

# kafka_old_env VERSION
kafka_old_env() {
    say VERSION "$1"
    say BROKERS "127.0.0.1:$port"
    say ZOOKEEPER "127.0.0.1:$((port + 1))"
}
kafka28_env() { kafka_old_env "$kafka28_version"; }
kafka11_env() { kafka_old_env "$kafka11_version"; }
