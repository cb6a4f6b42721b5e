"""Reads the code blocks of the documentation, and sends the requests of its console blocks. Knows nothing of pytest."""

from __future__ import annotations

import getopt
import http.client
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from places import ROOT
from server_process import environment, run_command
from waiting import TIMEOUT_S

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# `<!-- not run: reason -->` right above a block takes it out.
_BLOCK = re.compile(
    r"^(?:<!-- (?P<note>[^\n]*) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# An app of our own, one of a framework that the tests have, or a bare ASGI or WSGI app.
_APP = re.compile(
    r"^(app = (App|FastAPI|Starlette|Litestar|Flask)\(|async def app\(scope, receive, send\):"
    r"|def app\(environ, start_response\):)",
    re.MULTILINE,
)
_CLIENT = "# client.py\n"
_DATE = re.compile(r"^date: .*$", re.MULTILINE)


class Step(NamedTuple):
    """One line after a `$`, and the output shown below it."""

    command: str
    shown: str


class Example(NamedTuple):
    """A Python block that defines an app; the client right after it and the console block after that, if there are."""

    name: str
    source: str
    client: str
    steps: list[Step]

    @property
    def is_native(self) -> bool:
        return "app = App()" in self.source

    @property
    def requests(self) -> list[Step]:
        return [
            step for step in self.steps if step.command.startswith(("curl ", "python client.py"))
        ]

    @property
    def options(self) -> list[str]:
        """The server's arguments, where a line starts it: `turbo-shard app:app --body-max 1K &`."""
        started = [step.command for step in self.steps if step.command.endswith(" &")]
        return [word for command in started for word in shlex.split(command)[2:-1]]

    @property
    def lists(self) -> list[Step]:
        return [step for step in self.steps if step.command.startswith("turbo-shard routes ")]

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
        after = blocks[number + 1 :]
        client = ""
        if after and after[0]["language"] == "python" and after[0]["text"].startswith(_CLIENT):
            client = after.pop(0)["text"]
        is_console = bool(after) and after[0]["language"] == "console"
        line = text.count("\n", 0, block.start()) + 1
        steps = steps_of(after[0]["text"]) if is_console else []
        found.append(Example(f"{page.name}:{line}", block["text"], client, steps))
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
    """What curl prints, for the parts of curl that the documentation uses."""
    options, [url] = getopt.gnu_getopt(shlex.split(command)[1:], "sigX:H:d:b:")
    given = dict(options)
    headers = dict(re.split(r":\s*", text, maxsplit=1) for flag, text in options if flag == "-H")
    body = given.get("-d")
    if body is not None:
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    if "-b" in given:
        headers["Cookie"] = given["-b"]
    method = given.get("-X", "GET" if body is None else "POST")
    # The server gets what the reader would send it, at any port.
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


def run_client(source: str, port: int) -> str:
    """What the client of an example prints. It gets the server's real address, which is not the page's."""
    told = source.replace("localhost:8000", f"127.0.0.1:{port}")
    return subprocess.run(
        [sys.executable, "-c", told],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT_S,
    ).stdout


def turbo_shard(command: str, folder: Path) -> str:
    """The output of a command that does not serve."""
    if "|" not in command:
        return run_command(*shlex.split(command)[1:], cwd=folder).stderr
    # A shell line that takes a part of the server's answer.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment(PATH=path),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT_S,
    ).stdout


def comparable(shown: str) -> str:
    """Without the date, and without line ends that only look better."""
    return _DATE.sub("date: then", shown).strip("\n")
