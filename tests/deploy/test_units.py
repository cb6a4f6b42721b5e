"""systemd's and logrotate's own checks of the files of examples/deploy, and what the kernel says of sysctl.conf."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from places import COMMAND
from proxies import FILES, UNPACKED, run_program

INSTALLED = "/srv/app/.venv/bin/turbo-shard"
UNIT_NAMES = ["turbo-shard.service", "turbo-shard.socket"]


def verified(folder: Path, **changed: str) -> str:
    """What systemd-analyze says of all units, after a replacement in one of them."""
    for name in UNIT_NAMES:
        text = (FILES / name).read_text().replace(INSTALLED, str(COMMAND))
        for place, value in changed.items():
            text = text.replace(place, value)
        (folder / name).write_text(text)
    # The units that come with an unpacked systemd, beside those of this machine.
    places = [*UNPACKED.glob("lib/systemd/system"), *UNPACKED.glob("usr/lib/systemd/system")]
    path = ":".join([*map(str, places), "/usr/lib/systemd/system", "/lib/systemd/system"])
    run = run_program(
        *("systemd-analyze", "verify", "--man=no", "--recursive-errors=no"),
        *(str(folder / name) for name in UNIT_NAMES),
        SYSTEMD_UNIT_PATH=path,
    )
    if run.returncode != 0:
        return f"status {run.returncode}: {run.stdout}"
    # Of an unpacked systemd it also says that the links between its own units look odd.
    return "\n".join(line for line in run.stdout.splitlines() if "turbo-shard." in line)


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    assert verified(tmp_path) == ""


def test_a_misspelt_line_of_a_unit_is_seen(tmp_path: Path) -> None:
    assert "'KilMode'" in verified(tmp_path, KillMode="KilMode")


def calls_of(group: str) -> set[str]:
    """System calls of one of systemd's groups, with those of the groups in it."""
    listed = run_program("systemd-analyze", "syscall-filter", group)
    assert listed.returncode == 0, listed.stdout
    names = re.findall(r"^    ([@\w]+)$", listed.stdout, flags=re.MULTILINE)
    inner = [calls_of(name) for name in names if name.startswith("@")]
    return {name for name in names if not name.startswith("@")}.union(*inner)


@pytest.mark.parametrize(
    "call", ["io_uring_setup", "io_uring_enter", "io_uring_register", "sched_setaffinity", "bpf"]
)
def test_filter_of_the_unit_lets_through_what_engines_and_pinning_call(call: str) -> None:
    [group] = re.findall(r"^SystemCallFilter=(.*)$", unit_text(), flags=re.MULTILINE)
    # The control: bpf is a call that the server has no use for.
    assert (call in calls_of(group)) is (call != "bpf")


def unit_text() -> str:
    return (FILES / "turbo-shard.service").read_text()


def test_kernel_knows_the_settings() -> None:
    lines = (FILES / "sysctl.conf").read_text().splitlines()
    settings = [line.split(" = ") for line in lines if line and not line.startswith("#")]
    assert len(settings) >= 3
    for name, value in settings:
        assert Path("/proc/sys", *name.split(".")).exists(), name
        assert value.isdigit()
