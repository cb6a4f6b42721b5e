"""make bench-instructions: how many instructions does a request take?

    bench/instructions.py                  one line for each kind of request
    bench/instructions.py --python PATH    the same for the turbo-shard of another interpreter: an earlier build
    bench/instructions.py --only native --with=--access-log=/dev/null
                                           what kinds with this in their name take with an option of the server

callgrind (Debian's package valgrind) counts the user-space instructions of a whole server process, once with few
requests and once with many, so that start and end fall out of the difference. Requests are pipelined, 20 in a write:
a turn of the loop is then a small part of the count. Python's hashes are the same in every run. Garbage collections
are left out: one takes 5 million, and whether one more falls into a run is chance. Two runs of one build
differ by 0.1 % mostly and by 1 % at times: compare runs in turns. It runs on tokio, since valgrind does not follow
io_uring. The kernel's part is not counted.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PIPELINED = 20
REQUESTS_FEW = 2_000
REQUESTS_MANY = 12_000
ANSWER_TIMEOUT_SECONDS = 300
"""For one write's answers; callgrind slows a server down about fiftyfold."""


class Work(NamedTuple):
    """A kind of request: the app that answers, where it lies, and the path that is asked for."""

    name: str
    app: str
    folder: str
    path: str
    options: tuple[str, ...] = ()


WORKS = (
    Work("native, dict from path and query", "multi_route_app:app", "examples", "/users/42?q=abc"),
    Work("native, fixed bytes", "native_steps:app", "bench/apps", "/function"),
    Work("ASGI, fixed bytes", "asgi_steps:minimal", "bench/apps", "/"),
    Work("ASGI, waits once", "asgi_steps:suspended", "bench/apps", "/"),
    Work("FastAPI, compiled", "fastapi_steps:app", "bench/apps", "/path/1234"),
    Work("FastAPI itself", "fastapi_steps:app", "bench/apps", "/path/1234", ("--fastapi", "asgi")),
)


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/instructions.py", description=(__doc__ or "").split("\n", 1)[0]
    )
    parser.add_argument("--python", default=sys.executable, help="interpreter with turbo-shard")
    parser.add_argument("--only", default="", help="kinds of requests with this in their name")
    parser.add_argument(
        "--with", action="append", default=[], dest="extra", help="an option of the server"
    )
    return parser.parse_args(arguments)


def main() -> int:
    chosen = options(sys.argv[1:])
    if shutil.which("valgrind") is None:
        raise SystemExit("bench: valgrind is missing; as root run: apt-get install --yes valgrind")
    print("instructions for each request, user space, tokio, one shard:")
    for work in (work for work in WORKS if chosen.only in work.name):
        work = work._replace(options=(*work.options, *chosen.extra))
        few, many = (
            count(chosen.python, work, requests) for requests in (REQUESTS_FEW, REQUESTS_MANY)
        )
        each = (many - few) / (REQUESTS_MANY - REQUESTS_FEW)
        print(f"  {work.name:34} {each:10,.0f}", flush=True)
    return 0


def count(python: str, work: Work, requests: int) -> int:
    """Instructions of a whole server process that has answered so many requests."""
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder, "callgrind.out")
        server = subprocess.Popen(
            [
                *("valgrind", "--tool=callgrind", f"--callgrind-out-file={counts}"),
                *(python, "-m", "turbo_shard", work.app, "--app-dir", str(ROOT / work.folder)),
                *("--port", "0", "--shards", "1", "--engine", "tokio", *work.options),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Where names lie in dicts must not differ from run to run.
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )
        try:
            ask(port_of(server), work.path, requests)
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=ANSWER_TIMEOUT_SECONDS)
        finally:
            server.kill()
            server.wait()
        if server.returncode != 0:
            raise SystemExit(f"bench: {work.app} ended with status {server.returncode}")
        return without_collections(counts.read_text())


def without_collections(counts: str) -> int:
    """The total of callgrind's file, less what calls of the garbage collector took with all that they called."""
    total = re.search(r"^(?:totals|summary): (\d+)", counts, re.MULTILINE)
    # A name stands where it is first used, and its number wherever it is used again.
    collectors = re.findall(r"^c?fn=\((\d+)\) gc_collect_main\b.*$", counts, re.MULTILINE)
    if total is None or not collectors:
        raise SystemExit("bench: callgrind's file has no total, or the interpreter has no symbols")
    called = rf"^cfn=\((?:{'|'.join(collectors)})\).*\ncalls=.*\n\S+ (\d+)$"
    collections = sum(int(cost) for cost in re.findall(called, counts, re.MULTILINE))
    return int(total[1]) - collections


def port_of(server: subprocess.Popen[str]) -> int:
    """The port that the server says in its lines at the start."""
    seen = []
    for line in server.stdout or ():
        seen.append(line)
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
            return int(found[1])
    raise SystemExit(f"bench: the server did not start\n{''.join(seen)}")


def ask(port: int, path: str, requests: int) -> None:
    """Sends so many requests on one connection, in writes of PIPELINED, and checks that all are answered alike."""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port), ANSWER_TIMEOUT_SECONDS) as connection:
        answers = connection.makefile("rb")
        body = None
        for _ in range(requests // PIPELINED):
            connection.sendall(request * PIPELINED)
            for _ in range(PIPELINED):
                status, got = read_answer(answers)
                if status != 200 or (body is not None and got != body):
                    raise SystemExit(f"bench: {path} was answered {status} {got!r}")
                body = got


def read_answer(answers: BinaryIO) -> tuple[int, bytes]:
    """Status and body of the next answer, which says its length."""
    status = int(answers.readline().split()[1])
    length = 0
    while line := answers.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return status, answers.read(length)


if __name__ == "__main__":
    sys.exit(main())
