#!/usr/bin/env bash
# Checks that this machine can compile Rust and C for turbo-shard. Silent if it can, else one line that says what to install.
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/announce.sh
. "$scripts/announce.sh"
# shellcheck source=scripts/debian_packages.sh
. "$scripts/debian_packages.sh"

# The workspace states the oldest compiler that can build it; this is the one place to change it.
rust_oldest=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' "$scripts/../Cargo.toml")

check_rust() {
    local found
    command -v cargo >/dev/null || fail "cargo is missing; install Rust ${rust_oldest} or newer with rustup"
    command -v rustc >/dev/null || fail "rustc is missing; install Rust ${rust_oldest} or newer with rustup"
    found=$(rustc --version 2>&1 </dev/null) || fail "rustc does not start: ${found##*$'\n'}"
    found=$(cut -d' ' -f2 <<<"$found")
    [ "$(printf '%s\n' "$rust_oldest" "${found%%-*}" | sort -V | head -n 1)" = "$rust_oldest" ] ||
        fail "rustc ${found} is too old; install Rust ${rust_oldest} or newer with rustup (rustup update stable)"
}

# Crates with C parts and every link step need a C compiler.
check_c() {
    local log
    command -v cc >/dev/null && return 0
    if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
        log=$(mktemp)
        ensure_packages "$log" gcc libc6-dev make
        rm -f "$log"
    fi
    command -v cc >/dev/null || fail "a C compiler (cc) is missing; install gcc or clang"
}

check_rust
check_c
