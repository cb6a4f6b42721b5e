"""If io_uring is forbidden, as in most containers, `auto` serves on tokio and says why; engines that need it refuse."""

from __future__ import annotations

import ctypes
import errno
import json
import struct
import subprocess
from collections.abc import Callable

import pytest

from places import COMMAND
from server_process import ServerProcess, environment

PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
# The same number on every architecture; so are the two others of io_uring.
IO_URING_SETUP = 425
IO_URING_ENTER = 426
RETURN_ERRNO = 0x0005_0000
RETURN_ALLOW = 0x7FFF_0000
# BPF: load a word, jump if equal, return.
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06

REASONS = {errno.EPERM: "forbidden", errno.ENOSYS: "no io_uring"}


class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def forbid(error: int, call: int = IO_URING_SETUP) -> Callable[[], None]:
    """What a child process does before it becomes the command: the filter that Docker and others have by default."""
    instructions = [
        (LOAD, 0, 0, 0),
        (JUMP_IF_EQUAL, 0, 1, call),
        (RETURN, 0, 0, RETURN_ERRNO | error),
        (RETURN, 0, 0, RETURN_ALLOW),
    ]
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    libc = ctypes.CDLL(None, use_errno=True)

    def install() -> None:
        program = Program(len(instructions), code)
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
            PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program)
        ):
            raise OSError(ctypes.get_errno(), "no filter can be installed")

    return install


def run(
    *arguments: str, error: int, call: int = IO_URING_SETUP
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(COMMAND), *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=forbid(error, call),
    )


@pytest.mark.parametrize("call", [IO_URING_SETUP, IO_URING_ENTER])
@pytest.mark.parametrize("error", REASONS, ids=errno.errorcode.get)
@pytest.mark.parametrize("engine", ["uring", "glommio"])
def test_an_engine_that_needs_it_says_in_one_line_why_not(
    engine: str, error: int, call: int
) -> None:
    app = ("multi_route_app:app", "--app-dir", "examples")
    ended = run(*app, "--engine", engine, error=error, call=call)
    assert ended.returncode == 2
    [line] = ended.stderr.strip().splitlines()
    assert f"engine {engine} is not available" in line
    assert REASONS[error] in line


@pytest.mark.parametrize("error", REASONS, ids=errno.errorcode.get)
def test_doctor_finds_the_machine_fit_all_the_same(error: int) -> None:
    ended = run("doctor", "--json", error=error)
    assert ended.returncode == 0
    findings = {one["name"]: one for one in json.loads(ended.stdout)["findings"]}
    assert findings["engine tokio"]["verdict"] == "ok"
    for engine in ("uring", "glommio"):
        assert findings[f"engine {engine}"]["verdict"] == "warn"
        assert REASONS[error] in findings[f"engine {engine}"]["detail"]


@pytest.mark.parametrize("call", [IO_URING_SETUP, IO_URING_ENTER])
def test_auto_serves_on_tokio_and_says_why(call: int) -> None:
    prepare = forbid(errno.EPERM, call)
    with ServerProcess("probe_app:app", "--shards", "1", prepare=prepare) as server:
        [line] = [line for line in server.log.splitlines() if line.strip().startswith("engine ")]
        assert "tokio (auto" in line
        assert "not uring: io_uring is forbidden here" in line
        with server.client() as client:
            assert client.get("/counts").status_code == 200
