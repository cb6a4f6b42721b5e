#!/usr/bin/env bash
# Runs the Autobahn cases (as kosoku has them) against a WebSocket echo server, and fails unless all of them pass.
#
#     scripts/autobahn.sh ws://127.0.0.1:8000/ [case…]    against a server that runs already
#     scripts/autobahn.sh example [case…]                 against the protocol crate's own echo example
#
# A case is an id or a pattern such as '9.*'; without one, all are run, which takes two to four minutes.
# AUTOBAHN_PYTHON=/path/to/python   the Python for kosoku: 3.10 or later, with a GIL
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/announce.sh
. "$scripts/announce.sh"
cd "$scripts/.."

[ $# -ge 1 ] || fail "name the server: ws://host:port/path, or 'example' for the protocol crate's own"
target=$1
shift

readonly REQUIREMENTS=requirements/autobahn.txt
readonly VENV=target/autobahn-venv
# Written last: an interrupted set-up must not pass for a finished one.
readonly STAMP=$VENV/turbo-shard.stamp
# More than any machine should need; a hanging server must not hold CI for ever.
readonly RUN_TIMEOUT_S=1200

# kosoku's wheel is for the stable ABI, which free-threaded Python does not have.
suits() {
    "$1" -I -c 'import sys, sysconfig, venv, ensurepip
sys.exit(sys.version_info < (3, 10) or bool(sysconfig.get_config_var("Py_GIL_DISABLED")))' \
        </dev/null >/dev/null 2>&1
}

find_python() {
    local name
    if [ -n "${AUTOBAHN_PYTHON:-}" ]; then
        suits "$AUTOBAHN_PYTHON" || fail "AUTOBAHN_PYTHON=$AUTOBAHN_PYTHON must be Python 3.10 or later, with a GIL"
        printf '%s\n' "$AUTOBAHN_PYTHON"
        return 0
    fi
    for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
        if command -v "$name" >/dev/null && suits "$name"; then
            command -v "$name"
            return 0
        fi
    done
    fail "kosoku needs a Python 3.10 or later with a GIL (and its venv module); name one in AUTOBAHN_PYTHON"
}

set_up_venv() {
    local wanted python
    wanted=$(sha256sum "$REQUIREMENTS")
    [ "$(cat "$STAMP" 2>/dev/null)" != "$wanted" ] || return 0
    python=$(find_python)
    step "making $VENV from $python"
    rm -rf "$VENV"
    "$python" -m venv "$VENV"
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$REQUIREMENTS" </dev/null ||
        fail "pip could not install $REQUIREMENTS; see the lines above"
    printf '%s\n' "$wanted" >"$STAMP"
}

# Starts the example and waits for the line in which it says where it listens.
start_example() {
    local log=target/autobahn-example.log attempt
    cargo build --quiet --release --package turbo-shard-protocol --example websocket_echo
    target/release/examples/websocket_echo --port 0 >"$log" 2>&1 &
    example_pid=$!
    trap 'kill "$example_pid" 2>/dev/null || true' EXIT
    for attempt in {1..100}; do
        if url=$(sed -n 's|^listening on |ws://|p' "$log") && [ -n "$url" ]; then
            return 0
        fi
        kill -0 "$example_pid" 2>/dev/null || fail "the example ended at once; see $log"
        sleep 0.1
    done
    fail "the example did not say where it listens within $attempt tenths of a second; see $log"
}

set_up_venv
url=$target
if [ "$target" = example ]; then
    start_example
fi
timeout "$RUN_TIMEOUT_S" "$VENV/bin/python" -I "$scripts/autobahn.py" "$url" "$@"
