"""Drives a headless Chromium over its DevTools pipe: opens a page, emulates a screen, evaluates, takes pictures.

The pipe (file descriptors 3 and 4, messages that end with a NUL) needs no port and no WebSocket library. Does not know
what the pages show.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

TIMEOUT_S = 60.0
NAMES = ("chromium", "chromium-browser", "google-chrome")


class ChromiumFailed(Exception):
    """The browser refused, or did not answer; the text is one line."""


def find_chromium() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


class Chromium:
    """One browser with one page. What the page logged as an error is in `errors`."""

    def __init__(self, program: str, *options: str) -> None:
        self.errors: list[str] = []
        self._profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        self._commands_out, self._commands_in = os.pipe()
        self._answers_out, self._answers_in = os.pipe()
        self._received = b""
        self._number = 0
        self._session: str | None = None
        self._events: list[str] = []
        # The sandbox needs rights that containers and root do not have; the page is our own.
        command = [
            program,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--remote-debugging-pipe",
        ]
        command += ["--no-first-run", "--disable-background-networking", "--hide-scrollbars"]
        command += [f"--user-data-dir={self._profile.name}", *options, "about:blank"]
        # The browser wants exactly these numbers.
        moved = f'exec 3<&{self._commands_out} 4>&{self._answers_in}; exec "$@"'
        self._process = subprocess.Popen(
            ["bash", "-c", moved, "bash", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(self._commands_out, self._answers_in),
        )
        os.close(self._commands_out)
        os.close(self._answers_in)

    def __enter__(self) -> Self:
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._commands_in)
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._answers_out)
        self._profile.cleanup()

    def screen(self, width: int, height: int, *, dark: bool, medium: str = "") -> None:
        """As a phone if it is narrow; `medium` may be print."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if width < 600 else 1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", media=medium, features=[scheme])

    def open(self, page: Path) -> None:
        self.visit(page.resolve().as_uri())

    def visit(self, url: str) -> None:
        """Until the page and all that it names are loaded."""
        self._events.clear()
        self.ask("Page.navigate", url=url)
        deadline = time.monotonic() + TIMEOUT_S
        while "Page.loadEventFired" not in self._events:
            self._receive(deadline)

    def evaluate(self, script: str) -> Any:
        """What it comes to; of a promise, what that is kept with."""
        answer = self.ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise ChromiumFailed(f"the script failed: {answer['exceptionDetails']}"[:500])
        return answer["result"].get("value")

    def picture(self, file: Path) -> None:
        """Of the whole page, however long."""
        answer = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(answer["data"]))

    def picture_of(self, file: Path, top: float, height: float, width: float) -> None:
        """Of a part of the page."""
        clip = {"x": 0, "y": top, "width": width, "height": height, "scale": 1}
        answer = self.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        file.write_bytes(base64.b64decode(answer["data"]))

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._commands_in, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            answer = self._receive(deadline)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise ChromiumFailed(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _receive(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._received:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._answers_out], [], [], left)[0]:
                raise ChromiumFailed(f"no answer within {TIMEOUT_S:g} s")
            found = os.read(self._answers_out, 1 << 20)
            if not found:
                raise ChromiumFailed("the browser ended")
            self._received += found
        first, _, self._received = self._received.partition(b"\0")
        message: dict[str, Any] = json.loads(first)
        self._note(message)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        method, about = message.get("method", ""), message.get("params", {})
        self._events.append(method)
        if method == "Runtime.exceptionThrown":
            self.errors.append(str(about["exceptionDetails"].get("text")))
        if method == "Log.entryAdded" and about["entry"]["level"] in {"error", "warning"}:
            self.errors.append(about["entry"]["text"])
        if method == "Runtime.consoleAPICalled" and about["type"] in {"error", "warning", "assert"}:
            self.errors.append(f"console: {about['args']}"[:300])
