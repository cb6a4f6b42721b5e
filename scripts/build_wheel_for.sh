#!/usr/bin/env bash
# Builds the server's wheel for another Python than .venv's, and prints its path. Needs .venv (make build), whose maturin
# does it. The profile is the release's, unless the environment says otherwise as cargo understands it.
#
#     scripts/build_wheel_for.sh PYTHON DIRECTORY    builds in DIRECTORY/cargo, leaves DIRECTORY/wheel/turbo_shard-*.whl
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/announce.sh
. "$scripts/announce.sh"

[ $# -eq 2 ] || fail "usage: scripts/build_wheel_for.sh PYTHON DIRECTORY"
python=$(realpath --no-symlinks "$1") home=$(realpath "$2")
cd "$scripts/.."
"$python" -I -c '' </dev/null || fail "$python does not start"

locked=()
# In CI the committed Cargo.lock is the truth; at a desk cargo may complete it.
[ -z "${CI:-}" ] || locked=(--locked)
rm -rf "$home/wheel"
# A target directory of its own: PyO3 is built for one interpreter at a time.
PYO3_PYTHON=$python CARGO_TARGET_DIR=$home/cargo \
    .venv/bin/maturin build --release --quiet "${locked[@]}" --compatibility linux \
    --interpreter "$python" --out "$home/wheel" </dev/null >&2 || fail "the wheel could not be built; see the lines above"
echo "$home/wheel"/turbo_shard-*.whl
