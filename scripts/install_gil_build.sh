#!/usr/bin/env bash
# Builds turbo-shard for an ordinary CPython, one with a GIL, and installs it into target/gil/venv, where `make test-gil`
# finds it. Nothing else is installed there: the tests run under .venv and start its servers. Needs .venv (make build).
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/announce.sh
. "$scripts/announce.sh"
cd "$scripts/.."

home=target/gil
mkdir -p "$home"
exec 7>"$home/lock"
flock -n 7 || note "another build for a Python with a GIL is running; waiting for it"
flock 7

python=$("$scripts/build_cpython.sh" --with-gil)
if ! [ "$python" -ef "$(readlink -f "$home/venv/bin/python" 2>/dev/null)" ]; then
    step "making $home/venv from $python"
    rm -rf "$home/venv"
    "$python" -m venv "$home/venv"
fi

step "building the wheel for a Python with a GIL (release, without LTO)"
wheel=$(CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    "$scripts/build_wheel_for.sh" "$home/venv/bin/python" "$home")
"$home/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --force-reinstall \
    "$wheel" </dev/null || fail "pip could not install the wheel; see the lines above"
