# shellcheck shell=bash
# Programs of Debian that something here is tried with. Their packages are unpacked and not installed: no root is needed, and
# no service of theirs starts. A program that is on this machine already is taken as it is.
# Sourced by the other scripts, after announce.sh; does nothing by itself.

# Puts programs below FOLDER/root unless they are here already, and on the path:
#     unpack_programs FOLDER PROGRAM=PACKAGE...
unpack_programs() {
    local folder=$1 missing package
    local lists=$folder/lists root=$folder/root log=$folder/apt.log
    shift
    export PATH=$root/usr/sbin:$root/usr/bin:$PATH:/usr/sbin
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    if ! { command -v apt-get && command -v dpkg-deb; } >/dev/null; then
        fail "these are missing, and there is no apt-get to fetch them: ${missing[*]}; install them and try again"
    fi
    step "fetching from Debian: ${missing[*]}"
    mkdir -p "$root"
    : >"$log"
    # The machine's list of packages may be old, or missing: then one of our own.
    if ! fetch "$folder" "${missing[@]}" 2>/dev/null; then
        mkdir -p "$lists/partial"
        logged "$log" apt-get update -o Debug::NoLocking=1 -o Dir::State::lists="$lists/" ||
            fail "apt-get update failed; see the lines above and $log"
        fetch "$folder" -o Dir::State::lists="$lists/" "${missing[@]}" ||
            fail "these packages could not be fetched: ${missing[*]}; see the lines above and $log"
    fi
    for package in "$folder"/archives/*.deb; do dpkg-deb --extract "$package" "$root"; done
    rm -rf "$folder/archives" "$lists"
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" = 0 ] || fail "unpacked, but these programs are still missing: ${missing[*]}"
}

# Prints the packages of the programs that are neither here nor unpacked.
missing_packages() {
    local pair
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null || printf '%s\n' "${pair#*=}"
    done
}

# Fetches packages with what they need that is not installed. Without the machine's own locks and archive, so any user may.
fetch() {
    local folder=$1
    shift
    rm -rf "$folder/archives"
    mkdir -p "$folder/archives/partial"
    logged "$folder/apt.log" apt-get install --download-only --yes --no-install-recommends \
        -o Debug::NoLocking=1 -o Dir::Cache::archives="$folder/archives/" "$@"
}
