#!/usr/bin/env bash
# Builds a free-threaded CPython from Debian's source package and prints the interpreter's path.
#
#     scripts/build_cpython.sh               a free-threaded one
#     scripts/build_cpython.sh --with-gil    an ordinary one, which the tests of `--mode process` need (make test-gil)
#
# apt fetches the package through a private configuration that reuses the mirrors and proxies of this machine, and checks
# it against the Debian archive key. The interpreter is cached; it appears under its final name only when it is complete.
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/announce.sh
. "$scripts/announce.sh"
# shellcheck source=scripts/debian_packages.sh
. "$scripts/debian_packages.sh"
# shellcheck source=scripts/interpreter_check.sh
. "$scripts/interpreter_check.sh"

readonly SUITE=trixie
readonly SOURCE_PACKAGE=python3.13
readonly BUILD_PACKAGES=(
    gcc libc6-dev make xz-utils debian-archive-keyring ca-certificates
    libssl-dev zlib1g-dev libffi-dev libsqlite3-dev libbz2-dev liblzma-dev libreadline-dev uuid-dev
)

cache=${XDG_CACHE_HOME:-$HOME/.cache}/turbo-shard

case ${1:-} in
    '') kind=free-threaded suffix=t options=(--disable-gil) ;;
    --with-gil) kind=ordinary suffix='' options=() ;;
    *) fail "unknown option $1; the only one is --with-gil" ;;
esac
program=python3.13$suffix

is_of_the_kind() {
    local found=ordinary
    if is_free_threaded "$1"; then found=free-threaded; fi
    [ "$found" = "$kind" ]
}

cached_interpreter() {
    local python
    for python in "$cache"/cpython-*"$suffix/bin/$program"; do
        if [ -x "$python" ] && interpreter_works "$python" && is_of_the_kind "$python"; then
            printf '%s\n' "$python"
            return 0
        fi
    done
    return 1
}

# The base addresses that this machine's apt is configured with, in its own order. apt reads its configuration itself,
# so one-line and deb822 sources, mirror lists and proxies all work; printing what it would fetch needs no network.
machine_mirrors() {
    mkdir -p "$work/machine-lists/partial"
    apt-get -o Dir::State::Lists="$work/machine-lists" -o Debug::NoLocking=1 --print-uris update 2>/dev/null |
        sed -n "s|^'\([^']*\)/dists/.*InRelease' .*|\1|p" | awk '!seen[$0]++'
}

# apt-get with nothing but our one source line, and no way round the signature.
private_apt() {
    apt-get -q \
        -o Dir::Etc::sourcelist="$work/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::Etc::preferencesparts=/dev/null \
        -o Dir::State::Lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" \
        -o Acquire::AllowInsecureRepositories=false -o Acquire::AllowWeakRepositories=false \
        -o APT::Get::AllowUnauthenticated=false -o APT::Update::Error-Mode=any "$@"
}

# Leaves the upstream archive in $work/source. A mirror that does not carry the suite (a security archive, another
# vendor's) fails its update, and the next one is tried.
fetch_source() {
    local keyring mirror
    for keyring in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
        [ -r "$keyring" ] && break
    done
    mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial" "$work/source"
    cd "$work/source"
    while read -r mirror; do
        note "asking ${mirror} for ${SOURCE_PACKAGE} (${SUITE})"
        printf 'deb-src [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$SUITE" >"$work/apt/sources.list"
        if private_apt update >>"$log" 2>&1 &&
            private_apt source --download-only "$SOURCE_PACKAGE" >>"$log" 2>&1; then
            return 0
        fi
    done < <(machine_mirrors)
    tail -n 15 "$log" >&2
    return 1
}

build() {
    local archive version final staged
    step "fetching the source of ${SOURCE_PACKAGE} from Debian ${SUITE} (signature checked)"
    fetch_source || fail "none of this machine's apt mirrors gave ${SOURCE_PACKAGE} of Debian ${SUITE};" \
        "set PYTHON=/path/to/$program or install uv"
    archive=$(echo "$work"/source/"${SOURCE_PACKAGE}"_*.orig.tar.xz)
    version=$(basename "$archive" .orig.tar.xz)
    version=${version#"${SOURCE_PACKAGE}"_}
    final=$cache/cpython-${version}${suffix}

    step "building ${kind} CPython ${version} (2 to 3 minutes on two cores)"
    mkdir "$work/build"
    tar -xJf "$archive" -C "$work/build" --strip-components=1
    cd "$work/build"
    logged "$log" ./configure "${options[@]}" --with-ensurepip=install --disable-test-modules \
        --prefix="$final" CFLAGS=-O3 || fail "CPython's configure failed; see the lines above"
    logged "$log" make -j "$(nproc)" || fail "CPython did not compile; see the lines above"
    staged=$work/staged
    logged "$log" make install DESTDIR="$staged" || fail "CPython could not be installed; see the lines above"

    # Only a complete tree gets the final name, and in one step: an interrupted build never passes for a good one.
    rm -rf "$final"
    mv "$staged$final" "$final"
    interpreter_works "$final/bin/$program" ||
        fail "the new interpreter does not work: $(interpreter_fault "$final/bin/$program")"
    printf '%s\n' "$final/bin/$program"
}

main() {
    cached_interpreter && return 0
    { command -v apt-get && command -v dpkg-query; } >/dev/null ||
        fail "no ${kind} Python found, and without apt none can be built here;" \
            "set PYTHON=/path/to/python3.13t or install uv"
    mkdir -p "$cache"
    # Two set-ups at once: the second one waits and then finds the first one's interpreter.
    exec 9>"$cache/cpython-build.lock"
    flock -n 9 || note "another set-up is building CPython; waiting for it"
    flock 9
    cached_interpreter && return 0

    # In the cache and not in /tmp: renaming needs the same file system, and /tmp may forbid execution.
    rm -rf "$cache"/cpython-build.tmp.*
    work=$(mktemp -d "$cache/cpython-build.tmp.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    log=$cache/cpython-build.log
    : >"$log"
    # apt fetches as its own user where it can reach the directory, and says so where it cannot.
    chmod 755 "$work"
    ensure_packages "$log" "${BUILD_PACKAGES[@]}"
    build
}

main
