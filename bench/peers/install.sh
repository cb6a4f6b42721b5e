#!/usr/bin/env bash
# Makes the virtual environments of the peers that the benchmarks compare with, below the cargo target directory. Safe
# to run again; does nothing when nothing changed.
#
#     bench/peers/install.sh                  the frameworks that the suites smoke and frameworks use, on both kinds
#     bench/peers/install.sh gil              on CPython with a GIL: $BENCH_PYTHON, else python3
#     bench/peers/install.sh free-threaded    on the interpreter that .venv was made from; finds .venv's turbo_shard too,
#                                             so that all servers run a framework from the same files
#     bench/peers/install.sh KIND PEER        pins/KIND/PEER.txt, in an environment of its own
#     bench/peers/install.sh 3.14t [PEER]     the same for $BENCH_PYTHON, which is of that version: pins/3.14t, or for a
#                                             version with a GIL pins/gil unless it has pins of its own
#     bench/peers/install.sh nginx            Debian's, unpacked there unless it is on this machine already
#     bench/peers/install.sh rustls           lab/load/examples/rustls_alone.rs
#     bench/peers/install.sh all              both kinds, and everything; what fails is told and does not keep the rest from it
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=scripts/announce.sh
. scripts/announce.sh
# shellcheck source=scripts/debian_programs.sh
. scripts/debian_programs.sh

readonly VENVS="${CARGO_TARGET_DIR:-target}/bench-peers"

# Where `import turbo_shard` finds it: last on the path, so that the packages pinned here come first. The directory may
# be a place of .pth files of its own, so addsitedir.
share_turbo_shard() {
    local venv=$1 place
    place=$(.venv/bin/python -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))' </dev/null)
    "$venv/bin/python" -I - "$place" <<'PYTHON'
import pathlib, sys, sysconfig
line = f"import site; site.addsitedir({sys.argv[1]!r})\n"
pathlib.Path(sysconfig.get_path("purelib"), "turbo_shard_of_dot_venv.pth").write_text(line)
PYTHON
}

# Prints the interpreter of a virtual environment to be made.
interpreter_of() {
    local python
    case $1 in
        free-threaded) python=.venv/bin/python ;;
        gil) python=${BENCH_PYTHON:-python3} ;;
        *) python=${BENCH_PYTHON:?"say which Python $1 is"} ;;
    esac
    command -v "$python" >/dev/null || fail "$python is missing; for the $1 peers install it, or run make build"
    "$python" -I -c 'import sys; print(sys._base_executable)' </dev/null || fail "$python does not start"
}

# An interpreter is asked for by its kind, or by its version.
check_kind() {
    local found
    found=$("$2" -I - <<'PYTHON'
import sys, sysconfig
free = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
print("free-threaded" if free else "gil", "{}.{}".format(*sys.version_info) + "t" * free)
PYTHON
    )
    [[ " $found " == *" $1 "* ]] || fail "$2 is $found, the peers need $1; set BENCH_PYTHON to such a CPython"
}

# Which pins an interpreter has: its version's, if there are any, else those of its kind.
pins_for() {
    if [ -f "bench/peers/requirements-$1.txt" ]; then
        echo "$1"
    elif [[ $1 == *t ]]; then
        fail "there are no pins for $1; bench/peers/requirements-$1.txt and bench/peers/pins/$1 would have them"
    else
        echo gil
    fi
}

# A peer with an environment of its own states in its pins what may be built from sources; the frameworks have wheels.
install() {
    local kind=$1 peer=${2:-} pins name requirements frameworks python venv wanted policy=()
    pins=$(pins_for "$kind")
    frameworks=bench/peers/requirements-$pins.txt
    if [ -n "$peer" ]; then
        name=$kind-$peer requirements=bench/peers/pins/$pins/$peer.txt
    else
        name=$kind requirements=$frameworks policy=(--only-binary :all:)
    fi
    [ -f "$requirements" ] || fail "there is no $requirements"
    venv=$VENVS/$name
    python=$(interpreter_of "$kind")
    check_kind "$kind" "$python"
    wanted=$("$python" -I -c 'import sys; print(sys.base_prefix, sys.version)' </dev/null; sha256sum "$requirements" "$frameworks")
    if [ "$(cat "$venv/installed.stamp" 2>/dev/null)" = "$wanted" ] && "$venv/bin/python" -I -c '' 2>/dev/null; then
        return 0
    fi
    step "installing $requirements into $venv"
    rm -rf "$venv"
    mkdir -p "$VENVS"
    "$python" -m venv "$venv" </dev/null
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "${policy[@]}" --no-deps \
        --requirement "$requirements" </dev/null || fail "pip could not install $requirements; see the lines above"
    [ "$name" != free-threaded ] || share_turbo_shard "$venv"
    # Written last: an interrupted set-up must not pass for a finished one.
    printf '%s\n' "$wanted" >"$venv/installed.stamp"
}

# A server that needs no interpreter, as bin/PROGRAM.
install_program() {
    local home=$VENVS/$1
    mkdir -p "$home/bin"
    unpack_programs "$PWD/$home" "$1=$1"
    ln -sf "$(command -v "$1")" "$home/bin/$1"
}

# A server of this repository that is no more than a library in a loop.
install_example() {
    mkdir -p "$VENVS/rustls/bin"
    cargo build --locked --quiet --release --package turbo-load --example rustls_alone </dev/null
    ln -sf "$(realpath "${CARGO_TARGET_DIR:-target}")/release/examples/rustls_alone" "$VENVS/rustls/bin/rustls_alone"
}

# Each in a process of its own, which may fail.
install_all() {
    local pins kind failed=()
    for kind in gil free-threaded; do
        bench/peers/install.sh "$kind" || failed+=("$kind")
        for pins in bench/peers/pins/"$kind"/*.txt; do
            pins=${pins##*/}
            bench/peers/install.sh "$kind" "${pins%.txt}" || failed+=("$kind ${pins%.txt}")
        done
    done
    bench/peers/install.sh nginx || failed+=(nginx)
    bench/peers/install.sh rustls || failed+=(rustls)
    [ ${#failed[@]} -eq 0 ] || fail "not installed, see above: $(printf '%s; ' "${failed[@]}")"
}

case ${1:-} in
    '')
        install gil
        install free-threaded
        ;;
    gil | free-threaded | [0-9].*) install "$@" ;;
    nginx) install_program nginx ;;
    rustls) install_example ;;
    all) install_all ;;
    *) fail "unknown peers $1; there are gil, free-threaded, a version such as 3.14t, nginx, rustls, and all" ;;
esac
