"""Which routes an app accepts, what each handler's parameters stand for, and how the others are refused."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import InitVar, dataclass
from datetime import date, datetime
from enum import Enum
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NewType, Optional
from uuid import UUID

import pytest

from turbo_shard import App, Body, Cookie, Header, Path, Query, Request, Router
from turbo_shard.native.errors import RegistrationError

if TYPE_CHECKING:
    from nowhere import Absent  # type: ignore[import-not-found]

UserId = NewType("UserId", int)
type Tags = list[str]


class Colour(Enum):
    RED = "red"


@dataclass
class Inner:
    x: int


@dataclass
class Item:
    name: str
    inner: Inner | None = None


@dataclass
class Secretive:
    name: str
    key: InitVar[str]


class Opaque:
    """A class that cannot be read from a request."""


def sources(handler: Callable[..., Any], path: str = "/", method: str = "GET") -> dict[str, str]:
    """Where each parameter of the handler comes from: `source/alias/kind`."""
    app = App()
    app.route(path, methods=[method])(handler)
    [plan] = app.plans()
    return {
        one.name: f"{one.source}/{one.alias}/{one.kind}" + ("*" if one.many else "")
        for one in plan.arguments
    }


def refusal(handler: Any, path: str = "/", **options: Any) -> str:
    with pytest.raises(RegistrationError) as raised:
        app = App()
        app.route(path, **options)(handler)
        app.plans()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_scalars_come_from_the_query_and_names_of_the_path_from_the_path() -> None:
    def handler(
        user_id: UserId,
        q: str,
        plain,  # type: ignore[no-untyped-def]
        limit: int = 10,
        ratio: float | None = None,
        exact: Optional[bool] = None,  # noqa: UP045
        colour: Colour = Colour.RED,
        order: Literal["up", "down"] = "up",
        identity: UUID | None = None,
        since: datetime | date | None = None,
        tags: list[str] = [],  # noqa: B006
    ) -> None: ...

    assert sources(handler, "/users/{user_id}") == {
        "user_id": "path/user_id/int",
        "q": "query/q/str",
        "plain": "query/plain/str",
        "limit": "query/limit/int",
        "ratio": "query/ratio/float",
        "exact": "query/exact/bool",
        "colour": "query/colour/other",
        "order": "query/order/other",
        "identity": "query/identity/other",
        "since": "query/since/other",
        "tags": "query/tags/other*",
    }


def test_markers_say_where_a_parameter_comes_from() -> None:
    def handler(
        number: Annotated[int, Path(alias="n")],
        x_token: Annotated[str, Header()],
        as_is: Annotated[str, Header(convert_underscores=False)],
        agent: Annotated[str, Header(alias="User-Agent")],
        session: Annotated[str | None, Cookie()] = None,
        ids: Annotated[Tags, Query(alias="id")] = [],  # noqa: B006
        all_of: list[int] = Header([]),  # noqa: B008
        bare: Annotated[int, Query] = 5,
        count: int = Query(1),
    ) -> None: ...

    assert sources(handler, "/{n}") == {
        "number": "path/n/int",
        "x_token": "header/x-token/str",
        "as_is": "header/as_is/str",
        "agent": "header/User-Agent/str",
        "session": "cookie/session/str",
        "ids": "query/id/other*",
        "all_of": "header/all-of/other*",
        "bare": "query/bare/int",
        "count": "query/count/int",
    }


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        (dict, "json"),
        (dict[str, Any], "json"),
        (list, "json"),
        (list[int], "json"),
        (Item, "json"),
        (Item | None, "json"),
        (list[Item], "json"),
        (bytes, "bytes"),
        (Annotated[str, Body()], "text"),
        (Annotated[int, Body()], "json"),
    ],
)
def test_structures_come_from_the_body(annotation: Any, kind: str) -> None:
    def handler(given: Any) -> None: ...

    handler.__annotations__["given"] = annotation
    assert sources(handler, method="POST") == {"given": f"body/given/{kind}"}


def test_defaults_of_markers_and_of_parameters_are_the_same() -> None:
    def handler(a: int = 1, b: int = Query(2), c: Annotated[int, Query(3)] = Path()) -> None: ...

    assert "two markers" in refusal(handler)
    app = App()

    @app.get("/")
    def fine(a: int = 1, b: int = Query(2), *, c: Annotated[int, Query()] = 3, d: int) -> None: ...

    [plan] = app.plans()
    assert [(one.default, one.required, one.keyword_only) for one in plan.arguments] == [
        (1, False, False),
        (2, False, False),
        (3, False, True),
        (None, True, True),
    ]


def test_request_is_given_by_annotation_or_by_name() -> None:
    def annotated(it: Request) -> None: ...
    def named(request) -> None: ...  # type: ignore[no-untyped-def]

    assert sources(annotated) == {"it": "request/it/other"}
    assert sources(named, "/{anything}") == {"request": "request/request/other"}

    def optional(it: Request | None = None) -> None: ...

    assert sources(optional) == {"it": "request/it/other"}


def test_methods_classes_and_partials_are_handlers() -> None:
    class Shop:
        def read(self, item_id: int) -> None: ...

        async def __call__(self, item_id: int) -> None: ...

    def scaled(factor: int, item_id: int) -> None: ...

    app = App()
    app.get("/a/{item_id}")(Shop().read)
    app.get("/b/{item_id}")(Shop())
    app.get("/c/{item_id}")(functools.partial(scaled, 2))
    plans = app.plans()
    assert [one.arguments[0].kind for one in plans] == ["int"] * 3
    assert [one.is_async for one in plans] == [False, True, False]
    assert plans[2].label.endswith("scaled")


def test_decorators_give_the_function_back_and_name_their_methods() -> None:
    app = App()

    def handler() -> None: ...

    for method in ("get", "post", "put", "patch", "delete", "head", "options"):
        assert getattr(app, method)(f"/{method}")(handler) is handler
    assert [one.methods for one in app.plans()] == [
        (method,) for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
    ]
    app.route("/several", methods=["get", "POST", "get"])(handler)
    assert app.plans()[-1].methods == ("GET", "POST")


LATER = """
from __future__ import annotations
from dataclasses import dataclass
from turbo_shard import App

app = App()

@app.post("/")
def create(item: Later): ...

@dataclass
class Later:
    children: list[Later]
"""


def test_annotation_may_name_what_is_defined_later(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("later")
    monkeypatch.setitem(sys.modules, "later", module)
    exec(LATER, vars(module))
    [plan] = module.app.plans()
    [argument] = plan.arguments
    read = argument.read(b'{"children": [{"children": []}]}', "application/json")
    assert read.children[0].children == []


def test_routers_are_included_below_prefixes() -> None:
    inner = Router(prefix="/inner")

    @inner.get("/{a}")
    def both(a: int, tenant: str) -> None: ...

    @inner.get("")
    def root(tenant: str) -> None: ...

    outer = Router()
    outer.include_router(inner, prefix="/outer")
    app = App()
    app.include_router(outer, prefix="/{tenant}")
    first, second = app.plans()
    assert (first.path, second.path) == ("/{tenant}/outer/inner/{a}", "/{tenant}/outer/inner")
    assert [one.source for one in first.arguments] == ["path", "path"]
    with pytest.raises(RegistrationError, match="too late"):
        inner.get("/more")(root)


def test_each_call_of_plans_makes_new_readers() -> None:
    app = App()

    @app.post("/")
    def create(item: Item) -> None: ...

    first, second = app.plans()[0].arguments[0], app.plans()[0].arguments[0]
    assert first.read is not second.read


def test_duplicate_routes_name_both_handlers() -> None:
    app = App()

    @app.get("/users/{user_id}")
    def first(user_id: int) -> None: ...

    @app.post("/users/{name}")
    def other_method(name: str) -> None: ...

    with pytest.raises(RegistrationError) as raised:

        @app.route("/users/{name}", methods=["PUT", "GET"])
        def second(name: str) -> None: ...

    message = str(raised.value)
    assert "second" in message and "first" in message and "GET /users/{name}" in message


def generates() -> Iterator[str]:
    yield ""


async def generates_async() -> AsyncIterator[str]:
    yield ""


async def is_async() -> None: ...


def takes_opaque(it: Opaque) -> None: ...
def takes_list_of_opaque(it: list[Opaque]) -> None: ...
def takes_absent(it: Absent) -> None: ...
def takes_secretive(it: Secretive) -> None: ...
def takes_two_bodies(a: Item, b: dict[str, Any]) -> None: ...
def takes_stars(*it: int) -> None: ...
def takes_double_stars(**it: int) -> None: ...
def takes_nothing() -> None: ...
def takes_user(user_id: int) -> None: ...
def takes_user_by_default(user_id: int = 5) -> None: ...
def takes_user_from_query(user_id: Annotated[int, Query()]) -> None: ...
def takes_path_list(user_id: list[int]) -> None: ...
def takes_unnamed_path(other: Annotated[int, Path()]) -> None: ...
def takes_odd_header(it: Annotated[str, Header(alias="a b")]) -> None: ...
def takes_structure_from_query(it: Annotated[Item, Query()]) -> None: ...
def takes_structures_from_query(it: Annotated[list[Item], Query()]) -> None: ...
def takes_self(self, n: int) -> None: ...  # type: ignore[no-untyped-def]
def takes_half_an_expression(it: "int |") -> None: ...  # type: ignore[syntax]  # noqa: F722
def takes_two_defaults(it: Annotated[int, Query(1)] = 2) -> None: ...


@pytest.mark.parametrize(
    ("handler", "path", "options", "reason"),
    [
        (takes_opaque, "/", {}, "annotated as Opaque, which cannot be bound"),
        (takes_list_of_opaque, "/", {"methods": ["POST"]}, "Opaque"),
        (takes_absent, "/", {}, "Absent, which its module does not define"),
        (takes_secretive, "/", {"methods": ["POST"]}, "Secretive, whose argument 'key'"),
        (takes_two_bodies, "/", {"methods": ["POST"]}, "takes the body twice, as 'a' and 'b'"),
        (takes_stars, "/", {}, "*it cannot be bound"),
        (takes_double_stars, "/", {}, "**it cannot be bound"),
        (takes_nothing, "a", {}, "must begin with a slash"),
        (takes_nothing, "/a?b", {}, "the path '/a?b' holds a path only, no query"),
        (takes_nothing, "/{a}-{b}", {}, "the path '/{a}-{b}' has two parameters in one segment"),
        (takes_nothing, "/{a:int}", {}, "has a parameter of an unknown kind"),
        (takes_nothing, "/{user_id}", {}, "no parameter for {user_id} in its path"),
        (takes_user_by_default, "/{user_id}", {}, "a default has no use"),
        (takes_user_from_query, "/{user_id}", {}, "its marker says query"),
        (takes_path_list, "/{user_id}", {}, "a path cannot hold"),
        (takes_unnamed_path, "/{user_id}", {}, "the path, which has no {other}"),
        (takes_odd_header, "/", {}, "cannot be the name of a header"),
        (takes_structure_from_query, "/", {}, "is a Item, which a query cannot hold"),
        (takes_structures_from_query, "/", {}, "a list of what a query cannot hold"),
        (takes_two_defaults, "/", {}, "has two defaults"),
        (generates, "/", {}, "return StreamingResponse"),
        (generates_async, "/", {}, "return StreamingResponse"),
        (is_async, "/", {"blocking": True}, "is async"),
        (takes_nothing, "/", {"status_code": 100}, "status_code is 200 to 599, not 100"),
        (takes_nothing, "/", {"status_code": True}, "status_code"),
        (takes_nothing, "relative", {}, "must begin with a slash"),
        (takes_self, "/", {}, "the method of an instance"),
        (takes_half_an_expression, "/", {}, "is no expression"),
    ],
)
def test_what_cannot_be_bound_is_refused_by_name(
    handler: Any, path: str, options: dict[str, Any], reason: str
) -> None:
    message = refusal(handler, path, **options)
    assert reason in message
    assert f"handler {__name__}.{handler.__name__}" in message


def test_what_is_no_handler_method_or_router_is_refused() -> None:
    assert "cannot be called" in refusal(5)
    assert "is not one" in refusal(takes_nothing, methods=["GE T"])
    assert "is not one" in refusal(takes_nothing, methods=[5])
    assert "no methods" in refusal(takes_nothing, methods=[])
    assert "no methods" in refusal(takes_nothing, methods=None)
    assert "write {n}" in refusal(takes_user, "/<int:n>")
    assert "not 5" in refusal(takes_nothing, 5)  # type: ignore[arg-type]
    with pytest.raises(RegistrationError, match=r"takes_nothing.*write @app.get\(path\)"):
        App().get(takes_nothing)  # type: ignore[arg-type]
    with pytest.raises(
        RegistrationError, match=r"handler .*takes_nothing: the path 'x' must begin"
    ):
        Router(prefix="/api").get("x")(takes_nothing)
    shop = type("Shop", (), {"no_self": takes_nothing})()
    assert "a method without self" in refusal(shop.no_self)
    with pytest.raises(RegistrationError, match="prefix begins with a slash"):
        Router(prefix="api")
    with pytest.raises(RegistrationError, match="does not end with one"):
        App().include_router(Router(), prefix="/api/")
    with pytest.raises(RegistrationError, match="an App cannot be included"):
        App().include_router(App())
    with pytest.raises(RegistrationError, match="takes a Router, not dict"):
        App().include_router({})  # type: ignore[arg-type]


def test_import_of_the_package_is_light() -> None:
    script = "import sys, turbo_shard; turbo_shard.App; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"asyncio", "inspect", "dataclasses", "logging", "json", "http", "email", "uuid"}
    assert heavy.isdisjoint(loaded)


def test_types_that_no_route_names_are_not_imported() -> None:
    script = (
        "import sys, turbo_shard; app = turbo_shard.App()\n"
        "def shown(n: int, body: dict): ...\n"
        "app.post('/{n}')(shown); print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "turbo_shard.native.structures" in loaded
    assert {"uuid", "datetime", "turbo_shard.native.timestamps"}.isdisjoint(loaded)
