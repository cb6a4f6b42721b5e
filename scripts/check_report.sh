#!/usr/bin/env bash
# make check-report: installs Chromium if there is none, and looks at the HTML report on several screens.
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/announce.sh
. "$scripts/announce.sh"
# shellcheck source=scripts/debian_packages.sh
. "$scripts/debian_packages.sh"
cd "$scripts/.."

mkdir -p target/report
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null ||
    ensure_packages target/report/packages.log chromium

exec .venv/bin/python scripts/check_report.py "$@"
