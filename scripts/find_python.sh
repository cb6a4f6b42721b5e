#!/usr/bin/env bash
# Prints the path of the Python to build turbo-shard for: the first of $PYTHON, a free-threaded python on PATH, one of
# uv's, one built from Debian's source package.
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/announce.sh
. "$scripts/announce.sh"
# shellcheck source=scripts/interpreter_check.sh
. "$scripts/interpreter_check.sh"

# The user's explicit choice: used or refused, never silently replaced by another one.
chosen() {
    local fault
    fault=$(interpreter_fault "$PYTHON")
    [ -z "$fault" ] || fail "PYTHON=$PYTHON cannot be used: $fault"
    if ! is_free_threaded "$PYTHON" && [ "${TURBO_SHARD_ALLOW_GIL:-}" != 1 ]; then
        fail "PYTHON=$PYTHON is not free-threaded; name a python3.14t or python3.13t," \
            "or set TURBO_SHARD_ALLOW_GIL=1 to use it for --mode process"
    fi
    command -v "$PYTHON"
}

# Accepts a candidate that works, and says why if it does not: version managers put programs on PATH that only complain.
accept() {
    local fault
    fault=$(interpreter_fault "$1")
    if [ -n "$fault" ]; then
        note "not using $1: $fault"
    elif ! is_free_threaded "$1"; then
        note "not using $1: it is not free-threaded"
    else
        printf '%s\n' "$1"
        return 0
    fi
    return 1
}

from_path() {
    local name python
    for name in python3.14t python3.13t; do
        python=$(command -v "$name") && accept "$python" && return 0
    done
    return 1
}

from_uv() {
    local python version
    command -v uv >/dev/null || return 1
    for version in 3.14t 3.13t; do
        python=$(uv python find --no-python-downloads "$version" 2>/dev/null) && accept "$python" && return 0
    done
    step "asking uv to install free-threaded Python 3.14"
    if uv python install 3.14t >&2 </dev/null && python=$(uv python find --no-python-downloads 3.14t) && accept "$python"; then
        return 0
    fi
    note "uv could not provide one"
    return 1
}

if [ -n "${PYTHON:-}" ]; then
    chosen
else
    from_path || from_uv || exec "$scripts/build_cpython.sh"
fi
