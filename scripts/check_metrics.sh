#!/usr/bin/env bash
# make check-metrics: installs Debian's prometheus if there is no promtool, and has it read what a server
# gives scrapers and what the Grafana board asks for.
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/announce.sh
. "$scripts/announce.sh"
# shellcheck source=scripts/debian_packages.sh
. "$scripts/debian_packages.sh"
cd "$scripts/.."

mkdir -p target/metrics
command -v promtool >/dev/null || ensure_packages target/metrics/packages.log prometheus

exec .venv/bin/python -m pytest -q tests/metrics/test_metrics_port.py tests/metrics/test_grafana_board.py -k promtool "$@"
