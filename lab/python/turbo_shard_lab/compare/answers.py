"""Asks each arm before it is measured, and decides what every right answer under load must be. Measures nothing."""

from __future__ import annotations

import http.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 30.0
PLACE = b"{n}"
# The value of {n} in the two probes; as many digits as turbo-load's numbers have.
NUMBERS = ("1234", "5678")
SHOWN_CHARACTERS_MAX = 120


class NoSuccess(Exception):
    """The app does not answer with success; one line with the status and the beginning of the body."""


class ArmsDiffer(Exception):
    """An arm answers differently from the others where that cannot be chance; one line."""


class NoAnswer(Exception):
    """A server that was ready does not answer; one line."""


@dataclass(frozen=True)
class Route:
    """What is asked."""

    method: str
    path: str
    headers: tuple[str, ...] = ()
    body: bytes = b""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Answer:
    """What came back; if {n} was in the request, its number in the body is replaced by {n} again."""

    status: int
    content_type: str
    body: bytes
    # The body had {n} in it by itself, which the generator would fill in.
    has_place: bool = False

    @property
    def first_line(self) -> str:
        text = self.body.decode(errors="replace").strip()
        return text.splitlines()[0][:SHOWN_CHARACTERS_MAX] if text else "(no body)"


@dataclass(frozen=True)
class Expected:
    """The model for checking every answer under load; without a body only the status, for the reason given."""

    status: int
    body: bytes | None
    reason: str = ""


def probe(host: str, port: int, route: Route) -> list[Answer]:
    """Two answers, each on a connection of its own."""
    return [ask(host, port, route, number) for number in NUMBERS]


def ask(host: str, port: int, route: Route, number: str) -> Answer:
    path = route.path.replace(PLACE.decode(), number)
    headers = dict(header.split(": ", 1) for header in route.headers if ": " in header)
    body = route.body.replace(PLACE, number.encode())
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request(route.method, path, body=body or None, headers=headers)
        response = connection.getresponse()
        received = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"{route} is not answered: {error or type(error).__name__}") from None
    finally:
        connection.close()
    varies = path != route.path or body != route.body
    return Answer(
        response.status,
        response.headers.get("content-type", ""),
        received.replace(number.encode(), PLACE) if varies else received,
        PLACE in received,
    )


def expected(
    route: Route, answers: Mapping[str, Sequence[Answer]], *, any_body: bool, only_text: bool
) -> Expected:
    """Decides from what each arm, by its name, has answered."""
    refuse_failures(route, answers)
    first_arm, first = next((arm, found[0]) for arm, found in answers.items())
    for arm, found in answers.items():
        for answer in found:
            for what in ("status", "content_type"):
                ours, theirs = getattr(first, what), getattr(answer, what)
                if ours != theirs:
                    raise ArmsDiffer(
                        f"{arm} answers {route} with the {what.replace('_', ' ')} {theirs!r}, {first_arm} with {ours!r}"
                    )
    reason = why_unchecked(route, answers, any_body=any_body, only_text=only_text)
    return Expected(first.status, None if reason else first.body, reason)


def refuse_failures(route: Route, answers: Mapping[str, Sequence[Answer]]) -> None:
    failures = {
        arm: answer
        for arm, found in answers.items()
        for answer in found
        if not 200 <= answer.status < 300
    }
    if not failures:
        return
    arm, answer = next(iter(failures.items()))
    if len(failures) < len(answers):
        fine = next(name for name in answers if name not in failures)
        raise ArmsDiffer(
            f"{arm} answers {route} with {answer.status}: {answer.first_line}; {fine} answers with success"
        )
    raise NoSuccess(
        f"{route} is answered with {answer.status}: {answer.first_line}; only answers of success are measured"
    )


def why_unchecked(
    route: Route, answers: Mapping[str, Sequence[Answer]], *, any_body: bool, only_text: bool
) -> str:
    """Why bodies are not compared under load; empty where they are."""
    if any_body:
        return f"{route}: only the status of answers was checked, as --any-body asks"
    every = [answer for found in answers.values() for answer in found]
    checked = "only the status of its answers was checked under load"
    for arm, found in answers.items():
        if len({answer.body for answer in found}) > 1:
            return f"{route} answers with another body each time ({arm}): {checked}"
    if len({answer.body for answer in every}) > 1:
        return f"{route} answers with another body in each arm: {checked}"
    if any(answer.has_place for answer in every):
        return f"the body of {route} holds {{n}}, which the load generator would fill in: {checked}"
    if only_text and not is_text(every[0].body):
        return f"the body of {route} is no text, which a mix cannot hold: {checked}"
    return ""


def is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def sent_bytes(body: str) -> bytes:
    """The meaning of `--body`."""
    return Path(body[1:]).read_bytes() if body.startswith("@") else body.encode()
