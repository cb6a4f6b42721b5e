#!/usr/bin/env bash
# Runs wrk, the load generator that turbo-load is compared with, and installs its Debian package first if it is missing.
#
#     scripts/wrk.sh OPTION... URL
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/announce.sh
. "$scripts/announce.sh"
# shellcheck source=scripts/debian_packages.sh
. "$scripts/debian_packages.sh"
cd "$scripts/.."

readonly LOG=target/wrk-install.log

if ! command -v wrk >/dev/null; then
    mkdir -p target
    ensure_packages "$LOG" wrk
fi
exec wrk "$@"
