# shellcheck shell=bash
# What MySQL and MariaDB have in common: users, options, a first start.
# Variables of scripts/servers are used: kind, home, data, socket, port.
# shellcheck disable=SC2154

# Options that count only when the data is made; data made with them cannot be
# a copy of the common template.
readonly sql_initial_options='lower.case.table.names|innodb.page.size|innodb.data.file.path|innodb.undo.directory'

sql_is_initial() {
    local option
    for option in "$@"; do
        if [[ $option =~ ^--($sql_initial_options)(=|$) ]]; then return 0; fi
    done
    return 1
}

# rowcast may do what a replica may, app anything: it is the load.
sql_users() {
    cat <<'SQL'
CREATE USER 'rowcast'@'%' IDENTIFIED BY 'rowcast-pw';
GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'rowcast'@'%';
CREATE USER 'app'@'%' IDENTIFIED BY 'app-pw';
GRANT ALL PRIVILEGES ON *.* TO 'app'@'%' WITH GRANT OPTION;
SQL
}

# Servers refuse to run as root unless told to.
sql_user_option() {
    if [ "$(id -u)" -eq 0 ]; then printf '%s\n' --user=root; fi
}

# Without a binlog and a network, so that the users leave no trace in either.
sql_add_users() {
    local folder=$1 pid short status=0
    shift
    short=$(mktemp -d /tmp/rowcast.XXXXXX)
    local -a command=()
    "${kind}_base_command" "$folder"
    "${command[@]}" "$@" --skip-networking --skip-log-bin --socket="$short/s" \
        --pid-file="$short/pid" </dev/null >>"$folder.log" 2>&1 9>&- &
    pid=$!
    if wait_until 60 sql_ping "$short/s"; then
        sql_users | "${kind}_program_client" "$short/s" >>"$folder.log" 2>&1 || status=1
    else
        status=1
    fi
    kill "$pid" 2>/dev/null || true
    wait "$pid" || true
    rm -rf -- "$short"
    return "$status"
}

sql_ping() { "${kind}_program_client" "$1" -e 'SELECT 1' >/dev/null 2>&1; }

# sql_initialise FOLDER OPTION...: data of a server that never ran.
sql_initialise() {
    local folder=$1
    shift
    rm -f -- "$folder.log"
    if ! "${kind}_initialise" "$folder" "$@" >>"$folder.log" 2>&1 || ! sql_add_users "$folder" "$@"; then
        tail -n 25 -- "$folder.log" >&2
        die "the data of $kind could not be initialised"
    fi
    rm -f -- "$folder.log"
}

# Runs under the fetch lock.
sql_make_template() {
    local template=$1 work
    if [ -d "$template" ]; then return 0; fi
    step "initialising the data of $kind (once)"
    work_folder "$kind"
    sql_initialise "$work/data"
    mv -- "$work/data" "$template"
}

# A copy of TEMPLATE, or data of its own where OPTIONs demand that. The file
# with the server's UUID is left out: each server makes its own.
sql_make_data() {
    local template=$1 folder=$2
    shift 2
    if sql_is_initial "$@"; then
        sql_initialise "$folder" "$@"
    else
        cp -a --sparse=always --reflink=auto -- "$template" "$folder"
    fi
    rm -f -- "$folder/auto.cnf"
}

# sql_command OPTION...: sets command. Durability is the file system's cache:
# a killed server loses nothing, and tests do not wait for disks.
sql_command() {
    tls_provide
    "${kind}_base_command" "$data"
    command+=(
        --port="$port" --bind-address=127.0.0.1 --socket="$socket" --pid-file="$home/server.pid"
        --server-id="$port" --skip-name-resolve --local-infile=ON
        --log-bin=mysql-bin --sync-binlog=0
        --innodb-flush-log-at-trx-commit=2 --innodb-buffer-pool-size=128M
        --performance-schema=OFF --max-allowed-packet=1G
        --ssl-ca="$tls_home/ca.crt" --ssl-cert="$tls_home/server.crt" --ssl-key="$tls_home/server.key"
    )
}

# The keys both have.
sql_env() {
    say SOCKET "$socket"
    say USER rowcast
    say PASSWORD rowcast-pw
    say APP_USER app
    say APP_PASSWORD app-pw
    say VERSION "$("${kind}_program_client" "$socket" -N -e 'SELECT VERSION()')"
    say CA "$tls_home/ca.crt"
    say CLIENT_CERT "$tls_home/client.crt"
    say CLIENT_KEY "$tls_home/client.key"
    say TLS "$tls_home"
}
