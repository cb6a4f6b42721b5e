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
# shellcheck source=scripts/fastapi_proof.sh
. "$scripts/fastapi_proof.sh"
cd "$scripts/.."

home=target/fastapi-suite
archive=requirements/fastapi_sdist.txt
requirements=requirements/fastapi_suite.txt

unpack_archive() {
    step "unpacking FastAPI's source archive into $home/source"
    rm -rf "$home/archive" "$home/source"
    mkdir -p "$home/source"
    "$home/venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
        --require-hashes --requirement "$archive" --dest "$home/archive" </dev/null ||
        fail "pip could not bring what $archive names; see the lines above"
    tar -xzf "$home"/archive/fastapi-*.tar.gz --strip-components 1 -C "$home/source"
}

alone_in "$home"
if ! is_made_of "$home" "$archive" "$requirements"; then
    make_environment "$home" "$requirements"
    unpack_archive
    made_of "$home" "$archive" "$requirements"
fi
"$home/venv/bin/python" "$scripts/fastapi_suite.py" --source "$home/source" "$@"
