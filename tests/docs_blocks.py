"""Reads the code blocks of the documentation, and asks what its console blocks ask. Knows nothing of pytest."""

from __future__ import annotations

import getopt
import http.client
import re
import shlex
from pathlib import Path
from typing import NamedTuple

from server_process import ROOT, run_command
from waiting import TIMEOUT_S

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# `<!-- not run: reason -->` right above a block takes it out.
_BLOCK = re.compile(
    r"^(?:<!-- (?P<note>[^\n]*) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# An app of our own, or a WSGI app.
_APP = re.compile(r"^(app = App\(\)|def app\(environ, start_response\):)", re.MULTILINE)
_DATE = re.compile(r"^date: .*$", re.MULTILINE)


class Step(NamedTuple):
    """One line after a `$`, and what is shown below it."""

    command: str
    shown: str


class Example(NamedTuple):
    """A Python block that defines an app, and the console block right after it, if there is one."""

    name: str
    source: str
    steps: list[Step]

    @property
    def is_wsgi(self) -> bool:
        return "def app(environ, start_response):" in self.source

    @property
    def requests(self) -> list[Step]:
        return [step for step in self.steps if step.command.startswith("curl ")]

    @property
    def refusals(self) -> list[Step]:
        return [step for step in self.steps if step.shown.startswith("turbo-shard: error: ")]


def examples(page: Path) -> list[Example]:
    text = page.read_text()
    blocks = list(_BLOCK.finditer(text))
    found = []
    for number, block in enumerate(blocks):
        is_out = (block["note"] or "").startswith("not run: ")
        if block["language"] != "python" or not _APP.search(block["text"]) or is_out:
            continue
        after = blocks[number + 1] if number + 1 < len(blocks) else None
        is_console = after is not None and after["language"] == "console"
        line = text.count("\n", 0, block.start()) + 1
        name = f"{page.name}:{line}"
        steps = steps_of(after["text"]) if after is not None and is_console else []
        found.append(Example(name, block["text"], steps))
    return found


def steps_of(console: str) -> list[Step]:
    _, *parts = re.split(r"^\$ ", console, flags=re.MULTILINE)
    steps = []
    for part in parts:
        # A backslash continues a command on the next line.
        command, _, shown = part.replace("\\\n", " ").partition("\n")
        steps.append(Step(command.strip(), shown.strip("\n")))
    return steps


def curl(command: str, port: int) -> str:
    """What curl prints, with as much of curl as the documentation uses."""
    options, [url] = getopt.gnu_getopt(shlex.split(command)[1:], "sigX:H:d:b:")
    given = dict(options)
    headers = dict(re.split(r":\s*", text, maxsplit=1) for flag, text in options if flag == "-H")
    body = given.get("-d")
    if body is not None:
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    if "-b" in given:
        headers["Cookie"] = given["-b"]
    method = given.get("-X", "GET" if body is None else "POST")
    # The server is told what the reader would tell it, wherever it listens.
    host, slash, target = url.removeprefix("http://").partition("/")
    if not host.endswith(":8000"):
        raise ValueError(f"the documentation's server is on port 8000: {command}")
    headers.setdefault("Host", host)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request(method, slash + target, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    if "-i" not in given:
        return text
    fields = "".join(f"{name}: {value}\n" for name, value in answer.getheaders())
    return f"HTTP/1.1 {answer.status} {answer.reason}\n{fields}\n{text}"


def turbo_shard(command: str, folder: Path) -> str:
    """What the command line says, for what does not serve."""
    return run_command(*shlex.split(command)[1:], cwd=folder).stderr


def comparable(shown: str) -> str:
    """Without the date, and without the line ends that only look better."""
    return _DATE.sub("date: then", shown).strip("\n")
