"""Limits of a request's head: each as it was set, in every mode and on every engine."""

from __future__ import annotations

import pytest

from arms import ARMS, Arm
from places import EXAMPLES
from raw_http import RawClient
from server_process import ServerProcess, run_command

OPTIONS = ("--head-max", "100K", "--head-fields-max", "5", "--url-max", "2K")
URL_MAX = 2 * 1024
HEAD_MAX = 100 * 1024


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: f"{arm.mode}-{arm.engine}")
def test_head_is_taken_up_to_each_limit_and_refused_beyond_it(arm: Arm) -> None:
    def status(target: str, *lines: str) -> int:
        with RawClient(server) as client:
            head = "\r\n".join((f"GET {target} HTTP/1.1", "Host: a", *lines, "", ""))
            return client.send(head.encode()).answer().status

    def filling(bytes: int) -> str:
        """The field that makes a head of `/health` so large."""
        return "X: " + "x" * (bytes - len("GET /health HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n"))

    options = (*arm.options, "--shards", "1", *OPTIONS)
    with ServerProcess("multi_route_app:app", *options, app_dir=EXAMPLES) as server:
        assert status("/" + "x" * (URL_MAX - 1)) == 404
        assert status("/" + "x" * URL_MAX) == 414
        assert status("/health", *["X: y"] * 4) == 200
        assert status("/health", *["X: y"] * 5) == 431
        assert status("/health", filling(HEAD_MAX)) == 200
        assert status("/health", filling(HEAD_MAX + 1)) == 431


def test_url_without_room_in_the_head_is_refused() -> None:
    run = run_command("app:app", "--head-max", "8K", "--limit-request-line", "8192")
    assert run.stderr == (
        "turbo-shard: error: --limit-request-line: 8 KiB must be less than the 8 KiB of --head-max\n"
    )
    run = run_command("app:app", "--head-max", "4K")
    assert run.stderr == (
        "turbo-shard: error: --head-max: 4 KiB must be more than the 8 KiB of url_max\n"
    )


@pytest.mark.parametrize(
    ("option", "value", "bounds"),
    [
        ("--head-max", "1000", "1 KiB to 1 MiB"),
        ("--head-max", "2M", "1 KiB to 1 MiB"),
        ("--head-fields-max", "257", "1 to 256 fields"),
        ("--url-max", "0", "64 bytes to 512 KiB"),
    ],
)
def test_limit_out_of_its_bounds_is_refused(option: str, value: str, bounds: str) -> None:
    run = run_command("app:app", option, value)
    assert run.stderr.endswith(f" is out of range; it may be {bounds}\n")
    assert run.stderr.startswith(f"turbo-shard: error: {option}: ")
