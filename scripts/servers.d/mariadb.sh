# shellcheck shell=bash
# shellcheck disable=SC2154
# MariaDB of the machine's own Debian. The programs are installed; plugins
# (ed25519 logins) and mariadb-binlog are in packages that would bring a
# service along, so those two are unpacked into the cache.

readonly mariadb_home=$ROWCAST_CACHE/mariadb
readonly mariadb_current=$mariadb_home/current

mariadb_first_port() { printf '23307\n'; }
mariadb_port_count() { printf '1\n'; }

mariadb_download() {
    local work=$1 version=$2 package
    for package in mariadb-server mariadb-client; do
        # The archive keeps the newest only, which may be one ahead of ours.
        if ! (cd "$work" && { apt-get -q download "$package=$version" || apt-get -q download "$package"; }); then
            return 1
        fi
        dpkg-deb -x "$work/$package"_*.deb "$work/root" || return 1
    done
    rm -rf -- "$work"/root/{etc,lib} "$work"/root/usr/share
}

mariadb_unpack() {
    local work version=$1
    step "fetching the plugins of MariaDB $version (once)"
    work_folder mariadb
    if ! quietly "$work/log" mariadb_download "$work" "$version"; then
        apt_update
        rm -rf -- "$work/root"
        quietly "$work/log" mariadb_download "$work" "$version" ||
            die "the plugins of MariaDB could not be fetched"
    fi
    rm -rf -- "${mariadb_home:?}/$version"
    mkdir -p "$mariadb_home/$version"
    mv -- "$work/root" "$mariadb_home/$version/root"
    ln -sfn "$version" "$mariadb_current"
}

mariadb_fetch() {
    local version
    need mariadbd mariadb openssl
    # shellcheck disable=SC2016 # dpkg-query fills it in
    version=$(dpkg-query -W -f '${Version}' mariadb-server-core)
    if [ "$(readlink "$mariadb_current" || true)" != "$version" ]; then mariadb_unpack "$version"; fi
    sql_make_template "$mariadb_current/template"
}

# Sets command: the server on the data in FOLDER.
mariadb_base_command() {
    # A server that starts takes what it finds in its tmpdir for its own leftovers, and deletes it.
    mkdir -p -- "$1.tmp"
    command=(
        "$(command -v mariadbd)" --no-defaults --datadir="$1" --tmpdir="$1.tmp"
        --plugin-dir="$(realpath -- "$mariadb_current/root/usr/lib/mysql/plugin")"
        --character-set-server=utf8mb4
    )
    mapfile -t -O "${#command[@]}" command < <(sql_user_option)
}

# mariadb-install-db splits the path of the data at spaces, so that one is
# given from its parent.
mariadb_initialise() {
    local folder=$1
    local -a user
    shift
    mapfile -t user < <(sql_user_option)
    (cd "$(dirname -- "$folder")" &&
        mariadb-install-db --no-defaults --datadir="./$(basename -- "$folder")" \
            --auth-root-authentication-method=normal --skip-test-db "${user[@]}" "$@" </dev/null)
}

mariadb_make_data() { sql_make_data "$mariadb_current/template" "$@"; }

mariadb_command() {
    sql_command
    command+=(--binlog-format=ROW "$@")
}

mariadb_program_client() {
    local path=$1
    shift
    mariadb --no-defaults --default-character-set=utf8mb4 -uroot -S "$path" "$@"
}

mariadb_answers() { sql_ping "$socket"; }
mariadb_client() { mariadb_program_client "$socket" "$@"; }

mariadb_tool() {
    local program=$1 unpacked
    shift
    unpacked=$mariadb_current/root/usr/bin/$program
    if [ -x "$unpacked" ]; then "$unpacked" "$@"; else "$program" "$@"; fi
}

mariadb_env() { sql_env; }
