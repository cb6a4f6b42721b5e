"""`turbo-shard doctor`: examines whether and how well this machine can serve, and says what would help.

Each probe reads one thing and judges it; none changes anything or opens a port. Engines and cores come from the native
module, which decides when a server starts.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import sys
from collections.abc import Sequence
from typing import Any

from ..cli.command_line import HELP_FLAGS, HELP_ROW, Split, UsageError, help_lines, say
from ..cli.given_options import split_for_server, told
from ..native_module import NativeMissing, native_module
from ..serving import banner
from ..user_code.gil_watch import is_free_threaded, is_gil_on
from .finding import Finding, Verdict

# Files a shard needs before it has a single connection, with room for what the app opens.
OPEN_FILES_MIN = 128
# Connections that a modest server holds at once, and their sockets.
OPEN_FILES_WANTED = 4096
# Older kernels have io_uring without features that the engine uring needs.
URING_KERNEL_WANTED = (5, 19)
KERNELS_WANTED = (
    ((5, 8), "the engine glommio needs Linux 5.8 or newer, uring 5.19"),
    (URING_KERNEL_WANTED, "the engine uring needs Linux 5.19 or newer, and is faster from 6.1 on"),
)
# Bit of the capability with which locked memory is not counted.
CAP_IPC_LOCK = 14
# A ring that has ended gives its memory back late, and one limit covers all servers of a user.
MEMLOCK_ROOM = 2
# The listeners' default backlog.
SOMAXCONN_WANTED = 1024

EXIT_CANNOT_SERVE = 1

HELP = """\
usage: turbo-shard doctor [APP] [--json] [options of a start]

Examines whether and how well this machine can serve, and says what would help. With APP
also what would happen to that app at its start: how it is called, how many instances
there would be, which packages are each shard's own, and what would be done where it
cannot be had twice. It is imported, and not served.
Exits with 0 if it can be served, with 1 if something makes it impossible.

options:
{options}"""

ROWS = (("--json", "print JSON for scripts"), HELP_ROW)


def command(arguments: Sequence[str]) -> int:
    """Runs `turbo-shard doctor` and returns its exit status."""
    given = split_for_server(arguments, switches=["--json", *HELP_FLAGS])
    if set(HELP_FLAGS).intersection(given.switches):
        return say(HELP.format(options=help_lines(ROWS)))
    if len(given.rest) > 1:
        raise UsageError(f"{given.rest[1]!r} is one argument too many")
    text, can_serve = report(
        as_json="--json" in given.switches, app=of_app(given) if given.rest else []
    )
    say(text)
    return 0 if can_serve else EXIT_CANNOT_SERVE


def of_app(given: Split) -> list[Finding]:
    """The same options as for a start say how the app is found, and how it would be served."""
    from .app import examine_app

    settings = told(given).settings
    shards = settings.shards
    if shards is None:
        try:
            shards = native_module().allowed_cores()["default_shards"]
        except NativeMissing:
            return []
    # The app's own output is not part of the answer.
    with contextlib.redirect_stdout(sys.stderr):
        return examine_app(given.rest[0], settings, shards=shards)


def report(*, as_json: bool = False, app: Sequence[Finding] = ()) -> tuple[str, bool]:
    """All findings as text, and whether this machine can serve."""
    findings = [*examine(), *app]
    can_serve = all(finding.verdict is not Verdict.FAIL for finding in findings)
    return (json_text if as_json else person_text)(findings, can_serve), can_serve


def examine() -> list[Finding]:
    findings = [python_build(), gil_now(), gil_variable(), *pydantic()]
    limits: list[Finding] = []
    try:
        native = native_module()
    except NativeMissing as error:
        findings.append(Finding("native module", Verdict.FAIL, str(error)))
        native = None
    else:
        findings.append(Finding("native module", Verdict.OK, f"loaded from {native.__file__}"))
        allowed = native.allowed_cores()
        shards = allowed["default_shards"]
        probes = native.probe_engines(shards)
        findings += engines(probes)
        findings.append(allowed_cores(allowed))
        limits.append(locked_memory(probes, shards))
    findings += [io_uring_switch(), kernel_version(), *limits, open_files()]
    findings += [queue_bound(), migration(), huge_pages()]
    return findings


def person_text(findings: list[Finding], can_serve: bool) -> str:
    width = max(len(finding.name) for finding in findings)
    colours = {Verdict.OK: "32", Verdict.WARN: "33", Verdict.FAIL: "31"}
    lines = []
    for finding in findings:
        verdict = f"{finding.verdict:<4}"
        if banner.is_coloured(sys.stdout):
            verdict = f"\x1b[{colours[finding.verdict]}m{verdict}\x1b[0m"
        lines.append(f"{verdict}  {finding.name:<{width}}  {finding.detail}")
        if finding.advice:
            lines.append(f"{'':<{width + 6}}  -> {finding.advice}")
    warnings = sum(finding.verdict is Verdict.WARN for finding in findings)
    lines.append("")
    if not can_serve:
        lines.append("turbo-shard cannot serve here; see the lines marked fail")
    elif warnings:
        lines.append(
            f"turbo-shard can serve here; {warnings} thing{'s' * (warnings > 1)} could be better"
        )
    else:
        lines.append("turbo-shard can serve here")
    return "\n".join(lines)


def json_text(findings: list[Finding], can_serve: bool) -> str:
    import json

    facts = {
        "can_serve": can_serve,
        "findings": [finding._asdict() for finding in findings],
    }
    return json.dumps(facts, indent=2)


# Python.


def python_build() -> Finding:
    detail = f"{banner.python_build()} ({sys.executable})"
    if is_free_threaded():
        return Finding("python build", Verdict.OK, detail)
    return Finding(
        "python build",
        Verdict.WARN,
        detail,
        "shards run Python one at a time; use python3.14t or python3.13t, or serve with --mode process",
    )


def gil_now() -> Finding:
    if not is_gil_on():
        return Finding(
            "gil now", Verdict.OK, "off (an app's extension modules may still switch it on)"
        )
    if not is_free_threaded():
        return Finding("gil now", Verdict.WARN, "on, as in every build with a GIL")
    return Finding(
        "gil now",
        Verdict.WARN,
        "on, although this build can do without",
        "unset PYTHON_GIL and start without -X gil=1",
    )


def gil_variable() -> Finding:
    value = os.environ.get("PYTHON_GIL")
    if value is None:
        return Finding("PYTHON_GIL", Verdict.OK, "not set")
    if value == "0":
        return Finding(
            "PYTHON_GIL",
            Verdict.WARN,
            "0: the GIL stays off even for extension modules that are not made for that",
            "unset it unless you know that every extension module of the app is safe",
        )
    return Finding("PYTHON_GIL", Verdict.WARN, f"{value}: the GIL is switched on", "unset it")


def pydantic() -> list[Finding]:
    """On 3.13t pip compiles the newest pydantic for minutes and fails; better to know before trying."""
    from importlib.util import find_spec

    from ..loading.app_hints import PYDANTIC_FOR_3_13T, is_3_13t

    if not is_3_13t():
        return []
    if find_spec("pydantic") is not None:
        return [Finding("pydantic", Verdict.OK, "installed")]
    return [
        Finding(
            "pydantic",
            Verdict.OK,
            "not installed; its newer releases have no wheel for Python 3.13t",
            f"for FastAPI: pip install fastapi '{PYDANTIC_FOR_3_13T}'",
        )
    ]


# The native module's probes.


def engines(probes: list[dict[str, Any]]) -> list[Finding]:
    """Without any engine nothing can be served; if one of several is missing, that is only a warning."""
    none_works = not any(probe["available"] for probe in probes)
    findings = []
    for probe in probes:
        name = f"engine {probe['name']}"
        if probe["available"]:
            lacks = ", ".join(probe["lacks"])
            detail = f"works here, without {lacks}" if lacks else "works here"
            findings.append(Finding(name, Verdict.OK, detail))
        else:
            verdict = Verdict.FAIL if none_works else Verdict.WARN
            advice = "--engine auto passes over it"
            findings.append(Finding(name, verdict, probe["reason"], "" if none_works else advice))
    return findings


def allowed_cores(allowed: dict[str, Any]) -> Finding:
    cores, quota = allowed["cores"], allowed["quota"]
    machine = os.cpu_count() or len(cores)
    detail = f"{len(cores)} of {machine} ({banner.in_ranges(cores)}); "
    detail += "no cgroup quota" if quota is None else f"cgroup quota of {quota:g} CPUs"
    detail += f"; --shards is {allowed['default_shards']} by default"
    if quota is not None and quota < len(cores):
        return Finding(
            "allowed cores",
            Verdict.WARN,
            detail,
            "a quota stops all shards together once it is used up; whole cores (cpuset) serve more evenly",
        )
    return Finding("allowed cores", Verdict.OK, detail)


# The kernel.


def io_uring_switch() -> Finding:
    value = sysctl("kernel.io_uring_disabled")
    name = "io_uring"
    if value is None:
        return Finding(name, Verdict.OK, "no kernel.io_uring_disabled here; see the engines above")
    if value == "0":
        return Finding(name, Verdict.OK, "allowed for everyone (kernel.io_uring_disabled = 0)")
    whom = "for processes without CAP_SYS_ADMIN" if value == "1" else "for everyone"
    return Finding(
        name,
        Verdict.WARN,
        f"switched off {whom} (kernel.io_uring_disabled = {value})",
        "sysctl -w kernel.io_uring_disabled=0 allows the engines uring and glommio; tokio needs none of it",
    )


def kernel_version() -> Finding:
    release = os.uname().release
    match = re.match(r"(\d+)\.(\d+)", release)
    version = (int(match[1]), int(match[2])) if match else URING_KERNEL_WANTED
    for needed, advice in KERNELS_WANTED:
        if version < needed:
            return Finding("kernel", Verdict.WARN, f"Linux {release}", advice)
    return Finding("kernel", Verdict.OK, f"Linux {release}")


def locked_memory(probes: list[dict[str, Any]], shards: int) -> Finding:
    """Whether the rings of all shards fit into what this user may lock."""
    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    name, detail = "RLIMIT_MEMLOCK", f"{size(soft)} (at most {size(hard)})"
    needs = {probe["name"]: probe["locked_bytes"] for probe in probes if probe["locked_bytes"]}
    several = f"{shards} shard{'s' * (shards > 1)}"
    words = ", ".join(f"{engine} {size(needed)}" for engine, needed in sorted(needs.items()))
    detail += f"; {several} lock {words}"
    if is_capable(CAP_IPC_LOCK):
        return Finding(name, Verdict.OK, f"{detail}, not counted for this user (CAP_IPC_LOCK)")
    wanted = max(MEMLOCK_ROOM * max(needs.values()), 1)
    if is_below(soft, wanted):
        kib = -(-wanted // 1024)
        advice = (
            f"ulimit -l {kib}, or LimitMEMLOCK={kib}K, has room for all of them and for a successor"
        )
        return Finding(name, Verdict.WARN, detail, advice)
    return Finding(name, Verdict.OK, detail)


def is_capable(capability: int) -> bool:
    """Whether this process has a capability of Linux."""
    try:
        with open("/proc/self/status", encoding="utf-8") as file:
            found = re.search(r"^CapEff:\s*([0-9a-f]+)$", file.read(), re.MULTILINE)
    except OSError:
        return False
    return found is not None and bool(int(found[1], 16) >> capability & 1)


def open_files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    name, detail = "RLIMIT_NOFILE", f"{count(soft)} open files (at most {count(hard)})"
    advice = "each connection is an open file: ulimit -n 65536, or LimitNOFILE=65536"
    if is_below(soft, OPEN_FILES_MIN):
        return Finding(name, Verdict.FAIL, detail, advice)
    if is_below(soft, OPEN_FILES_WANTED):
        return Finding(name, Verdict.WARN, detail, advice)
    return Finding(name, Verdict.OK, detail)


def queue_bound() -> Finding:
    value = sysctl("net.core.somaxconn")
    name = "somaxconn"
    if value is None or not value.isdigit():
        return Finding(name, Verdict.OK, "cannot be read here")
    if int(value) < SOMAXCONN_WANTED:
        return Finding(
            name,
            Verdict.WARN,
            f"{value} connections may wait to be accepted, whatever --backlog says",
            f"sysctl -w net.core.somaxconn={SOMAXCONN_WANTED}",
        )
    return Finding(name, Verdict.OK, f"{value} connections may wait to be accepted")


def migration() -> Finding:
    value = sysctl("net.ipv4.tcp_migrate_req")
    name = "tcp_migrate_req"
    if value is None:
        return Finding(name, Verdict.OK, "not known to this kernel (Linux 5.14 and newer)")
    if value == "1":
        return Finding(
            name, Verdict.OK, "1: connections that wait at a closing listener move to another"
        )
    return Finding(
        name,
        Verdict.WARN,
        f"{value}: closing one shard's listener resets the connections that wait at it",
        "sysctl -w net.ipv4.tcp_migrate_req=1 lets them move to another shard",
    )


def huge_pages() -> Finding:
    text = read_line("/sys/kernel/mm/transparent_hugepage/enabled")
    match = re.search(r"\[(\w+)\]", text or "")
    name = "huge pages"
    if match is None:
        return Finding(name, Verdict.OK, "no transparent huge pages here")
    if match[1] == "always":
        return Finding(
            name,
            Verdict.WARN,
            "transparent huge pages: always; each thread's heap may take some MiB more",
            "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled keeps memory small",
        )
    return Finding(name, Verdict.OK, f"transparent huge pages: {match[1]}")


def sysctl(name: str) -> str | None:
    return read_line("/proc/sys/" + name.replace(".", "/"))


def read_line(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return None


def is_below(limit: int, wanted: int) -> bool:
    return limit != resource.RLIM_INFINITY and limit < wanted


def count(limit: int) -> str:
    return "unlimited" if limit == resource.RLIM_INFINITY else str(limit)


def size(limit: int) -> str:
    return "unlimited" if limit == resource.RLIM_INFINITY else f"{limit // 1024} KiB"
