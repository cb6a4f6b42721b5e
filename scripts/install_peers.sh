#!/usr/bin/env bash
# Makes target/peers/venv, where `make test-peers` finds the servers whose options it compares (requirements/peers.txt).
# On an ordinary CPython, one with a GIL, for which all of them have wheels.
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/announce.sh
. "$scripts/announce.sh"
cd "$scripts/.."

home=target/peers
requirements=requirements/peers.txt
stamp=$home/stamp
mkdir -p "$home"
exec 7>"$home/lock"
flock -n 7 || note "another set-up of the peers is running; waiting for it"
flock 7

python=$("$scripts/build_cpython.sh" --with-gil)
wanted=$("$python" -I -c 'import sys; print(sys.version)'; cat "$requirements")
[ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || exit 0
step "installing what $requirements names into $home/venv"
rm -rf "$home/venv" "$stamp"
"$python" -m venv "$home/venv"
# All are named, so pip need not look for what they need.
"$home/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --requirement "$requirements" </dev/null ||
    fail "pip could not install what $requirements names; see the lines above"
printf '%s\n' "$wanted" >"$stamp"
