#!/usr/bin/env bash
# Sets up everything that turbo-shard needs in this checkout: a free-threaded Python, .venv with the pinned tools, and the
# wheel installed there. Safe to run again; does nothing when nothing changed.
#
#     scripts/bootstrap.sh                    all of it
#     scripts/bootstrap.sh --without-wheel    without the wheel, which linting does not need
#
# PYTHON=/path/to/python   use this interpreter; TURBO_SHARD_ALLOW_GIL=1 permits one with a GIL
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/announce.sh
. "$scripts/announce.sh"
# shellcheck source=scripts/interpreter_check.sh
. "$scripts/interpreter_check.sh"
cd "$scripts/.."

with_wheel=yes
case ${1:-} in
    '') ;;
    --without-wheel) with_wheel=no ;;
    *) fail "unknown option $1; the only one is --without-wheel" ;;
esac

readonly REQUIREMENTS=(requirements/dev.txt requirements/frameworks.txt)
venv_python=.venv/bin/python
# Written last: an interrupted set-up must not pass for a finished one.
venv_stamp=.venv/turbo-shard-bootstrap.stamp

# Where an interpreter comes from and what it is; the same for an interpreter and for a .venv made from it.
identity() { "$1" -I -c 'import sys; print(sys.base_prefix, sys.version)' </dev/null; }

# The interpreter to make .venv from, if it must be made; nothing if the present one fits. An explicit PYTHON is
# examined every time: a wrong one is an error and never ignored.
python_for_venv() {
    local python
    if [ -f "$venv_stamp" ] && interpreter_works "$venv_python"; then
        if [ -z "${PYTHON:-}" ]; then
            is_free_threaded "$venv_python" && return 0
        else
            python=$("$scripts/find_python.sh")
            [ "$(identity "$python")" = "$(identity "$venv_python")" ] && return 0
            printf '%s\n' "$python"
            return 0
        fi
    fi
    step "looking for a free-threaded Python"
    "$scripts/find_python.sh"
}

# Packages without a wheel for 3.13t are compiled, or would be; the files of requirements/ say why.
install_requirements() {
    local compiler_flags=${CFLAGS:-}
    if is_free_threaded "$venv_python" && is_python_3_13 "$venv_python"; then
        # setuptools lets CFLAGS stand for its own flags.
        compiler_flags="${compiler_flags:--O2 -DNDEBUG} -include '$PWD/requirements/msgspec_on_3_13t.h'"
    fi
    CFLAGS=$compiler_flags PYYAML_FORCE_LIBYAML=0 \
        "$venv_python" -m pip install --quiet --disable-pip-version-check "${REQUIREMENTS[@]/#/--requirement=}" </dev/null
}

requirements_digest() { sha256sum "${REQUIREMENTS[@]}"; }

# An explicit PYTHON is left to set_up_venv, which examines it.
venv_is_set_up() {
    [ -z "${PYTHON:-}" ] && [ "$(cat "$venv_stamp" 2>/dev/null)" = "$(requirements_digest)" ] &&
        interpreter_works "$venv_python" && is_free_threaded "$venv_python"
}

set_up_venv() {
    local python wanted
    python=$(python_for_venv)
    if [ -n "$python" ]; then
        # A virtual environment's own origin: PYTHON may name the very .venv that is about to be replaced.
        python=$("$python" -I -c 'import sys; print(sys._base_executable)' </dev/null)
        step "making .venv from $python"
        rm -rf .venv
        "$python" -m venv .venv
    fi
    wanted=$(requirements_digest)
    [ "$(cat "$venv_stamp" 2>/dev/null)" != "$wanted" ] || return 0
    step "installing what ${REQUIREMENTS[*]} name into .venv"
    install_requirements || fail "pip could not install what ${REQUIREMENTS[*]} name; see the lines above"
    printf '%s\n' "$wanted" >"$venv_stamp"
}

"$scripts/check_toolchain.sh"

# Two set-ups of one checkout at once: the second one waits. Where .venv is as it should be, they only share it.
mkdir -p target
exec 8>target/bootstrap.lock 9>target/wheel.lock
flock -s 8
if ! venv_is_set_up; then
    flock -n 8 || note "another set-up of this checkout is running; waiting for it"
    flock 8
    set_up_venv
    flock -s 8
fi
if [ "$with_wheel" = yes ]; then
    flock -n 9 || note "another build of this checkout is running; waiting for it"
    flock 9
    "$scripts/install_wheel.sh"
    step "ready: .venv/bin/turbo-shard ($("$venv_python" -I -c 'import platform; print("Python", platform.python_version())'))"
fi
