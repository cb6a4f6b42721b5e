#!/usr/bin/env bash
# Builds turbo-shard's wheel (release, fat LTO) and installs it into .venv, unless the installed one was built from
# exactly the present sources. Called by bootstrap.sh, which holds the lock.
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/announce.sh
. "$scripts/announce.sh"
cd "$scripts/.."

venv_python=.venv/bin/python
stamp=.venv/turbo-shard-wheel.stamp
wheels=target/installed-wheel

# Everything that the wheel is made from except Cargo.lock. Contents and not times: a branch switch sets times at will.
source_digest() {
    local path present=()
    for path in Cargo.toml pyproject.toml README.md .cargo runtime python-bridge; do
        [ ! -e "$path" ] || present+=("$path")
    done
    {
        rustc --version --verbose
        "$venv_python" -I -c 'import sys; print(sys.version)'
        printf '%s\n' "${RUSTFLAGS:-}" "${CARGO_ENCODED_RUSTFLAGS:-}"
        find "${present[@]}" \( -name __pycache__ -o -name target -o -name corpus -o -name artifacts \) -prune -o \
            -type f -print0 | sort -z | xargs -0 sha256sum
    } | sha256sum
}

# What is installed: shows an uninstall, or another wheel put there by hand.
installed_digest() {
    find .venv/bin/turbo-shard .venv/lib/python3*/site-packages -type f ! -name '*.pyc' \
        \( -path '*/site-packages/turbo_shard*' -o -name turbo-shard \) -print0 2>/dev/null | sort -z | xargs -0 -r sha256sum | sha256sum || true
}

# Cargo.lock is read after the build, since cargo may complete it; a change of dependencies shows in a Cargo.toml too.
lock_digest() { sha256sum Cargo.lock 2>/dev/null || true; }

# Read before the build: a change during the build is built again next time.
sources=$(source_digest)
if [ "$(cat "$stamp" 2>/dev/null)" = "$sources$(lock_digest)$(installed_digest)" ]; then
    exit 0
fi

step "building the wheel (release; the first time takes some minutes)"
locked=()
# In CI the committed Cargo.lock is the truth; at a desk cargo may complete it.
[ -z "${CI:-}" ] || locked=(--locked)
rm -rf "$wheels" "$stamp"
.venv/bin/maturin build --release --quiet "${locked[@]}" --compatibility linux \
    --interpreter "$venv_python" --out "$wheels" </dev/null >&2 || fail "the wheel could not be built; see the lines above"

step "installing the wheel into .venv"
"$venv_python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --force-reinstall \
    "$wheels"/turbo_shard-*.whl </dev/null || fail "pip could not install the wheel; see the lines above"
printf '%s\n' "$sources$(lock_digest)$(installed_digest)" >"$stamp"
