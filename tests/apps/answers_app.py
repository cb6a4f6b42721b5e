"""One route for each form of answer and each source of a parameter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

from turbo_shard import (
    App,
    Cookie,
    Header,
    HTMLResponse,
    HTTPException,
    JSONResponse,
    Query,
    RedirectResponse,
    Request,
    Response,
    StreamingResponse,
)

app = App()

IDENTITY = UUID("12345678-1234-5678-1234-567812345678")


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    x: int
    y: float = 0.5


class Loud(str):
    """A subclass: JSON must still see its text."""


ANSWERS: dict[str, Any] = {
    "dict": {"a": 1, "b": [True, None, 1.5, "é\n"]},
    "list": [1, "two", {"three": 3}],
    "tuple-in-list": [(1, 2)],
    "str": "plain é",
    "bytes": b"\x00\xff",
    "int": 7,
    "bool": True,
    "none": None,
    "with-status": ({"made": True}, 201),
    "with-headers": ("text", 202, {"X-Probe": "yes", "Content-Type": "text/csv"}),
    "none-with-status": (None, 404),
    "big-int": [2**200, -(2**64)],
    "subclass": [Loud("loud")],
    "values": {
        "when": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "who": IDENTITY,
        "price": Decimal("1.50"),
        "colour": Colour.RED,
        "point": Point(1),
    },
}

# Values that JSON has no words for: a clear 500 and a line in the log.
UNANSWERABLE: dict[str, Any] = {
    "nan": [float("nan")],
    "infinity": [float("inf")],
    "surrogate": ["\ud800"],
    "object": [object()],
    "bad-status": ("x", 42),
    "status-is-text": ("x", "200"),
    "header-with-line-end": ("x", 200, {"X-Probe": "a\r\nX-Evil: b"}),
    "header-without-name": ("x", 200, {"": "a"}),
    "header-with-space": ("x", 200, {"X Probe": "a"}),
    "header-is-no-text": ("x", 200, {"X-Probe": 5}),
}
deep: list[Any] = []
for _ in range(100_000):
    deep = [deep]
UNANSWERABLE["deep"] = deep
circle: list[Any] = []
circle.append(circle)
UNANSWERABLE["circle"] = circle


@app.get("/answers/{name}")
def answer(name: str) -> Any:
    return ANSWERS[name]


@app.get("/async/answers/{name}")
async def async_answer(name: str) -> Any:
    return ANSWERS[name]


@app.get("/unanswerable/{name}")
def unanswerable(name: str) -> Any:
    return UNANSWERABLE[name]


@app.get("/response")
def response() -> Response:
    made = Response("made by hand", 418, {"X-Probe": "1"}, "text/x-probe")
    made.set_cookie("session", "abc", httponly=True)
    made.set_cookie("theme", "dark")
    return made


@app.get("/json-response")
def json_response() -> JSONResponse:
    return JSONResponse(None, 203)


@app.get("/html")
def html() -> HTMLResponse:
    return HTMLResponse("<p>é</p>")


@app.get("/redirect")
def redirect() -> RedirectResponse:
    return RedirectResponse("/somewhere else", 303)


@app.get("/stream")
def stream() -> StreamingResponse:
    def pieces() -> Iterator[bytes | str]:
        yield b"bytes "
        yield ""
        yield "and é"

    return StreamingResponse(pieces(), 206, {"X-Probe": "1"}, "text/plain")


@app.get("/exception")
def exception() -> None:
    raise HTTPException(409, {"reason": "taken"}, {"Retry-After": "7"})


@app.get("/exception-without-detail")
def exception_without_detail() -> None:
    raise HTTPException(403)


@app.get("/path/{number}/{share}/{flag}/{identity}/{when}/{colour}/{side}")
def path(
    number: int,
    share: float,
    flag: bool,
    identity: UUID,
    when: datetime,
    colour: Colour,
    side: Literal["left", "right"],
) -> dict[str, Any]:
    return {
        "number": number,
        "share": share,
        "flag": flag,
        "identity": identity,
        "when": when,
        "colour": colour,
        "side": side,
        "types": [
            type(value).__name__ for value in (number, share, flag, identity, when, colour, side)
        ],
    }


@app.get("/query")
def query(
    needed: str,
    page: int | None = None,
    tag: Annotated[list[str], Query()] = (),  # type: ignore[assignment]
    ids: list[int] = Query([]),  # noqa: B008
) -> dict[str, Any]:
    return {"needed": needed, "page": page, "tag": tag, "ids": ids}


@app.get("/fields")
def fields(
    user_agent: Annotated[str, Header()],
    x_count: Annotated[int, Header()] = 0,
    session: Annotated[str | None, Cookie()] = None,
) -> dict[str, Any]:
    return {"user_agent": user_agent, "x_count": x_count, "session": session}


@app.post("/body/dict")
def body_dict(body: dict[str, Any]) -> Any:
    return body


@app.post("/body/list")
def body_list(body: list[int]) -> Any:
    return body


@app.post("/body/bytes")
def body_bytes(body: bytes) -> bytes:
    return body[::-1]


@app.post("/body/point")
def body_point(point: Point) -> dict[str, Any]:
    return {"type": type(point).__name__, "point": point}


@app.post("/request/{name}")
def whole_request(request: Request, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "method": request.method,
        "path": request.path,
        "query": request.query_string.decode(),
        "path_params": request.path_params,
        "version": request.http_version,
        "x-probe": request.headers["X-Probe"],
        "cookies": request.cookies,
        "body": request.json(),
        "client": request.client and request.client[0],
        "port": request.server and request.server[1],
    }
