"""What is easily lost where FastAPI's layers are left out: contexts of errors, deferred models, rare names."""

import asyncio
import enum
import gc
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Path, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import SecurityScopes
from pydantic import BaseModel, BeforeValidator, ConfigDict, field_validator

from asked import ask
from comparing import compare
from journal import note

marked: ContextVar[str] = ContextVar("marked", default="none")


class Amount(BaseModel):
    a: int


# Handlers that read the body again.


def reading_handlers() -> FastAPI:
    app = FastAPI()

    async def tell(request: Request, error: Exception) -> JSONResponse:
        told: dict[str, Any] = {"body": (await request.body()).decode("latin-1")}
        try:
            told["json"] = await request.json()
        except ValueError as wrong:
            told["wrong"] = type(wrong).__name__
        return JSONResponse(told, status_code=418)

    app.exception_handler(RequestValidationError)(tell)
    app.exception_handler(HTTPException)(tell)

    @app.post("/")
    async def create(amount: Amount) -> Any:
        raise HTTPException(409)

    return app


def test_handlers_find_the_body() -> None:
    compare(
        reading_handlers,
        ask("POST /", json={"a": 1}),
        ask("POST /", json={"a": "x"}),
        ask("POST /", "content-type: application/json", body='{"a"'),
        ask("POST /", "content-type: application/json", body="null"),
        ask("POST /", "content-type: text/plain", body="a"),
        ask("POST /", body=""),
        ask("POST /", "content-type: application/json", chunks=(b'{"a"', b': "x"}')),
    )


def limited() -> FastAPI:
    app = reading_handlers()

    class Limit:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            async def too_large() -> Any:
                raise HTTPException(413, "too large")

            is_http = scope["type"] == "http"
            await self.app(scope, too_large if is_http else receive, send)

    app.add_middleware(Limit)
    del app.exception_handlers[HTTPException]
    return app


def test_receive_of_a_middleware_may_raise() -> None:
    compare(limited, ask("POST /", json={"a": 1}))


# Errors.


class Own(Exception):
    """Has a handler that fails."""


class Lost(Exception):
    """Raised by one test alone."""


def failing_handlers() -> FastAPI:
    app = FastAPI()

    def fail_plainly(request: Request, error: Exception) -> JSONResponse:
        raise Own("second") if str(error) == "first" else ValueError("third")

    async def fail_late(request: Request, error: Exception) -> JSONResponse:
        await asyncio.sleep(0)
        raise ValueError("late")

    app.exception_handler(Own)(fail_plainly)
    app.exception_handler(KeyError)(fail_late)

    @app.get("/own")
    async def own() -> Any:
        raise Own("first")

    @app.get("/key")
    async def key() -> Any:
        raise KeyError("k")

    return app


def test_what_a_handler_raises_has_the_error_as_context() -> None:
    compare(failing_handlers, "GET /own", "GET /key")


def test_errors_leave_nothing_for_the_garbage_collector() -> None:
    app = FastAPI()

    @app.get("/")
    async def fail() -> Any:
        raise Lost

    compare(lambda: app, "GET /")
    gc.disable()
    try:
        compare(lambda: app, "GET /", "GET /", "GET /")
        assert not [each for each in gc.get_objects() if type(each) is Lost]
    finally:
        gc.enable()


# Where code of the app runs.


class Marking(BaseModel):
    model_config = ConfigDict(defer_build=True)
    b: str

    @field_validator("b")
    @classmethod
    def mark(cls, value: str) -> str:
        note("validated")
        return f"{marked.get()}:{value}"


def own_validator(value: Any) -> Any:
    note("validated")
    return f"{marked.get()}:{value}"


class Beside(BaseModel):
    b: Annotated[str, BeforeValidator(own_validator)]
    # Has a validator of pydantic's own, in Python.
    a: Sequence[int] = ()


async def set_mark() -> None:
    note("marked")
    marked.set("dependency")


def validating() -> FastAPI:
    app = FastAPI()

    @app.post("/deferred", dependencies=[Depends(set_mark)])
    async def deferred(body: Marking) -> Any:
        return body.b

    @app.post("/beside", dependencies=[Depends(set_mark)])
    async def beside(body: Beside) -> Any:
        return body.b

    @app.post("/beside/def", dependencies=[Depends(set_mark)])
    def beside_def(body: Beside) -> Beside:
        return body

    return app


def test_validators_of_the_app_run_where_fastapi_runs_them() -> None:
    for path in ("/deferred", "/beside", "/beside/def"):
        compare(validating, ask(f"POST {path}", json={"b": "x"}))


class Lazy:
    """Its attribute is read by the response model."""

    @property
    def a(self) -> int:
        note(f"read in {marked.get()}")
        return 1


class OfLazy(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    a: int


def lazily() -> FastAPI:
    app = FastAPI()

    @app.get("/", response_model=OfLazy)
    def lazy() -> Any:
        marked.set("endpoint")
        return Lazy()

    return app


def test_response_models_do_not_see_the_context_of_a_function() -> None:
    compare(lazily, "GET /")


# Names, scopes and parameters.


class Right(enum.StrEnum):
    READ = "read"


def named() -> FastAPI:
    app = FastAPI()

    class Answer(BaseModel):
        func: str

        @field_validator("func")
        @classmethod
        def same(cls, value: str) -> str:
            return value

    def takes_func(func: str) -> str:
        return func

    @app.get("/endpoint")
    def endpoint(func: str) -> Answer:
        return Answer(func=func)

    @app.get("/dependency")
    async def dependency(value: Annotated[str, Depends(takes_func)]) -> Any:
        return value

    async def allowed(scopes: SecurityScopes) -> list[str]:
        return [*scopes.scopes, scopes.scope_str]

    @app.get("/scopes")
    async def scopes(value: Annotated[Any, Security(allowed, scopes=[Right.READ])]) -> Any:
        return value

    return app


def test_names_that_could_clash() -> None:
    compare(named, "GET /endpoint?func=a", "GET /dependency?func=a", "GET /scopes")


def outer_params() -> FastAPI:
    app, outer = FastAPI(), FastAPI()

    @app.get("/items/{item_id}")
    async def read(item_id: int, tenant: Annotated[str, Path()]) -> Any:
        return [item_id, tenant]

    outer.mount("/{tenant}", app)
    return outer


def test_parameters_of_a_mount_above() -> None:
    compare(outer_params, "GET /acme/items/1", "GET /acme/items/x")
