#!/usr/bin/env bash
# Runs libFuzzer over the targets of runtime/fuzz, each for so many seconds: scripts/fuzz.sh SECONDS [TARGET]...
# What it learns stays in target/fuzz/corpus; an input for which a target does not hold is in target/fuzz/found.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/announce.sh
. scripts/announce.sh

seconds=${1:?usage: scripts/fuzz.sh SECONDS [TARGET]...}
shift
[ "$#" -gt 0 ] || mapfile -t targets < <(sed -n 's/^ *name: "\(.*\)",$/\1/p' runtime/fuzz/src/lib.rs)
[ "$#" -eq 0 ] || targets=("$@")
[ "${#targets[@]}" -gt 0 ] || fail "runtime/fuzz/src/lib.rs names no target"

command -v c++ >/dev/null || fail "a C++ compiler (c++) is missing; install g++ or clang"
host=$(rustc -vV | sed -n 's/^host: //p')
# What cargo-fuzz sets: coverage of edges and comparisons for libFuzzer, AddressSanitizer, assertions. The sanitizer
# is part of the toolchain, but only a nightly one accepts it without RUSTC_BOOTSTRAP.
export CARGO_TARGET_DIR=target/fuzz RUSTC_BOOTSTRAP=1
export RUSTFLAGS="-Zsanitizer=address -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions"
cargo build ${CI:+--locked} --release --config profile.release.lto=false --target "$host" \
    --package turbo-shard-fuzz --features libfuzzer
fuzz=target/fuzz/$host/release/fuzz

for target in "${targets[@]}"; do
    [ -d "runtime/fuzz/seeds/$target" ] || fail "there is no target $target; runtime/fuzz/src/lib.rs has their names"
    mkdir -p "target/fuzz/corpus/$target" "target/fuzz/found/$target"
    seeds=("runtime/fuzz/seeds/$target")
    [ ! -d "runtime/fuzz/regressions/$target" ] || seeds+=("runtime/fuzz/regressions/$target")
    echo "fuzz: $target for ${seconds} s"
    # glommio's and LocalShard's threads outlive the run, so leaks are not looked for.
    ASAN_OPTIONS=detect_leaks=0 TURBO_SHARD_FUZZ_TARGET=$target "$fuzz" \
        -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="target/fuzz/found/$target/" "target/fuzz/corpus/$target" "${seeds[@]}" 2>"target/fuzz/$target.log" || {
        tail -n 40 "target/fuzz/$target.log" >&2
        fail "$target does not hold; the input is in target/fuzz/found/$target (the whole log: target/fuzz/$target.log)"
    }
    grep -E 'stat::(number_of_executed_units|new_units_added)|Done ' "target/fuzz/$target.log"
done
