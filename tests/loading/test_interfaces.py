"""Which interface serves an app, and the one line for what is not an app. Stand-ins have the frameworks' shapes."""

from __future__ import annotations

import functools
import importlib
import types
from typing import Any

import pytest

from turbo_shard import App, Router
from turbo_shard.loading.interfaces import choose
from turbo_shard.user_code.running import AppError


def made_by(module: str, name: str, *bases: type, **attributes: object) -> type:
    """A class like a framework's."""
    return type(name, bases, {"__module__": module, **attributes})


async def asgi(scope, receive, send): ...


def wsgi(environ, start_response):
    return []


async def asgi_method(self, scope, receive, send): ...


def wsgi_method(self, environ, start_response): ...


class Asgi2:
    def __init__(self, scope): ...

    async def __call__(self, receive, send): ...


class Asgi3Class:
    def __init__(self, scope, receive, send): ...

    def __await__(self): ...


class WsgiClass:
    def __init__(self, environ, start_response): ...

    def __iter__(self): ...


class Methods:
    async def asgi(self, scope, receive, send): ...

    def wsgi(self, environ, start_response): ...


def wrapped(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


async def asgi_with_setting(setting, scope, receive, send): ...


def wsgi_with_setting(setting, environ, start_response): ...


def takes_anything(*args): ...


async def async_takes_anything(*args): ...


FASTAPI = made_by(
    "fastapi.applications",
    "FastAPI",
    made_by("starlette.applications", "Starlette", __call__=asgi_method),
)
LITESTAR_ROUTER = made_by("litestar.router", "Router")
LITESTAR = made_by("litestar.app", "Litestar", LITESTAR_ROUTER, __call__=asgi_method)
DJANGO_ASGI = made_by("django.core.handlers.asgi", "ASGIHandler", __call__=asgi_method)
DJANGO_WSGI = made_by("django.core.handlers.wsgi", "WSGIHandler", __call__=wsgi_method)
FLASK = made_by("flask.app", "Flask", __call__=wsgi_method)
QUART = made_by("quart.app", "Quart", __call__=asgi_method)
TURBOAPI = made_by("turboapi.main_app", "TurboAPI")
# Starlette's router is an app: a user who names it wants it served.
STARLETTE_ROUTER = made_by("starlette.routing", "Router", __call__=asgi_method)
FASTAPI_ROUTER = made_by("fastapi.routing", "APIRouter", STARLETTE_ROUTER)


@pytest.mark.parametrize(
    ("app", "interface"),
    [
        (App(), "native"),
        (asgi, "asgi"),
        (wsgi, "wsgi"),
        (Asgi3Class, "asgi"),
        (WsgiClass, "wsgi"),
        (Methods().asgi, "asgi"),
        (Methods().wsgi, "wsgi"),
        (wrapped(asgi), "asgi"),
        (wrapped(wsgi), "wsgi"),
        (functools.partial(asgi_with_setting, 1), "asgi"),
        (functools.partial(wsgi_with_setting, 1), "wsgi"),
        (functools.partial(functools.partial(asgi_with_setting), 1), "asgi"),
        (lambda scope, receive, send: asgi(scope, receive, send), "asgi"),
        (async_takes_anything, "asgi"),
        (FASTAPI(), "asgi"),
        (type("Shop", (FASTAPI,), {})(), "asgi"),
        (LITESTAR(), "asgi"),
        (QUART(), "asgi"),
        (DJANGO_ASGI(), "asgi"),
        (STARLETTE_ROUTER(), "asgi"),
        (DJANGO_WSGI(), "wsgi"),
        (FLASK(), "wsgi"),
        (TURBOAPI(), "turboapi"),
        (type("Shop", (TURBOAPI,), {})(), "turboapi"),
        (
            made_by(
                "elsewhere",
                "TurboAPI",
                registry=types.SimpleNamespace(get_routes=list),
                __call__=asgi_method,
            )(),
            "turboapi",
        ),
        (made_by("elsewhere", "TurboAPI", __call__=asgi_method)(), "asgi"),
    ],
)
def test_interface_is_seen(app: object, interface: str) -> None:
    assert choose(app, "app:app") == interface
    assert choose(app, "app:app", wanted=interface) == interface


def refusal(app: object, **settings: Any) -> str:
    with pytest.raises(AppError) as caught:
        choose(app, "app:app", **settings)
    message = str(caught.value)
    assert "\n" not in message
    return message


async def no_generator(scope, receive, send):
    yield {}


def create_app(debug: bool = False): ...


async def create_app_async(): ...


@pytest.mark.parametrize(
    ("app", "text"),
    [
        (Asgi2, "is an ASGI 2 app; wrap it: asgiref.compatibility.guarantee_single_callable"),
        (lambda scope: None, "looks like an ASGI 2 app; wrap it: "),
        (App, "is the class App itself; make an instance of it, or add --factory"),
        (FASTAPI, "is the class FastAPI itself; make an instance of it, or add --factory"),
        (FLASK, "is the class Flask itself; make an instance of it"),
        (create_app, "if it makes the app, add --factory"),
        (create_app_async, "if it makes the app, make it an ordinary function and add --factory"),
        (no_generator, "is an async generator (it has a yield); an ASGI app sends with"),
        (Router(), "is a Router; include it in an App: app.include_router(router)"),
        (FASTAPI_ROUTER(), "is an APIRouter; include it in a FastAPI app: "),
        (LITESTAR_ROUTER(), "is a Router; give it to an app: Litestar(route_handlers="),
        (made_by("flask.blueprints", "Blueprint")(), "is a Blueprint; register it on an app: "),
        (
            type("Shop", (made_by("quart.blueprints", "Blueprint"),), {})(),
            "is a Blueprint; register it",
        ),
        (lambda request: None, "with 1 argument, not an app: an ASGI app takes (scope, receive, "),
        (lambda a, b, c, d: None, "with 4 arguments, not an app"),
        (takes_anything, "may be an ASGI or a WSGI app: say which with --interface asgi"),
        (None, "app:app is None, not an app"),
        (3, "app:app is an int, not an app"),
        (types.ModuleType("shop"), "app:app is a module, not an app"),
    ],
)
def test_what_is_no_app_is_explained(app: object, text: str) -> None:
    assert text in refusal(app)


def test_coroutine_is_explained_and_closed() -> None:
    coroutine = create_app_async()
    assert "is a coroutine: an async function was called without await" in refusal(coroutine)
    assert coroutine.cr_frame is None


def test_what_a_factory_made_is_not_said_to_need_a_factory() -> None:
    text = refusal(create_app, from_factory=True)
    assert text.startswith("what app:app returned is a function, ")
    assert "--factory" not in text


@pytest.mark.parametrize(
    ("app", "wanted", "text"),
    [
        (
            asgi,
            "wsgi",
            "app:app is an ASGI app (an async function); leave the option out, or choose asgi",
        ),
        (wsgi, "asgi", "app:app is a WSGI app; leave the option out, or choose wsgi"),
        (asgi, "native", "app:app is an ASGI app; "),
        (App(), "asgi", "app:app is a native app; leave the option out, or choose native"),
        (wsgi, "turboapi", "app:app is a WSGI app; "),
        (create_app, "asgi", "if it makes the app, add --factory"),
        (None, "asgi", "app:app is None, not an app"),
    ],
)
def test_wrong_choice_is_explained(app: object, wanted: str, text: str) -> None:
    line = refusal(app, wanted=wanted)
    assert line.startswith(f"--interface {wanted}: ")
    assert text in line


def test_choice_decides_what_cannot_be_seen() -> None:
    assert choose(takes_anything, "app:app", wanted="asgi") == "asgi"
    assert choose(takes_anything, "app:app", wanted="wsgi") == "wsgi"
    assert choose(FASTAPI_ROUTER(), "app:app", wanted="asgi") == "asgi"


def test_annotations_that_cannot_be_resolved_do_no_harm() -> None:
    namespace: dict[str, Any] = {}
    source = "async def app(scope: Scope, receive: Receive, send: Send) -> None: ..."
    exec(f"from __future__ import annotations\n{source}", namespace)
    assert choose(namespace["app"], "app:app") == "asgi"


def test_object_whose_signature_raises_is_asked_about() -> None:
    class Odd:
        @property
        def __signature__(self):
            raise RuntimeError

        def __call__(self): ...

    assert "say which with --interface" in refusal(Odd())


@pytest.mark.parametrize(
    ("module", "make", "interface"),
    [
        ("starlette.applications", "Starlette", "asgi"),
        ("fastapi", "FastAPI", "asgi"),
        ("litestar", "Litestar", "asgi"),
        ("quart", "Quart", "asgi"),
        ("flask", "Flask", "wsgi"),
        ("turboapi", "TurboAPI", "turboapi"),
    ],
)
def test_real_framework_is_seen(module: str, make: str, interface: str) -> None:
    factory = getattr(pytest.importorskip(module), make)
    app = factory(__name__) if make in ("Quart", "Flask") else factory()
    assert choose(app, "app:app") == interface


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_real_django_is_seen(interface: str) -> None:
    pytest.importorskip("django")
    django = importlib.import_module(f"django.core.handlers.{interface}")
    handler = getattr(django, f"{interface.upper()}Handler")
    # Without its settings: only the shape matters.
    assert choose(object.__new__(handler), "app:app") == interface
