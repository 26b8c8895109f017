# shellcheck shell=bash
# What the scripts share. To be sourced, not run.

# Everything that is downloaded, built or kept running is below this folder,
# which is safe to delete when no server of it runs.
ROWCAST_CACHE=${ROWCAST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rowcast}
ROWCAST_CACHE=$(realpath -m -- "$ROWCAST_CACHE")
export ROWCAST_CACHE

# Servers and network tools are there, and not on every user's path.
PATH=$PATH:/usr/sbin:/sbin

# Standard output belongs to what a script was asked for; progress goes here.
step() { printf '==> %s\n' "$*" >&2; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# The first Java that Kafka runs on, 17 or newer.
find_java() {
    local java major
    for java in "$(command -v java || true)" /usr/lib/jvm/*/bin/java; do
        if [ ! -x "$java" ]; then continue; fi
        major=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
        if [ "${major:-0}" -ge 17 ]; then
            printf '%s\n' "$java"
            return 0
        fi
    done
    return 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        die "root is needed for: $* (run as root, or install sudo)"
    fi
}

# retry TIMES COMMAND...: for what talks to a network.
retry() {
    local times=$1 try
    shift
    for ((try = 1; ; try++)); do
        if "$@"; then return 0; fi
        if ((try >= times)); then return 1; fi
        warn "failed, trying again ($try of $times): $*"
        sleep $((try * 3))
    done
}

# quietly LOG COMMAND...: output goes to LOG and is shown only on failure.
quietly() {
    local log=$1
    shift
    if "$@" >"$log" 2>&1; then return 0; fi
    tail -n 40 -- "$log" >&2
    return 1
}

# wait_until SECONDS COMMAND...: polls; 1 when the time is up.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        if ((SECONDS >= deadline)); then return 1; fi
        sleep 0.1
    done
}

# Whether something listens at 127.0.0.1:PORT.
port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# with_lock NAME COMMAND...: runs COMMAND in a subshell, one at a time among
# all scripts with the same cache. Not for nesting with the same NAME.
with_lock() {
    local name=$1
    shift
    mkdir -p "$ROWCAST_CACHE/locks"
    (
        # shellcheck disable=SC2030,SC2031 # each shell sweeps up its own
        work_folders=()
        exec 9>"$ROWCAST_CACHE/locks/$name"
        if ! flock -n 9; then
            step "waiting for another script that works on $name"
            flock -w 1800 9 || die "another script has held the lock $name for half an hour"
        fi
        "$@"
    )
}

# Sets work, which the caller declares local, to a new folder for what is thrown
# away; it goes when the shell ends, so this is for what with_lock runs. On the
# file system of the cache, so that results can be renamed into place.
work_folder() {
    mkdir -p "$ROWCAST_CACHE/tmp"
    work=$(mktemp -d "$ROWCAST_CACHE/tmp/$1.XXXXXX")
    # shellcheck disable=SC2031 # as above
    work_folders+=("$work")
    trap 'rm -rf -- "${work_folders[@]}"' EXIT
}

# --- apt ---------------------------------------------------------------------

apt_root() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -q "$@"
}

# Another apt may hold the lock of the lists, for which apt does not wait.
apt_update() {
    step "updating the package lists"
    retry 5 apt_root update >&2
}

apt_install() {
    apt_root install -y --no-install-recommends "$@" >&2
}

# The address of the Debian archive this machine installs from, in whatever
# form its sources are written.
debian_archive() {
    # shellcheck disable=SC2016 # apt fills these in
    apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)' \
        'Created-By: Packages' | awk -F'|' '
            $1 == "Debian" && $2 == "Debian" && $3 == "main" && !found {
                print $4; found = 1
            }'
}

# private_apt FOLDER ARGUMENTS...: apt-get with its own sources, lists and
# cache in FOLDER and with nothing installed; needs no root.
private_apt() {
    local folder=$1
    shift
    apt-get -q -o Dir::Etc::sourcelist="$folder/sources.list" \
        -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::Etc::preferences=/dev/null \
        -o Dir::Etc::preferencesparts=/dev/null \
        -o Dir::State::lists="$folder/lists" \
        -o Dir::State::status="$folder/status" \
        -o Dir::Cache="$folder/cache" \
        -o APT::Sandbox::User=root \
        -o Acquire::Retries=3 \
        -o Acquire::Languages=none \
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
        "$@"
}

# private_apt_init FOLDER TYPE SUITE: makes such a FOLDER for TYPE (deb or
# deb-src) packages of another suite than the machine's own, lists fetched.
private_apt_init() {
    local folder=$1 type=$2 suite=$3 archive signed=''
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    archive=$(debian_archive)
    if [ -z "$archive" ]; then
        apt_update || return 1
        archive=$(debian_archive)
    fi
    if [ -z "$archive" ]; then
        warn "no Debian archive among the package sources of this machine"
        return 1
    fi
    if [ -e "$keyring" ]; then signed="[signed-by=$keyring] "; fi
    mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
    : >"$folder/status"
    printf '%s %s%s %s main\n' "$type" "$signed" "$archive" "$suite" >"$folder/sources.list"
    retry 3 private_apt "$folder" -q update
}
