#!/usr/bin/env bash
# Builds the wheels of turbo-shard and of its lab (release) and installs them into .venv, each unless the installed one was
# built from exactly the present sources. Called by bootstrap.sh, which holds the lock.
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/announce.sh
. "$scripts/announce.sh"
cd "$scripts/.."

venv_python=$PWD/.venv/bin/python
wheels=$PWD/target/installed-wheel

locked=()
# In CI the committed Cargo.lock is the truth; at a desk cargo may complete it.
[ -z "${CI:-}" ] || locked=(--locked)

# Everything in these places that a wheel is made from, except Cargo.lock. Contents and not times: a branch switch sets
# times at will.
source_digest() {
    local path present=()
    for path in "$@"; do
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

# What is installed of a package and its program: shows an uninstall, or another wheel put there by hand.
installed_digest() {
    find ".venv/bin/$2" .venv/lib/python3*/site-packages -type f ! -name '*.pyc' \
        \( -path "*/site-packages/$1/*" -o -path "*/site-packages/$1-*" -o -name "$2" \) -print0 2>/dev/null |
        sort -z | xargs -0 -r sha256sum | sha256sum || true
}

# Cargo.lock is read after the build, since cargo may complete it; a change of dependencies shows in a Cargo.toml too.
lock_digest() { sha256sum Cargo.lock 2>/dev/null || true; }

# The wheel of the package $1 with the program $2, from the pyproject.toml in $3 and what the other places hold.
install_wheel() {
    local package=$1 program=$2 home=$3 stamp=.venv/$2-wheel.stamp sources
    shift 3
    # Read before the build: a change during the build is built again next time.
    sources=$(source_digest "$@")
    if [ "$(cat "$stamp" 2>/dev/null)" = "$sources$(lock_digest)$(installed_digest "$package" "$program")" ]; then
        return 0
    fi
    step "building the wheel of $package (release; the first time takes some minutes)"
    rm -rf "$wheels/$package"-*.whl "$stamp"
    (cd "$home" && "$venv_python" -m maturin build --release --quiet "${locked[@]}" --compatibility linux \
        --interpreter "$venv_python" --out "$wheels" </dev/null >&2) || fail "the wheel could not be built; see the lines above"
    step "installing the wheel of $package into .venv"
    "$venv_python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --force-reinstall \
        "$wheels/$package"-*.whl </dev/null || fail "pip could not install the wheel; see the lines above"
    printf '%s\n' "$sources$(lock_digest)$(installed_digest "$package" "$program")" >"$stamp"
}

install_wheel turbo_shard turbo-shard . Cargo.toml pyproject.toml README.md .cargo runtime python-bridge
install_wheel turbo_shard_lab turbo-load lab Cargo.toml .cargo lab runtime/ring
