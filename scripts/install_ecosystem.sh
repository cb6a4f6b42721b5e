#!/usr/bin/env bash
# Makes target/ecosystem/venv, where `make test-ecosystem` finds the libraries that real apps use (requirements/ecosystem.txt).
# It builds on .venv, whose packages it sees too: the tests try the turbo_shard from there. And a redis-server, taken
# out of Debian's packages without being installed, where apt-get is; its tests are left out elsewhere.
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/announce.sh
. "$scripts/announce.sh"
cd "$scripts/.."

home=target/ecosystem
requirements=requirements/ecosystem.txt
stamp=$home/stamp
mkdir -p "$home"
exec 7>"$home/lock"
flock -n 7 || note "another set-up of the ecosystem is running; waiting for it"
flock 7

install_libraries() {
    local wanted site_below
    wanted=$(.venv/bin/python -I -c 'import sys; print(sys.version)'; cat "$requirements")
    [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || return 0
    step "installing what $requirements names into $home/venv"
    rm -rf "$home/venv" "$stamp"
    .venv/bin/python -m venv "$home/venv"
    site_below=$PWD/$(echo .venv/lib/python3*/site-packages)
    printf 'import site; site.addsitedir("%s")\n' "$site_below" >"$(echo "$home"/venv/lib/python3*/site-packages)/below.pth"
    # msgpack without its C part, which has no wheel for 3.13t. All are named, so pip need not look for what they need.
    MSGPACK_PUREPYTHON=1 "$home/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --no-binary msgpack --requirement "$requirements" </dev/null ||
        fail "pip could not install what $requirements names; see the lines above"
    printf '%s\n' "$wanted" >"$stamp"
}

# Never a service on this machine: the program alone, for tests to start and end.
unpack_redis() {
    [ ! -x "$home/redis/usr/bin/redis-server" ] || return 0
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 0
    step "fetching redis-server from Debian"
    rm -rf "$home/redis" "$home/packages"
    mkdir -p "$home/redis" "$home/packages"
    if ! (cd "$home/packages" && apt-get download redis-server redis-tools liblzf1 libjemalloc2 libatomic1) >"$home/apt.log" 2>&1; then
        note "there is no redis-server: $(tail -n 1 "$home/apt.log")"
        return 0
    fi
    local package
    for package in "$home"/packages/*.deb; do dpkg-deb --extract "$package" "$home/redis"; done
    rm -rf "$home/packages"
}

install_libraries
unpack_redis
