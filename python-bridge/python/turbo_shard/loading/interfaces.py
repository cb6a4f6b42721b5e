"""Finds the interface by which to call an app, and says in one line why something is not an app. Calls none of the
user's code, and knows neither modules nor servers.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ..user_code.running import AppError, description

if TYPE_CHECKING:
    import inspect

type Interface = Literal["native", "turboapi", "asgi", "wsgi"]

IN_WORDS: dict[Interface, str] = {
    "native": "native",
    "turboapi": "TurboAPI",
    "asgi": "ASGI",
    "wsgi": "WSGI",
}
ASGI_FORM = "an ASGI app takes (scope, receive, send)"
WSGI_FORM = "a WSGI app takes (environ, start_response)"
ASGI_2 = "an ASGI 2 app; wrap it: asgiref.compatibility.guarantee_single_callable"

# Objects that belong into an app instead of being one: top-level module, class, and what to do with it.
ROUTERS = (
    ("turbo_shard", "Router", "include it in an App: app.include_router(router)"),
    ("fastapi", "APIRouter", "include it in a FastAPI app: app.include_router(router)"),
    ("turboapi", "APIRouter", "include it in a TurboAPI app: app.include_router(router)"),
    ("turboapi", "Router", "include it in a TurboAPI app: app.include_router(router)"),
    ("litestar", "Router", "give it to an app: Litestar(route_handlers=[router])"),
    ("flask", "Blueprint", "register it on an app: app.register_blueprint(blueprint)"),
    ("quart", "Blueprint", "register it on an app: app.register_blueprint(blueprint)"),
    ("sanic", "Blueprint", "register it on an app: app.blueprint(blueprint)"),
)


def choose(
    app: object,
    name: str,
    *,
    wanted: str = "auto",
    from_factory: bool = False,
    flag: str = "--interface",
) -> Interface:
    """The interface to serve `app` by; raises AppError where there is none, or where `wanted` does not fit."""
    what = f"what {name} returned" if from_factory else name
    found = interfaces_of(app)
    if wanted != "auto":
        for interface in found:
            if interface == wanted:
                return interface
        raise AppError(
            f"{flag} {wanted}: {wrong_choice(app, what, wanted, found, from_factory=from_factory)}"
        )
    if router_hint(app):
        found = ()
    if len(found) > 1 and found[0] != "turboapi":
        raise AppError(
            f"{what} is {description(app)} that may be an ASGI or a WSGI app: "
            f"say which with {flag} asgi or {flag} wsgi"
            + ("" if from_factory else ", or, if it makes the app, add --factory")
        )
    if not found:
        raise AppError(refusal(app, what, from_factory=from_factory))
    return found[0]


def interfaces_of(app: object) -> tuple[Interface, ...]:
    """All interfaces by which `app` can be called, the likeliest first."""
    from ..compile.turboapi.names import is_turboapi
    from ..native.app import App

    if isinstance(app, App):
        return ("native",)
    own: tuple[Interface, ...] = ("turboapi",) if is_turboapi(app) else ()
    return own + call_forms(app)


def call_forms(app: object) -> tuple[Interface, ...]:
    """ASGI or WSGI, from how the object can be called; both where that cannot be told."""
    call = Call.of(app)
    if call is None or is_generator_of_messages(app):
        return ()
    if isinstance(app, type):
        # The instance is the answer: awaited for ASGI, iterated for WSGI (PEP 3333 has an example).
        if call.takes(3) and hasattr(app, "__await__"):
            return ("asgi",)
        return ("wsgi",) if call.required == 2 and hasattr(app, "__iter__") else ()
    if call.is_async:
        return ("asgi",) if call.takes(3) else ()
    if call.required in (2, 3):
        return ("wsgi",) if call.required == 2 else ("asgi",)
    return ("asgi", "wsgi") if call.takes(3) and call.most == math.inf else ()


class Call(NamedTuple):
    """How an object can be called: the positional arguments that it requires and takes, and whether it is async."""

    required: int
    most: float
    names: tuple[str, ...]
    is_async: bool

    @staticmethod
    def of(app: object) -> Call | None:
        """None where it cannot be called at all."""
        if not callable(app):
            return None
        try:
            parameters = signature(app).parameters.values()
        except Exception:
            # A compiled object, which does not say, or one that is not what it seems.
            return Call(0, math.inf, (), is_async(app))
        ordinary = [
            parameter
            for parameter in parameters
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
        required = [parameter for parameter in ordinary if parameter.default is parameter.empty]
        takes_any = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
        most = math.inf if takes_any else len(ordinary)
        names = tuple(parameter.name for parameter in required)
        return Call(len(required), most, names, is_async(app))

    def takes(self, count: int) -> bool:
        return self.required <= count <= self.most


def signature(app: Callable[..., object]) -> inspect.Signature:
    import inspect

    if sys.version_info >= (3, 14):
        from annotationlib import Format

        # Annotations may name things that only type checkers import.
        return inspect.signature(app, annotation_format=Format.FORWARDREF)
    return inspect.signature(app)


def is_async(app: object) -> bool:
    import inspect

    return any(inspect.iscoroutinefunction(called) for called in called_functions(app))


def is_generator_of_messages(app: object) -> bool:
    """An async generator yields its messages in vain: an ASGI app sends them."""
    import inspect

    return any(inspect.isasyncgenfunction(called) for called in called_functions(app))


def called_functions(app: object) -> tuple[Any, ...]:
    """What runs when the object is called: itself, or the `__call__` of its class."""
    import functools

    while isinstance(app, functools.partial):
        app = app.func
    if isinstance(app, type):
        return (app,)
    return (app, getattr(type(app), "__call__", None))  # noqa: B004 - the function itself is wanted


def top_level(cls: type) -> str:
    return str(cls.__module__).partition(".")[0]


# Why not.


def wrong_choice(
    app: object, what: str, wanted: str, found: tuple[Interface, ...], *, from_factory: bool
) -> str:
    """Why the app cannot be called as the user wants."""
    if found:
        kind = " or ".join(
            f"{'an' if interface == 'asgi' else 'a'} {IN_WORDS[interface]} app"
            for interface in found
        )
        shape = " (an async function)" if wanted == "wsgi" and is_async(app) else ""
        return f"{what} is {kind}{shape}; leave the option out, or choose {found[0]}"
    return refusal(app, what, from_factory=from_factory)


def refusal(app: object, what: str, *, from_factory: bool) -> str:
    """Why this object is not served, and what would help."""
    import inspect

    if hint := router_hint(app):
        return f"{what} is {hint}"
    if isinstance(app, type):
        if is_asgi_2(app):
            return f"{what} is {ASGI_2}"
        return (
            f"{what} is the class {app.__name__} itself; make an instance of it, or add --factory"
        )
    if inspect.iscoroutine(app):
        app.close()
        return f"{what} is a coroutine: an async function was called without await, which made no app yet"
    if is_generator_of_messages(app):
        return f"{what} is an async generator (it has a yield); an ASGI app sends with `await send(...)`"
    call = Call.of(app)
    if call is not None:
        return f"{what} is {description(app)}, {not_an_app(app, call, from_factory=from_factory)}"
    return f"{what} is {description(app)}, not an app"


def not_an_app(app: object, call: Call, *, from_factory: bool) -> str:
    """To complete `… is a function,`."""
    if call.required == 1 and call.names == ("scope",):
        return f"which looks like {ASGI_2}"
    if call.required == 0 and not from_factory:
        ordinary = "make it an ordinary function and " if call.is_async else ""
        return f"not an app; if it makes the app, {ordinary}add --factory"
    count = f"{call.required} argument{'' if call.required == 1 else 's'}"
    kind = "async, with" if call.is_async else "with"
    return f"{kind} {count}, not an app: {ASGI_FORM}, {WSGI_FORM}"


def is_asgi_2(cls: type) -> bool:
    call = Call.of(cls)
    called: Callable[..., object] | None = vars(cls).get("__call__")
    return call is not None and call.takes(1) and called is not None and is_async(called)


def router_hint(app: object) -> str:
    """`a Router; include it …`, or nothing where it is not one."""
    # The framework's own class decides: an app may well be a special router (Litestar is one).
    frameworks = {module for module, _, _ in ROUTERS}
    own = next((cls for cls in type(app).__mro__ if top_level(cls) in frameworks), object)
    for module, name, hint in ROUTERS:
        if (top_level(own), own.__name__) == (module, name):
            return f"{'an' if name[0] == 'A' else 'a'} {name}; {hint}"
    return ""
