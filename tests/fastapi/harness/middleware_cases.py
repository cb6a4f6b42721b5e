"""What is tried at a middleware of Starlette's: its function, and the app behind it. Each case writes a log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

import anyio
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


class Log:
    """What happened, in its order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, *words: object) -> None:
        self.lines.append(" ".join(map(str, words)))

    async def later(self, *words: object) -> None:
        """For background work: a plain function would run on a thread, at any time."""
        self(*words)


Case = Callable[[Log], tuple[Any, Any]]
CASES: dict[str, Case] = {}


def case(make: Case) -> Case:
    CASES[make.__name__] = make
    return make


async def turns(count: int) -> None:
    """Let everybody else come to where they wait. A number of turns, for time would differ."""
    for _ in range(count):
        await asyncio.sleep(0)


async def passing(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    return response


def told(error: BaseException | None, depth: int = 4) -> str:
    """An exception with its cause, its context and whether that is shown; they may go round in circles."""
    if error is None or not depth:
        return "-"
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    words = [f"{type(error).__name__}({error})", *(told(each, depth - 1) for each in inner)]
    words += [told(error.__cause__, depth - 1), type(error.__context__).__name__]
    return f"[{', '.join(words)}, {error.__suppress_context__}]"


async def answer(send: Any, *parts: bytes, log: Log | None = None) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
    if log is not None:
        log("app: started")
    for number, part in enumerate(parts):
        more = number + 1 < len(parts)
        await send({"type": "http.response.body", "body": part, "more_body": more})
        if log is not None:
            log("app: sent", number)


@case
def passes(log: Log) -> tuple[Any, Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, b"one", b"", b"two", log=log)
        log("app: over")

    return (passing,), app


@case
def changes_answers_and_requests(log: Log) -> tuple[Any, Any]:
    async def dispatch(request: Request, call_next: Any) -> Response:
        request.state.seen = "seen"
        response: Response = await call_next(request)
        response.headers["x"] = "y"
        response.set_cookie("c", "d")
        response.status_code = 202
        log("middleware: background is", response.background)
        response.background = BackgroundTask(log.later, "middleware: background")
        return response

    async def app(scope: Any, receive: Any, send: Any) -> None:
        log("app:", scope["state"])
        await Response(b"hello", background=BackgroundTask(log.later, "app: background"))(
            scope, receive, send
        )

    return (dispatch, dispatch), app


@case
def context_goes_in_and_not_out(log: Log) -> tuple[Any, Any]:
    async def dispatch(request: Request, call_next: Any) -> Response:
        log("middleware:", WHO.get())
        WHO.set(f"{WHO.get()} and middleware")
        own = asyncio.current_task()
        response: Response = await call_next(request)
        log("middleware:", WHO.get(), own is asyncio.current_task())
        return response

    async def app(scope: Any, receive: Any, send: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        log("app:", WHO.get(), task.get_name())
        WHO.set("app")
        await answer(send, b"")
        log("app:", WHO.get())

    return (dispatch, dispatch), app


@case
def gives_up_waiting_for_the_app(log: Log) -> tuple[Any, Any]:
    async def dispatch(request: Request, call_next: Any) -> Response:
        try:
            async with asyncio.timeout(0):
                response: Response = await call_next(request)
        except TimeoutError:
            log("middleware: too late")
            return PlainTextResponse("too late", 504)
        return response

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await turns(200)
        log("app: goes on")
        await answer(send, b"one", b"two", log=log)
        log("app: over", await receive())

    return (dispatch,), app


@case
def anyio_gives_up_waiting(log: Log) -> tuple[Any, Any]:
    async def dispatch(request: Request, call_next: Any) -> Response:
        with anyio.move_on_after(0):
            response: Response = await call_next(request)
            return response
        return PlainTextResponse("too late", 504)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await turns(200)
        await answer(send, b"one", log=log)

    return (dispatch,), app


@case
def raises_after_the_app_has_answered(log: Log) -> tuple[Any, Any]:
    async def dispatch(request: Request, call_next: Any) -> Response:
        await call_next(request)
        raise ValueError("middleware")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await answer(send, b"one", b"two", log=log)
        except BaseException as error:
            log("app:", type(error).__name__)
            with anyio.CancelScope(shield=True):
                await turns(50)
                log("app: shielded")
            try:
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                log("app: not cancelled again")
            except asyncio.CancelledError:
                log("app: cancelled again")
            raise

    return (dispatch,), app


@case
def raises_with_a_context(log: Log) -> tuple[Any, Any]:
    async def dispatch(request: Request, call_next: Any) -> Response:
        try:
            await call_next(request)
        except LookupError:
            raise ValueError("middleware")  # noqa: B904
        raise AssertionError

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise LookupError("app")

    return (passing, dispatch, passing), app


@case
def app_raises_at_once(log: Log) -> tuple[Any, Any]:
    async def dispatch(request: Request, call_next: Any) -> Response:
        try:
            response: Response = await call_next(request)
        except ValueError as error:
            log("middleware:", told(error))
            raise
        return response

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            raise LookupError("first")
        except LookupError:
            raise ValueError("app")  # noqa: B904

    return (dispatch, passing), app


@case
def app_raises_after_its_start(log: Log) -> tuple[Any, Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("app")

    return (passing, passing), app


@case
def app_raises_after_its_answer(log: Log) -> tuple[Any, Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, b"one")
        log("app: answered")
        raise ValueError("app")

    return (passing, passing), app


@case
def app_raises_a_group(log: Log) -> tuple[Any, Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ExceptionGroup("app", [ValueError("a")])

    return (passing,), app


@case
def app_does_not_answer(log: Log) -> tuple[Any, Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        log("app: nothing")

    return (passing,), app


@case
def another_answer_is_given(log: Log) -> tuple[Any, Any]:
    async def dispatch(request: Request, call_next: Any) -> Response:
        response = await call_next(request)
        log("middleware:", response.status_code)
        return PlainTextResponse(
            "another", background=BackgroundTask(log.later, "middleware: background")
        )

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, b"one", b"two", log=log)
        log("app:", await receive())

    return (dispatch,), app


@case
def nobody_is_asked(log: Log) -> tuple[Any, Any]:
    async def dispatch(request: Request, call_next: Any) -> Response:
        return PlainTextResponse("own")

    return (dispatch,), answer


@case
def answer_is_streamed(log: Log) -> tuple[Any, Any]:
    async def dispatch(request: Request, call_next: Any) -> Response:
        response: Any = await call_next(request)
        log("middleware: has it")
        parts = response.body_iterator

        async def louder() -> Any:
            async for part in parts:
                yield part.upper()

        response.body_iterator = louder()
        return response  # type: ignore[no-any-return]

    async def parts() -> Any:
        for number in range(3):
            log("app: makes", number)
            yield f"part {number}"
            await turns(60)
        log("app: made")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await StreamingResponse(parts(), background=BackgroundTask(log.later, "app: background"))(
            scope, receive, send
        )
        log("app: over")

    return (dispatch, passing), app


def streaming(log: Log, *, layers: int, pauses: int = 0) -> tuple[Any, Any]:
    async def noting(request: Request, call_next: Any) -> Response:
        response: Any = await call_next(request)
        log("middleware: has it")
        return response  # type: ignore[no-any-return]

    async def parts() -> Any:
        for number in range(4):
            log("app: makes", number)
            yield f"part {number}"
            await turns(pauses)
        log("app: made")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await StreamingResponse(parts())(scope, receive, send)

    return (noting,) * layers, app


for layers in (1, 2, 3, 5):
    for pauses in (0, 1, 2, 5):
        CASES[f"streams through {layers} with {pauses} pauses"] = partial(
            streaming, layers=layers, pauses=pauses
        )


@case
def two_tasks_send(log: Log) -> tuple[Any, Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def part(body: bytes) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": True})

        await send({"type": "http.response.start", "status": 200, "headers": []})
        async with anyio.create_task_group() as group:
            for body in (b"a", b"b", b"c"):
                group.start_soon(part, body)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return (passing, passing), app


@case
def other_messages(log: Log) -> tuple[Any, Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.debug", "info": {"template": "t"}})
        await send({"type": "http.response.early_hint", "links": [b"l"]})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.pathsend", "path": "/a"})
        log("app: over")

    return (passing, passing), app


@case
def app_is_asked_again_after_an_error(log: Log) -> tuple[Any, Any]:
    async def dispatch(request: Request, call_next: Any) -> Response:
        try:
            await call_next(request)
        except ValueError as error:
            log("middleware:", told(error))
        response: Response = await call_next(request)
        return response

    async def app(scope: Any, receive: Any, send: Any) -> None:
        log("app: asked")
        raise ValueError("app")

    return (dispatch,), app


@case
def a_message_of_another_kind(log: Log) -> tuple[Any, Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.trailers", "headers": []})

    return (passing,), app
