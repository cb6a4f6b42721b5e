#!/usr/bin/env bash
# Makes target/deploy, where `make test-deploy` finds what it tries examples/deploy with: nginx, HAProxy, Caddy, systemd's and
# logrotate's own checks, and a venv with the linters of Dockerfiles and of Kubernetes (requirements/deploy.txt). Debian's
# packages are unpacked and not installed: no root is needed, and no service of theirs starts. A program that is on this
# machine already is taken as it is.
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/announce.sh
. "$scripts/announce.sh"
cd "$scripts/.."

readonly HOME_FOLDER=$PWD/target/deploy
readonly REQUIREMENTS=requirements/deploy.txt
# Each program and the package that has it.
readonly PROGRAMS=(
    nginx=nginx haproxy=haproxy caddy=caddy systemd-analyze=systemd logrotate=logrotate openssl=openssl
)
root=$HOME_FOLDER/root
log=$HOME_FOLDER/apt.log
export PATH=$root/usr/sbin:$root/usr/bin:$PATH:/usr/sbin

mkdir -p "$HOME_FOLDER"
exec 7>"$HOME_FOLDER/lock"
flock -n 7 || note "another set-up of target/deploy is running; waiting for it"
flock 7

# Prints the packages of the programs that are neither here nor unpacked.
missing_packages() {
    local pair
    for pair in "${PROGRAMS[@]}"; do
        command -v "${pair%%=*}" >/dev/null || printf '%s\n' "${pair#*=}"
    done
}

# Fetches packages with what they need that is not installed. Without the machine's own locks and archive, so any user may.
fetch() {
    local archives=$HOME_FOLDER/archives
    rm -rf "$archives"
    mkdir -p "$archives/partial"
    logged "$log" apt-get install --download-only --yes --no-install-recommends \
        -o Debug::NoLocking=1 -o Dir::Cache::archives="$archives/" "$@"
}

unpack_programs() {
    local missing package lists=$HOME_FOLDER/lists
    mapfile -t missing < <(missing_packages)
    [ "${#missing[@]}" -gt 0 ] || return 0
    if ! { command -v apt-get && command -v dpkg-deb; } >/dev/null; then
        fail "these are missing, and there is no apt-get to fetch them: ${missing[*]}; install them and try again"
    fi
    step "fetching from Debian: ${missing[*]}"
    : >"$log"
    # The machine's list of packages may be old, or missing: then one of our own.
    if ! fetch "${missing[@]}" 2>/dev/null; then
        mkdir -p "$lists/partial"
        logged "$log" apt-get update -o Debug::NoLocking=1 -o Dir::State::lists="$lists/" ||
            fail "apt-get update failed; see the lines above and $log"
        fetch -o Dir::State::lists="$lists/" "${missing[@]}" ||
            fail "these packages could not be fetched: ${missing[*]}; see the lines above and $log"
    fi
    mkdir -p "$root"
    for package in "$HOME_FOLDER"/archives/*.deb; do dpkg-deb --extract "$package" "$root"; done
    rm -rf "$HOME_FOLDER/archives" "$lists"
    mapfile -t missing < <(missing_packages)
    [ "${#missing[@]}" = 0 ] || fail "unpacked, but these programs are still missing: ${missing[*]}"
}

install_linters() {
    local wanted stamp=$HOME_FOLDER/stamp
    wanted=$(.venv/bin/python -I -c 'import sys; print(sys.version)'; cat "$REQUIREMENTS")
    [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || return 0
    step "installing what $REQUIREMENTS names into $HOME_FOLDER/venv"
    rm -rf "$HOME_FOLDER/venv" "$stamp"
    .venv/bin/python -m venv "$HOME_FOLDER/venv"
    PYYAML_FORCE_LIBYAML=0 "$HOME_FOLDER/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --requirement "$REQUIREMENTS" </dev/null ||
        fail "pip could not install what $REQUIREMENTS names; see the lines above"
    printf '%s\n' "$wanted" >"$stamp"
}

unpack_programs
install_linters
