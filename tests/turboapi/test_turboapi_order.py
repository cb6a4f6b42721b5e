"""In which order an app's functions run around one request, and what each of them finds of what those before it did."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from apps import turboapi_standin as ta
from turboapi_calls import Got, ask, one_route, sent, served

type Around = Callable[[Any], None]


def directly(app: Any) -> None: ...


def below_middleware(app: Any) -> None:
    class Nothing(ta.Middleware):
        def before_request(self, request: Any) -> None: ...

    app.add_middleware(Nothing)


def with_exception_handlers(app: Any) -> None:
    app.exception_handler(ZeroDivisionError)(lambda request, error: "handled")


AROUND = pytest.mark.parametrize("around", [directly, below_middleware, with_exception_handlers])


def app_with(handler: Any, around: Around, method: str = "GET") -> Any:
    app = ta.TurboAPI()
    around(app)
    return served(handler, method, app)


@AROUND
def test_background_tasks_run_after_an_answer_to_an_exception(around: Around) -> None:
    log: list[str] = []

    def handler(tasks: ta.BackgroundTasks, reason: str = "") -> Any:
        tasks.add_task(log.append, "run")
        if reason == "refused":
            raise ta.HTTPException(409, "no")
        raise LookupError(reason)

    route = one_route(app_with(handler, around))

    async def answered(reason: str) -> Any:
        found = await route(sent(query=[("reason", reason)]))
        assert log == []
        while not log:
            await asyncio.sleep(0)
        return found

    assert Got(asyncio.run(answered("refused"))).status == 409
    log.clear()
    with pytest.raises(LookupError):
        asyncio.run(answered("unknown"))
    assert log == []


@AROUND
def test_dependency_finds_what_one_before_it_has_changed_in_the_request(around: Around) -> None:
    def number(request: ta.TurboRequest) -> str:
        stands: Any = request
        stands.headers["x-id"] = "changed"
        stands.cookies["session"] = "mine"
        return "a"

    def read(x_id: str = ta.Header("none"), session: str = ta.Cookie("none")) -> Any:
        return [x_id, session]

    def deep(found: Any = ta.Depends(read)) -> Any:  # noqa: B008
        return found

    def handler(
        first: Any = ta.Depends(read, use_cache=False),  # noqa: B008
        one: Any = ta.Depends(number),  # noqa: B008
        two: Any = ta.Depends(read, use_cache=False),  # noqa: B008
        three: Any = ta.Depends(deep),  # noqa: B008
    ) -> Any:
        return [first, two, three]

    got = ask(app_with(handler, around), headers={"x-id": "sent"})
    assert got.json == [["sent", "none"], ["changed", "mine"], ["changed", "mine"]]


def test_arguments_of_a_handler_find_what_the_apps_dependencies_have_changed() -> None:
    def number(request: ta.TurboRequest) -> None:
        stands: Any = request
        stands.headers["x-id"] = "changed"

    app = ta.TurboAPI()
    app.dependencies = [ta.Depends(number)]
    got = ask(served(lambda x_id=ta.Header(): x_id, app=app), headers={"x-id": "sent"})  # noqa: B008
    assert got.json == "changed"


@AROUND
def test_functions_of_a_request_share_its_json(around: Around) -> None:
    def mark(body: dict[str, Any]) -> Any:
        body["marked"] = True
        return body

    def handler(body: dict[str, Any], found: Any = ta.Depends(mark)) -> Any:  # noqa: B008
        return [body is found, body]

    got = ask(app_with(handler, around, "POST"), "POST", body=b'{"a":1}')
    assert got.json == [True, {"a": 1, "marked": True}]


def test_decorator_that_only_sets_a_signature_is_given_names() -> None:
    def named(function: Any) -> Any:
        def wrapper(*values: Any, **names: Any) -> Any:
            return [list(values), sorted(names), function(*values, **names)]

        wrapper.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        return wrapper

    @named
    def dependency(x_token: str = ta.Header()) -> Any:
        return x_token

    @named
    def handler(x_token: str = ta.Header(), limit: int = 3) -> Any:
        return limit

    def dependent(found: Any = ta.Depends(dependency)) -> Any:  # noqa: B008
        return found

    headers = {"x-token": "t"}
    assert ask(served(handler), headers=headers).json == [[], ["limit", "x_token"], 3]
    assert ask(served(dependent), headers=headers).json == [[], ["x_token"], "t"]


class Broken:
    def model_dump(self) -> Any:
        raise ValueError("cannot be dumped")


def test_what_a_models_dump_raises_is_answered_as_what_the_handler_raises() -> None:
    def handler(body: dict[str, Any]) -> Any:
        return Broken()

    app = served(handler, "POST", ta.FirstTurboAPI())
    got = ask(app, "POST", body=b"{}")
    assert (got.status, got.json["detail"]) == (400, "cannot be dumped")

    class Forbidden:
        def model_dump(self) -> Any:
            raise ta.HTTPException(403, "not yours")

    def own(x_token: str = ta.Header("")) -> Any:
        return Forbidden()

    assert ask(served(own)).status == 403


def test_what_a_models_dump_raises_is_the_apps_fault_where_only_path_and_query_are_taken() -> None:
    with pytest.raises(ValueError, match="cannot be dumped"):
        one_route(served(lambda n=1: Broken(), app=ta.FirstTurboAPI()))()
