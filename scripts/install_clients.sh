#!/usr/bin/env bash
# Makes target/clients, where `make test-clients` finds nghttp2's clients, curl and openssl. Debian's packages are unpacked and
# not installed: no root is needed. A program that is on this machine already is taken as it is.
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/announce.sh
. "$scripts/announce.sh"
# shellcheck source=scripts/debian_programs.sh
. "$scripts/debian_programs.sh"
cd "$scripts/.."

readonly HOME_FOLDER=$PWD/target/clients
mkdir -p "$HOME_FOLDER"
exec 7>"$HOME_FOLDER/lock"
flock -n 7 || note "another set-up of target/clients is running; waiting for it"
flock 7

unpack_programs "$HOME_FOLDER" h2load=nghttp2-client nghttp=nghttp2-client curl=curl openssl=openssl
