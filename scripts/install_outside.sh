#!/usr/bin/env bash
# Makes target/outside, where `make test-outside` finds what it tries TLS and HTTP/2 with: httpwg's cases (a crate, built as its
# own Cargo.lock says), and a venv with sslyze and clients in Python (requirements/outside.txt). Browsers, scanners and further
# clients are Debian's packages, installed where their program is missing.
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/announce.sh
. "$scripts/announce.sh"
# shellcheck source=scripts/debian_packages.sh
. "$scripts/debian_packages.sh"
cd "$scripts/.."

readonly HOME_FOLDER=$PWD/target/outside
readonly REQUIREMENTS=requirements/outside.txt
# The newest of November 2026. With dependencies newer than its Cargo.lock has, it does not compile, so --locked.
readonly HTTPWG_VERSION=0.2.5
# Each program and the package that has it.
readonly PROGRAMS=(
    h2load=nghttp2-client nghttp=nghttp2-client curl=curl openssl=openssl go=golang-go node=nodejs
    sslscan=sslscan testssl=testssl.sh chromium=chromium
)
mkdir -p "$HOME_FOLDER"
exec 7>"$HOME_FOLDER/lock"
flock -n 7 || note "another set-up of target/outside is running; waiting for it"
flock 7

install_programs() {
    local pair packages=()
    for pair in "${PROGRAMS[@]}"; do
        command -v "${pair%%=*}" >/dev/null || packages+=("${pair#*=}")
    done
    [ "${#packages[@]}" = 0 ] || ensure_packages "$HOME_FOLDER/packages.log" "${packages[@]}"
}

install_httpwg() {
    local stamp=$HOME_FOLDER/httpwg.stamp
    [ "$(cat "$stamp" 2>/dev/null)" != "$HTTPWG_VERSION" ] || return 0
    step "building httpwg-cli $HTTPWG_VERSION; two minutes"
    # A folder of its own: what it needs must not mix with ours.
    logged "$HOME_FOLDER/httpwg.log" env CARGO_TARGET_DIR="$HOME_FOLDER/httpwg-build" \
        cargo install --quiet --locked --force --root "$HOME_FOLDER" --version "=$HTTPWG_VERSION" httpwg-cli ||
        fail "httpwg-cli could not be built; see the lines above"
    rm -rf "$HOME_FOLDER/httpwg-build"
    printf '%s\n' "$HTTPWG_VERSION" >"$stamp"
}

install_python_tools() {
    local python wanted stamp=$HOME_FOLDER/venv.stamp
    python=$("$scripts/build_cpython.sh" --with-gil)
    wanted=$("$python" -I -c 'import sys; print(sys.version)'; cat "$REQUIREMENTS")
    [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || return 0
    step "installing what $REQUIREMENTS names into $HOME_FOLDER/venv"
    rm -rf "$HOME_FOLDER/venv" "$stamp"
    "$python" -m venv "$HOME_FOLDER/venv"
    # All are named, so pip need not look for what they need. sslyze itself has no wheel; it is Python alone.
    "$HOME_FOLDER/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --only-binary :all: --no-binary sslyze --requirement "$REQUIREMENTS" </dev/null ||
        fail "pip could not install what $REQUIREMENTS names; see the lines above"
    printf '%s\n' "$wanted" >"$stamp"
}

install_programs
install_httpwg
install_python_tools
