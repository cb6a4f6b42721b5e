#!/usr/bin/env bash
# Runs FastAPI's own tests twice, as they are and with every app compiled, and Starlette's of its BaseHTTPMiddleware, and
# fails unless each test ends alike. Brings their source archives and what the tests need from the package index; nothing of it is kept outside target/.
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
archives=requirements/fastapi_sdist.txt
requirements=requirements/fastapi_suite.txt

unpack_archives() {
    step "unpacking the source archives of FastAPI and Starlette below $home"
    rm -rf "$home/archive" "$home/fastapi" "$home/starlette"
    "$home/venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
        --require-hashes --requirement "$archives" --dest "$home/archive" </dev/null ||
        fail "pip could not bring what $archives names; see the lines above"
    local name
    for name in fastapi starlette; do
        mkdir "$home/$name"
        tar -xzf "$home/archive/$name"-*.tar.gz --strip-components 1 -C "$home/$name"
    done
}

alone_in "$home"
if ! is_made_of "$home" "$archives" "$requirements"; then
    make_environment "$home" "$requirements"
    unpack_archives
    made_of "$home" "$archives" "$requirements"
fi
"$home/venv/bin/python" "$scripts/fastapi_suite.py" --home "$home" "$@"
