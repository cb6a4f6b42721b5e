"""What handlers of TurboAPI apps return and raise, and the answers to that."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest

from apps import turboapi_standin as ta
from turboapi_calls import Got, ask, one_route, sent, served


@pytest.mark.parametrize(
    ("returned", "status", "body"),
    [
        ("text", 200, b'"text"'),
        (None, 200, b"null"),
        (7, 200, b"7"),
        ([1], 200, b"[1]"),
        (({"a": 1}, 201), 201, b'{"a":1}'),
        (("text", 202), 202, b'"text"'),
        (b"raw", 200, b"raw"),
        (ta.TurboResponse({"a": 1}, 201), 201, b'{"a":1}'),
        (ta.HTMLResponse("<p>"), 200, b"<p>"),
    ],
)
def test_what_handlers_return(returned: Any, status: int, body: bytes) -> None:
    got = Got(one_route(served(lambda: returned))())
    assert (got.status, got.body) == (status, body)


def test_status_in_a_dict_is_the_answers_in_0_3_and_data_in_1_x() -> None:
    def handler() -> Any:
        return {"error": "x", "status_code": 404}

    first = Got(one_route(served(handler, app=ta.FirstTurboAPI()))())
    assert (first.status, first.json) == (404, {"error": "x"})
    assert Got(one_route(served(handler))()).json == {"error": "x", "status_code": 404}


class Named(ta.BaseModel):
    name: str


def test_models_are_dumped() -> None:
    got = Got(one_route(served(lambda: Named.model_validate({"name": "a"})))())
    assert got.json == {"name": "a"}


def test_responses_keep_cookies_and_media_type() -> None:
    def page() -> Any:
        answer = ta.HTMLResponse("<p>", headers={"X-A": "1", "Content-Length": "99"})
        answer.set_cookie("a", "1")
        answer.set_cookie("b", "2")
        return answer

    got = Got(one_route(served(page))())
    assert got.headers.getlist("set-cookie") == ["a=1", "b=2"]
    assert got.headers["content-type"] == "text/html; charset=utf-8"
    assert "content-length" not in got.headers
    redirect = Got(one_route(served(lambda: ta.RedirectResponse("/x")))())
    assert (redirect.status, redirect.headers["location"]) == (307, "/x")
    stream = one_route(served(lambda: ta.StreamingResponse(iter(["a"]), "text/plain")))()
    assert list(stream.content) == ["a"]
    assert stream.headers["content-type"] == "text/plain"


def test_exceptions_are_answered_as_turboapi_does() -> None:
    def refuses() -> Any:
        raise ta.HTTPException(403, "no", {"X-Why": "because"})

    got = Got(one_route(served(refuses))())
    assert (got.status, got.json, got.headers["x-why"]) == (403, {"detail": "no"}, "because")

    def value_error() -> Any:
        raise ValueError("odd")

    first = Got(one_route(served(value_error, app=ta.FirstTurboAPI()))())
    assert (first.status, first.json) == (400, {"error": "Bad Request", "detail": "odd"})
    with pytest.raises(ValueError, match="odd"):
        one_route(served(value_error))()


def test_middleware_hooks_run_around_the_handler() -> None:
    log: list[str] = []

    class Noting(ta.Middleware):
        def __init__(self, name: str) -> None:
            self.name = name

        def before_request(self, request: Any) -> None:
            log.append(f"before {self.name}")
            request.seen = self.name

        def after_request(self, request: Any, response: Any) -> Any:
            log.append(f"after {self.name}")
            response.set_header(f"X-{self.name}", str(response.status_code))
            response.set_cookie(self.name, "1")
            return response

    class Timed:
        async def __call__(self, request: Any, call_next: Any) -> Any:
            response = await call_next(request)
            response.headers["X-Path"] = request.url.path
            return response

    def handler(request: ta.TurboRequest) -> Any:
        log.append("handler")
        return {"seen": request.seen}, 201  # type: ignore[attr-defined]

    app = served(handler)
    app.add_middleware(Noting, name="a")
    app.add_middleware(Timed)
    app.add_middleware(Noting, name="b")
    got = ask(app)
    assert log == ["before a", "before b", "handler", "after b", "after a"]
    assert (got.status, got.json) == (201, {"seen": "b"})
    assert (got.headers["x-a"], got.headers["x-path"]) == ("201", "/")
    assert [one.partition(";")[0] for one in got.headers.getlist("set-cookie")] == ["b=1", "a=1"]


def test_middleware_may_refuse_and_answer_errors() -> None:
    class Refusing(ta.Middleware):
        def before_request(self, request: Any) -> Any:
            if request.path == "/early":
                return ta.TurboResponse({"early": True}, 401)
            raise Exception("Invalid host header: x")

    class Rescuing(ta.Middleware):
        def on_error(self, request: Any, error: Exception) -> Any:
            return ta.TurboResponse({"rescued": str(error)}, 503)

    app = served(lambda: {"a": 1})
    app.get("/early")(lambda: {"a": 1})
    app.add_middleware(Refusing)
    got = ask(app)
    assert (got.status, got.json) == (500, {"error": "Invalid host header: x"})
    assert ask(app, path="/early").status == 401

    def fails() -> Any:
        raise LookupError("gone")

    app = served(fails)
    app.add_middleware(ta.Middleware)
    with pytest.raises(LookupError):  # the base class's hook would only hide it
        ask(app)
    app.add_middleware(Rescuing)
    assert ask(app).json == {"rescued": "gone"}


def test_cors_answers_preflights_and_marks_refusals() -> None:
    def checked(n: int) -> Any:
        return {"n": n}

    app = served(checked)
    app.add_middleware(ta.HTTPSRedirectMiddleware)
    app.add_middleware(ta.CORSMiddleware, allow_origins=["http://a"])
    app.static_route("GET", "/fixed", "{}")
    headers = {"origin": "http://a", "x-forwarded-proto": "https"}
    got = ask(app, "OPTIONS", headers={"origin": "http://a"})
    assert (got.status, got.headers["access-control-allow-origin"]) == (204, "http://a")
    wrong = ask(app, query=[("n", "x")], headers=headers)
    assert (wrong.status, wrong.headers["access-control-allow-origin"]) == (422, "http://a")
    redirect = ask(app, headers={"origin": "http://a", "host": "h"})
    assert (redirect.status, redirect.headers["location"]) == (307, "https://h/")
    assert "access-control-allow-origin" in redirect.headers
    assert "access-control-allow-origin" in ask(app, path="/fixed", headers=headers).headers


def test_gzip_changes_the_body_and_leaves_streams_alone() -> None:
    app = served(lambda: {"a": "b" * 1000})
    app.get("/stream")(lambda: ta.StreamingResponse(iter(["a"]), "text/plain"))
    app.add_middleware(ta.GZipMiddleware)
    headers = {"Accept-Encoding": "gzip"}
    got = ask(app, headers=headers)
    assert got.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(got.body)) == {"a": "b" * 1000}
    stream = one_route(app, path="/stream")(sent(headers=headers))
    assert list(stream.content) == ["a"]


def test_exception_handlers_are_asked_in_their_order() -> None:
    app = ta.TurboAPI()

    @app.exception_handler(LookupError)
    async def lookup(request: Any, error: Exception) -> Any:
        return {"path": request.path, "error": str(error)}, 404

    @app.exception_handler(ta.RequestValidationError)
    def invalid(request: Any, error: Any) -> Any:
        return {"faults": len(error.errors())}, 400

    def fails(n: int) -> Any:
        raise IndexError("index")

    served(fails, app=app)
    got = ask(app, query=[("n", "1")])
    assert (got.status, got.json) == (404, {"path": "/", "error": "index"})
    wrong = ask(app, query=[("n", "x")])
    assert (wrong.status, wrong.json) == (400, {"faults": 1})


def test_background_tasks_run_after_the_answer() -> None:
    log: list[str] = []

    async def later(name: str) -> None:
        log.append(name)

    def handler(tasks: ta.BackgroundTasks) -> Any:
        tasks.add_task(later, "async")
        tasks.add_task(log.append, "sync")
        return {"queued": True}

    async def call() -> Any:
        answer = await one_route(served(handler))(sent())
        log.append("answered")
        for _ in range(1000):
            if len(log) == 3:
                break
            await asyncio.sleep(0.001)
        return answer

    assert Got(asyncio.run(call())).json == {"queued": True}
    assert log == ["answered", "async", "sync"]
