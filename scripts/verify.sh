#!/usr/bin/env bash
# Writes docs/verify.md: each claim, the command that shows it, and what it printed on this machine.
# Usage: make build && cargo build --release --package turbo-load && scripts/verify.sh > docs/verify.md
# Needs curl and ss; without strace its parts are left out.
# shellcheck disable=SC2016  # Prose has backticks; commands are expanded when they are run.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

log=$(mktemp)
apps=$(mktemp -d)
server=
finish() {
    if [[ -n $server ]]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$log" "$apps"
}
trap finish EXIT

# Runs a command and shows it the way a person would have typed it.
show() {
    printf '```console\n$ %s\n' "$1"
    eval "$1" 2>&1 || true
    printf '```\n\n'
}

# Starts a server; what it says until it is ready is shown, and what it says later is in $log.
serve() {
    : >"$log"
    printf '```console\n$ turbo-shard %s --port 0 & PID=$!\n' "$*"
    "$root/.venv/bin/turbo-shard" "$@" --port 0 2>"$log" &
    server=$!
    until grep -q '^turbo-shard ready' "$log"; do
        kill -0 "$server" 2>/dev/null || { cat "$log"; exit 1; }
        read -rt 0.05 <> <(:) || true
    done
    cat "$log"
    printf '```\n\n'
    URL=$(sed -n 's/^turbo-shard ready on \(http[^ ]*\).*/\1/p' "$log")
    export PID=$server URL PORT=${URL##*:} LOG=$log
}

start() { serve multi_route_app:app --app-dir examples "$@"; }

stop() {
    kill "$server"
    wait "$server"
    server=
}

LOAD="target/release/turbo-load --target 127.0.0.1:\$PORT --connections 64 --path '/users/{n}' \\
    --expect-body '{\"user_id\":{n},\"name\":\"User {n}\",\"email\":\"user{n}@example.com\"}'"

cat <<'TEXT'
# See for yourself

Each claim with the command that shows it and what it printed. `scripts/verify.sh > docs/verify.md` wrote this page; run
it on your machine. `$PID`, `$PORT` and `$URL` are those of the server that the section starts, `$LOG` is where it writes.

TEXT
start --shards 2

echo '## Is it one process?'; echo
show "ps -o pid,nlwp,rss,comm -p \$PID"
echo 'One process; `NLWP` is its threads, `RSS` its resident memory in KiB.'; echo

echo '## Threads or events? One thread per core, pinned'; echo
show "for t in /proc/\$PID/task/*; do echo \"\$(cat \$t/comm): \$(grep Cpus_allowed_list \$t/status)\"; done"
echo 'Each shard is an event loop on its own thread and may run on one core only. The main thread supervises and sleeps; `log` writes to stderr.'; echo

echo '## Does each shard have its own listener?'; echo
show "ss -Hltn \"sport = :\$PORT\""
echo 'Two listening sockets on one port: an SO_REUSEPORT group. The kernel hashes each connection to one of them.'; echo

echo '## Is the handler really run?'; echo
show "for n in 1 22 333; do curl -s \$URL/users/\$n; echo; done"
show "curl -s -w ' [%{http_code}]\n' \$URL/users/not-a-number"
echo 'The load generator changes the number with every request and compares every body; one wrong answer ends it.'; echo
show "$LOAD --seconds 3 | cut -d, -f1-10"

echo '## Are all cores used?'; echo
show "curl -s \$URL/stats; echo"
show "for t in /proc/\$PID/task/*; do echo \"\$(cat \$t/comm): \$(awk '{print \$14+\$15}' \$t/stat) ticks of CPU\"; done"
echo 'The hash does not share connections out evenly, and the counters say so. Generator and shards shared the cores here.'; echo

echo '## What does an idle server cost?'; echo
show "awk '{print \$14+\$15}' /proc/\$PID/stat; sleep 5; awk '{print \$14+\$15}' /proc/\$PID/stat"
echo 'CPU ticks before and after five seconds. What 10,000 idle connections cost is in [benchmarks.md](benchmarks.md).'; echo

if command -v strace >/dev/null; then
    echo '## How many system calls does a request take?'; echo
    show "(timeout -s INT 3 strace -f -c -p \$PID 2>&1 | grep -v tached | head -6) & $LOAD --seconds 2 | grep -o '\"requests\": *[0-9]*'; wait \$!"
    echo 'One call of io_uring receives, sends and waits for all that is ready; with `--engine tokio` it is a receive and a send for each.'; echo
fi
stop

echo '## io_uring, or epoll on request'; echo
start --shards 2
show "ls -l /proc/\$PID/fd | grep -c io_uring"
stop
start --shards 2 --engine tokio
show "ls -l /proc/\$PID/fd | grep -c io_uring"
show "curl -s \$URL/users/7; echo"
stop

echo '## The other architecture, same app'; echo
start --shards 2 --mode steal
show "for t in /proc/\$PID/task/*; do echo \"\$(cat \$t/comm): \$(grep Cpus_allowed_list \$t/status)\"; done"
show "ss -Hltn \"sport = :\$PORT\""
show "curl -s \$URL/users/7; echo"
stop

echo '## An ASGI app: where does it run, and how many of it are there?'; echo
cat >"$apps/facts.py" <<'PYTHON'
import sys
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request


def here():
    """The kernel's name of this thread."""
    with open("/proc/thread-self/comm") as name:
        return name.read().strip()


@asynccontextmanager
async def lifespan(app):
    print("startup on", here(), file=sys.stderr, flush=True)
    yield {"started_on": here()}
    print("shutdown on", here(), file=sys.stderr, flush=True)


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def facts(request: Request):
    started_on = request.state.started_on
    return f"handler on {here()}, lifespan on {started_on}, app instance {id(app):#x}"
PYTHON
printf '```python\n'; cat "$apps/facts.py"; printf '```\n\n'
cd "$apps"
serve facts:app --shards 2
show "for n in {1..40}; do curl -s \$URL/; echo; done | sort | uniq -c"
echo 'Each shard has an instance of the app and a lifespan of its own, and its handlers run on the thread that owns the connection.'; echo
show "kill -TERM \$PID; wait \$PID; echo \"exit status \$?\"; grep down \$LOG"
server=

echo 'With one instance for all, on request; each loop still has a lifespan of its own:'; echo
serve facts:app --shards 2 --app-per-shard never
show "for n in {1..40}; do curl -s \$URL/; echo; done | sort | uniq -c"
stop
cd "$root"

echo '## Does a stop end cleanly?'; echo
start --shards 2
show "kill -TERM \$PID; wait \$PID; echo \"exit status \$?\""
server=
