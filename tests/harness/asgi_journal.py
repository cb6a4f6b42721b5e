"""The test's side of tests/apps/asgi_stage.py: journals read, gates opened, scripts sent."""

from __future__ import annotations

import ast
import itertools
from typing import Any

from raw_http import RawClient
from server_process import ServerProcess
from waiting import wait_until

_numbers = itertools.count()


class Act:
    """One call of an app's act, with a key of its own in the app's journal."""

    def __init__(self, server: ServerProcess, name: str, **query: object) -> None:
        self.server = server
        self.key = f"{name}-{next(_numbers)}"
        fields = {"key": self.key} | query
        self.target = f"/do/{name}?" + "&".join(f"{key}={value}" for key, value in fields.items())

    def entries(self) -> list[Any]:
        entries = ask(self.server, f"/journal?key={self.key}")
        assert isinstance(entries, list)
        return entries

    def wait_for(self, *entries: Any) -> None:
        """Waits until the app has noted all of these, in any order and among others."""
        seen: list[Any] = []

        def noted() -> bool:
            seen[:] = self.entries()
            return all(entry in seen for entry in entries)

        try:
            wait_until(noted, f"the app to note {entries}")
        except TimeoutError as error:
            raise AssertionError(f"{error}; it noted {seen}\n{self.server.log}") from None

    def open_gate(self) -> None:
        with RawClient(self.server) as raw:
            assert raw.get(f"/open?key={self.key}").answer().status == 200


def ask(server: ServerProcess, target: str) -> Any:
    """The Python literal that an answer is."""
    with RawClient(server) as raw:
        answer = raw.get(target).answer()
    assert answer.status == 200, (answer, server.log)
    return ast.literal_eval(answer.body.decode("latin-1"))
