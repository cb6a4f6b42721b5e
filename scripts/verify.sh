#!/usr/bin/env bash
# Shows on a running server what docs/verify.md claims: each command, then what it prints.
# Usage: scripts/verify.sh > /tmp/verify.txt   (after `make build`; needs curl and ss; strace and wrk where they are)
set -euo pipefail
cd "$(dirname "$0")/.."

log=$(mktemp)
server=
finish() {
    if [[ -n $server ]]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -f "$log"
}
trap finish EXIT

# Prints a command the way a person would type it, and runs it.
show() {
    printf '$ %s\n' "$1"
    eval "$1" 2>&1
    printf '\n'
}

start() {
    : >"$log"
    .venv/bin/turbo-shard multi_route_app:app --app-dir examples --port 0 "$@" 2>"$log" &
    server=$!
    until grep -q '^turbo-shard ready' "$log"; do
        kill -0 "$server" 2>/dev/null || { cat "$log"; exit 1; }
        read -rt 0.05 <> <(:) || true
    done
    url=$(sed -n 's/^turbo-shard ready on \(http[^ ]*\).*/\1/p' "$log")
    export PID=$server URL=$url PORT=${url##*:}
}

stop() {
    kill "$server"
    wait "$server"
    server=
}

load() {
    if command -v wrk >/dev/null; then
        wrk -t1 -c64 -d"$1" "$URL/users/7" >/dev/null
    else
        target/release/turbo-load --help >/dev/null 2>&1 || true
        for _ in {1..2000}; do curl -s "$URL/users/7" >/dev/null; done
    fi
}

start --shards 2
echo '## One process'
show "ps -o pid,nlwp,rss,args -p \$PID"
echo '## One thread per core, pinned'
show "for t in /proc/\$PID/task/*; do echo \"\$(cat \$t/comm) \$(grep Cpus_allowed_list \$t/status)\"; done"
echo '## One listener per shard, one port'
show "ss -Hltn \"sport = :\$PORT\""
echo '## The handler is really run'
show "for n in 1 22 333; do curl -s \$URL/users/\$n; echo; done"
show "curl -s -o /dev/null -w '%{http_code}\n' \$URL/users/not-a-number"
echo '## All cores work, and how much'
load 3s
show "curl -s \$URL/stats"
show "for t in /proc/\$PID/task/*; do echo \"\$(cat \$t/comm) user+system ticks: \$(awk '{print \$14+\$15}' \$t/stat)\"; done"
echo '## An idle server does nothing'
show "awk '{print \$14+\$15}' /proc/\$PID/stat; sleep 5; awk '{print \$14+\$15}' /proc/\$PID/stat"
if command -v strace >/dev/null; then
    show "timeout -s INT 3 strace -f -c -p \$PID 2>&1 | grep -v attached | grep -v detached | head -5"
    echo '## Two system calls for each request'
    show "(timeout -s INT 2 strace -f -c -p \$PID 2>&1 | grep -v tached | head -6) & load 1s; wait %1"
fi
stop
echo '## io_uring, on request'
start --shards 2 --engine glommio
show "ls -l /proc/\$PID/fd | grep -c io_uring"
stop
echo '## The other architecture: unpinned workers, one listener'
start --shards 2 --mode steal
show "for t in /proc/\$PID/task/*; do echo \"\$(cat \$t/comm) \$(grep Cpus_allowed_list \$t/status)\"; done"
show "ss -Hltn \"sport = :\$PORT\""
stop
echo '## A stop loses nothing and ends with 0'
start --shards 2
show "kill -TERM \$PID; wait \$PID; echo \$?"
server=
