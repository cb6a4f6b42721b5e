#!/usr/bin/env bash
# Runs FastAPI's own tests twice, as they are and with every app compiled, and fails unless each test ends alike.
# Brings FastAPI's source archive and what its tests need from the package index; nothing of it is kept outside target/.
#
#     scripts/fastapi_suite.sh [options of scripts/fastapi_suite.py]
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/announce.sh
. "$scripts/announce.sh"
cd "$scripts/.."

home=target/fastapi-suite
archive=requirements/fastapi_sdist.txt
requirements=requirements/fastapi_suite.txt
# Written last: an interrupted set-up must not pass for a finished one.
stamp=$home/stamp
mkdir -p "$home"
exec 7>"$home/lock"
flock -n 7 || note "another run of FastAPI's tests is under way; waiting for it"
flock 7

unpack_archive() {
    step "unpacking FastAPI's source archive into $home/source"
    rm -rf "$home/archive" "$home/source"
    mkdir -p "$home/source"
    "$home/venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
        --require-hashes --requirement "$archive" --dest "$home/archive" </dev/null ||
        fail "pip could not bring what $archive names; see the lines above"
    tar -xzf "$home"/archive/fastapi-*.tar.gz --strip-components 1 -C "$home/source"
}

# Of .venv it sees the server alone: that has packages too with which FastAPI's tests expect to be without.
make_venv() {
    step "installing what $requirements names into $home/venv"
    rm -rf "$home/venv"
    .venv/bin/python -m venv "$home/venv"
    ln -s "$(.venv/bin/python -c 'import turbo_shard; print(*turbo_shard.__path__)')" \
        "$(echo "$home"/venv/lib/python3*/site-packages)/turbo_shard"
    "$home/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --requirement "$requirements" </dev/null ||
        fail "pip could not install what $requirements names; see the lines above"
}

wanted=$(.venv/bin/python -I -c 'import sys; print(sys.version)' && cat "$archive" "$requirements")
if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    rm -f "$stamp"
    make_venv
    unpack_archive
    printf '%s\n' "$wanted" >"$stamp"
fi
"$home/venv/bin/python" "$scripts/fastapi_suite.py" --source "$home/source" "$@"
