# shellcheck shell=bash
# shellcheck disable=SC2154
# A schema registry from Maven Central: Apicurio, which keeps what it is told
# in memory and speaks Confluent's interface below /apis/ccompat/v7.

readonly registry_version=2.6.13.Final
readonly registry_home=$ROWCAST_CACHE/registry/$registry_version
readonly registry_jar=apicurio-registry-app-$registry_version-runner.jar

registry_first_port() { printf '29099\n'; }
registry_port_count() { printf '1\n'; }

registry_download() {
    local work=$1 name=apicurio-registry-app
    retry 3 mvn -q -B -Dmaven.repo.local="$work/m2" \
        org.apache.maven.plugins:maven-dependency-plugin:3.6.1:get -Dtransitive=false \
        -Dartifact="io.apicurio:$name:$registry_version:tar.gz:all" </dev/null &&
        mkdir -p "$work/app" &&
        tar -xzf "$work/m2/io/apicurio/$name/$registry_version/$name-$registry_version-all.tar.gz" \
            -C "$work/app"
}

registry_unpack() {
    local work
    step "fetching Apicurio Registry $registry_version (140 MB, once)"
    work_folder registry
    quietly "$work/log" registry_download "$work" || die "the schema registry could not be fetched"
    mkdir -p "$(dirname -- "$registry_home")"
    mv -- "$work/app" "$registry_home"
}

registry_fetch() {
    find_java >/dev/null || "$here/setup"
    if [ ! -e "$registry_home/$registry_jar" ]; then
        need mvn
        registry_unpack
    fi
}

registry_make_data() { mkdir -p "$1"; }

# The folder of the server is on its command line, which it is known by.
registry_command() {
    local java
    java=$(find_java) || die "the schema registry needs Java 17 or newer"
    command=("$java" -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData
        "-Djava.io.tmpdir=$data" "-Dquarkus.http.port=$port" -Dquarkus.http.host=127.0.0.1
        -Dquarkus.log.level=WARN "$@" -jar "$registry_home/$registry_jar")
}

registry_ask() { curl -sf -m 5 "http://127.0.0.1:$port/$1"; }
registry_answers() { registry_ask health/ready >/dev/null 2>&1; }
registry_client() { registry_ask "apis/ccompat/v7/$1"; }
registry_tool() { die "the registry has no tools"; }

registry_env() {
    say VERSION "$registry_version"
    say URL "http://127.0.0.1:$port/apis/ccompat/v7"
}
