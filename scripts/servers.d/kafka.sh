# shellcheck shell=bash
# shellcheck disable=SC2154
# Kafka from Maven Central: one node that is broker and controller. Five ports
# in a row: PLAINTEXT, SASL_PLAINTEXT, SASL_SSL, SSL (a client certificate is
# demanded), and the controller's.

readonly kafka_version=4.1.0
readonly kafka_home=$ROWCAST_CACHE/kafka/$kafka_version
readonly kafka_cluster=MkU3OEVBNTcwNTJENDM2Qk

kafka_first_port() { printf '29092\n'; }
kafka_port_count() { printf '5\n'; }

# kafka_pom VERSION SCALA SLF4J [TOOLS]: TOOLS for those that come apart since 3.9.
kafka_pom() {
    local version=$1 scala=$2 slf4j=$3 tools=''
    if [ -n "${4:-}" ]; then
        tools="<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$version</version></dependency>"
    fi
    cat <<POM
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>rowcast</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_$scala</artifactId><version>$version</version></dependency>
    $tools
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>$slf4j</version></dependency>
  </dependencies>
</project>
POM
}

# Maven's local repository is thrown away afterwards; what counts is copied.
kafka_download() {
    local work=$1
    shift
    kafka_pom "$@" >"$work/pom.xml"
    retry 3 mvn -q -B -f "$work/pom.xml" -Dmaven.repo.local="$work/m2" \
        org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
        -DoutputDirectory="$work/libs" -DincludeScope=runtime </dev/null
}

# kafka_unpack FOLDER MEGABYTES VERSION...: the rest as for kafka_pom.
kafka_unpack() {
    local folder=$1 megabytes=$2 work
    shift 2
    step "fetching Kafka $1 ($megabytes MB, once)"
    work_folder kafka
    quietly "$work/log" kafka_download "$work" "$@" || die "Kafka $1 could not be fetched"
    mkdir -p "$folder"
    mv -- "$work/libs" "$folder/libs"
}

# kafka_java JVM-OPTIONS-AND-CLASS...: sets command.
kafka_java() {
    local java
    java=$(find_java) || die "Kafka needs Java 17 or newer"
    # One thread of the simple collector and the quick compiler: a test broker
    # is to be up soon and to leave the processor to what is tested.
    command=(
        "$java" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData
        -Dorg.slf4j.simpleLogger.defaultLogLevel=warn
        -Dorg.slf4j.simpleLogger.showDateTime=true
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS"
        -cp "$kafka_home/libs/*" "$@"
    )
}

# kafka_properties DATA PORT: what every broker of ours has.
kafka_properties() {
    local folder=$1 first=$2 name jaas=org.apache.kafka.common.security
    cat <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((first + 4))
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$first,SASL_PLAINTEXT://127.0.0.1:$((first + 1)),SASL_SSL://127.0.0.1:$((first + 2)),SSL://127.0.0.1:$((first + 3)),CONTROLLER://127.0.0.1:$((first + 4))
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=$folder
auto.create.topics.enable=false
message.max.bytes=10485760
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
ssl.keystore.type=PEM
ssl.keystore.location=$tls_home/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=$tls_home/ca.crt
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
PROPERTIES
    for name in sasl_plaintext sasl_ssl; do
        cat <<PROPERTIES
listener.name.$name.plain.sasl.jaas.config=$jaas.plain.PlainLoginModule required user_rowcast="rowcast-pw";
listener.name.$name.scram-sha-256.sasl.jaas.config=$jaas.scram.ScramLoginModule required;
listener.name.$name.scram-sha-512.sasl.jaas.config=$jaas.scram.ScramLoginModule required;
PROPERTIES
    done
}

# Formatted storage with the SCRAM users in it; it knows no ports.
kafka_make_template() {
    local template=$1 work
    if [ -d "$template" ]; then return 0; fi
    step "formatting the storage of Kafka (once)"
    work_folder kafka
    kafka_properties "$work/data" "$(kafka_first_port)" >"$work/server.properties"
    local -a command
    kafka_java kafka.tools.StorageTool format -t "$kafka_cluster" -c "$work/server.properties" \
        --add-scram 'SCRAM-SHA-256=[name=rowcast,password=rowcast-pw]' \
        --add-scram 'SCRAM-SHA-512=[name=rowcast,password=rowcast-pw]'
    quietly "$work/log" "${command[@]}" || die "the storage of Kafka could not be formatted"
    mv -- "$work/data" "$template"
}

kafka_fetch() {
    find_java >/dev/null || "$here/setup"
    if [ ! -d "$kafka_home/libs" ]; then
        need mvn
        kafka_unpack "$kafka_home" 50 "$kafka_version" 2.13 1.7.36 tools
    fi
    need kcat openssl
    tls_provide
    kafka_make_template "$kafka_home/template"
}

# A node that joins the cluster of another, with node.id=N and that one's
# controller among the options, has its number in its storage.
kafka_make_data() {
    local folder=$1 option
    shift
    cp -a -- "$kafka_home/template" "$folder"
    for option in "$@"; do
        case $option in
        node.id=*) sed -i -e "s/^node\.id=.*/$option/" -e '/^directory\.id=/d' "$folder/meta.properties" ;;
        esac
    done
}

# Broker-only nodes may not listen as controllers.
kafka_without_controller() { sed -e '/^listeners=/s/,CONTROLLER:[^,]*$//'; }

# kafka_command KEY=VALUE...: sets command; the last one of a key counts.
kafka_command() {
    local -a roles=(cat)
    case " $* " in
    *' process.roles=broker '*) roles=(kafka_without_controller) ;;
    esac
    {
        kafka_properties "$data" "$port" | "${roles[@]}"
        if (($#)); then printf '%s\n' "$@"; fi
    } >"$home/server.properties"
    kafka_java kafka.Kafka "$home/server.properties"
    command=("${command[0]}" -Xms128m -Xmx512m "${command[@]:1}")
}

kafka_answers() { kcat -b "127.0.0.1:$port" -L -m 2 >/dev/null 2>&1; }
kafka_client() { kcat -b "127.0.0.1:$port" "$@"; }

kafka_tool() {
    local -a command
    kafka_java "$@"
    "${command[@]}"
}

kafka_topic() {
    kafka_tool org.apache.kafka.tools.TopicCommand --bootstrap-server "127.0.0.1:$port" "$@"
}

kafka_env() {
    say VERSION "$kafka_version"
    say BROKERS "127.0.0.1:$port"
    say SASL_PLAINTEXT_BROKERS "127.0.0.1:$((port + 1))"
    say SASL_SSL_BROKERS "127.0.0.1:$((port + 2))"
    say SSL_BROKERS "127.0.0.1:$((port + 3))"
    say USER rowcast
    say PASSWORD rowcast-pw
    say CA "$tls_home/ca.crt"
    say CLIENT_CERT "$tls_home/client.crt"
    say CLIENT_KEY "$tls_home/client.key"
    say TLS "$tls_home"
    say TOPIC "$here/servers topic kafka${instance:+ --instance $instance}"
}
