# shellcheck shell=bash
# shellcheck disable=SC2154
# MySQL of Debian sid, unpacked into the cache with the libraries it needs and
# run by sid's own loader: Debian 12 has no MySQL, and its C library is older.

readonly mysql_home=$ROWCAST_CACHE/mysql
readonly mysql_current=$mysql_home/current

mysql_first_port() { printf '23306\n'; }
mysql_port_count() { printf '1\n'; }

# sid's names of libraries change with time, so they are not listed here: apt
# tells what the two packages depend on. What is only for maintainer scripts
# (perl and its libraries) stays out, with the character sets of iconv.
mysql_packages() {
    private_apt "$1" -s --no-install-recommends install mysql-server-core mysql-client-core |
        sed -n -E 's/^Inst ((lib|zlib|mysql)[^ ]*) .*/\1/p' |
        grep -v -E '^lib(perl|db5|gdbm|c-gconv)'
}

mysql_download() {
    local work=$1 deb
    local -a packages
    private_apt_init "$work/apt" deb sid || return 1
    mapfile -t packages < <(mysql_packages "$work/apt")
    mkdir "$work/debs" "$work/root"
    (cd "$work/debs" && retry 3 private_apt "$work/apt" download "${packages[@]}") || return 1
    for deb in "$work"/debs/*.deb; do
        dpkg-deb -x "$deb" "$work/root" || return 1
    done
    rm -rf -- "$work"/root/etc "$work"/root/usr/share/{doc,man,locale,lintian} \
        "$work"/root/usr/lib/*/{gconv,audit} "$work"/root/usr/lib/mysql/plugin/telemetry_client.so
}

mysql_unpack() {
    local work version
    step "fetching MySQL from Debian sid (50 MB, once)"
    work_folder mysql
    quietly "$work/log" mysql_download "$work" || die "MySQL could not be fetched"
    version=$(mysql_run "$work/root" sbin/mysqld --no-defaults --version | sed 's/.*Ver \([0-9.]*\).*/\1/')
    [ -n "$version" ] || die "the MySQL of Debian sid does not run here"
    mkdir -p "$mysql_home"
    rm -rf -- "${mysql_home:?}/$version"
    mkdir "$mysql_home/$version"
    mv -- "$work/root" "$mysql_home/$version/root"
    ln -sfn "$version" "$mysql_current"
}

mysql_fetch() {
    if [ ! -d "$mysql_current/root" ]; then
        need openssl
        mysql_unpack
    fi
    sql_make_template "$mysql_current/template"
}

# mysql_loader ROOT: sets loader, the words before a program of ROOT.
mysql_loader() {
    local root=$1
    local -a found=("$root"/usr/lib/*/ld-linux*.so.*)
    loader=("${found[0]}" --library-path "$(dirname -- "${found[0]}")")
}

mysql_run() {
    local root=$1 program=$2
    local -a loader
    shift 2
    mysql_loader "$root"
    "${loader[@]}" "$root/usr/$program" "$@"
}

# Sets command: the server on the data in FOLDER.
mysql_base_command() {
    local folder=$1 root
    local -a loader
    root=$(realpath -- "$mysql_current/root")
    mysql_loader "$root"
    command=(
        "${loader[@]}" "$root/usr/sbin/mysqld" --no-defaults --datadir="$folder"
        --lc-messages-dir="$root/usr/share/mysql"
        --character-sets-dir="$root/usr/share/mysql/charsets"
        --plugin-dir="$root/usr/lib/mysql/plugin"
        --secure-file-priv=NULL --mysqlx=OFF
    )
    mapfile -t -O "${#command[@]}" command < <(sql_user_option)
}

mysql_initialise() {
    local -a command
    mysql_base_command "$1"
    shift
    "${command[@]}" --initialize-insecure "$@" </dev/null
}

mysql_make_data() { sql_make_data "$mysql_current/template" "$@"; }

mysql_command() {
    sql_command
    command+=(--gtid-mode=ON --enforce-gtid-consistency=ON "$@")
}

mysql_program_client() {
    local path=$1
    shift
    mysql_run "$mysql_current/root" bin/mysql --no-defaults --default-character-set=utf8mb4 \
        -uroot -S "$path" "$@"
}

mysql_answers() { sql_ping "$socket"; }
mysql_client() { mysql_program_client "$socket" "$@"; }
mysql_tool() { mysql_run "$mysql_current/root" "bin/$1" "${@:2}"; }

mysql_env() { sql_env; }
