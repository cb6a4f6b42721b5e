#!/usr/bin/env bash
# Makes target/deploy, where `make test-deploy` finds what it tries examples/deploy with: nginx, HAProxy, Caddy, systemd's and
# logrotate's own checks, and a venv with the linters of Dockerfiles and of Kubernetes (requirements/deploy.txt). Debian's
# packages are unpacked and not installed: no root is needed, and no service of theirs starts. A program that is on this
# machine already is taken as it is.
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/announce.sh
. "$scripts/announce.sh"
# shellcheck source=scripts/debian_programs.sh
. "$scripts/debian_programs.sh"
cd "$scripts/.."

readonly HOME_FOLDER=$PWD/target/deploy
readonly REQUIREMENTS=requirements/deploy.txt
# Each program and the package that has it.
readonly PROGRAMS=(
    nginx=nginx haproxy=haproxy caddy=caddy systemd-analyze=systemd logrotate=logrotate openssl=openssl
)
mkdir -p "$HOME_FOLDER"
exec 7>"$HOME_FOLDER/lock"
flock -n 7 || note "another set-up of target/deploy is running; waiting for it"
flock 7

install_linters() {
    local wanted stamp=$HOME_FOLDER/stamp
    wanted=$(.venv/bin/python -I -c 'import sys; print(sys.version)'; cat "$REQUIREMENTS")
    [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || return 0
    step "installing what $REQUIREMENTS names into $HOME_FOLDER/venv"
    rm -rf "$HOME_FOLDER/venv" "$stamp"
    .venv/bin/python -m venv "$HOME_FOLDER/venv"
    PYYAML_FORCE_LIBYAML=0 "$HOME_FOLDER/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --requirement "$REQUIREMENTS" </dev/null ||
        fail "pip could not install what $REQUIREMENTS names; see the lines above"
    printf '%s\n' "$wanted" >"$stamp"
}

unpack_programs "$HOME_FOLDER" "${PROGRAMS[@]}"
install_linters
