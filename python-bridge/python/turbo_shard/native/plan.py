"""The plan of a route: all that the native side needs to know to serve it.

Front ends make plans of an app's routes: this package of the routes of an `App`, `compile/turboapi` by way of one. A
plan says nothing of the app that it was made of, and the native side knows nothing else of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .._native import Request

type Handler = Callable[..., Any]


class Missing:
    """Stands where no default was given, and where a reader has found nothing."""

    def __repr__(self) -> str:
        return "..."


MISSING = Missing()


class ArgumentPlan(NamedTuple):
    """How one argument of a function's call is made.

    What is not sent, or for which the reader returns MISSING, is the default; without a default, that is a fault.
    An InputError of the reader's is one too. All faults of a call are collected.
    """

    name: str
    # Its place in the call; arguments that are passed by name come last.
    slot: int
    # path, query, header, cookie and body are read natively, and `read` is given their text or bytes. A request is the
    # request as the plan's view shows it, and what is computed is what `read` makes of that. A socket is the WebSocket.
    source: str
    alias: str
    # Where a fault says that it is: the beginning of its `loc`. The reader of a JSON body says `body` itself.
    place: tuple[str, ...]
    kind: str
    many: bool
    keyword_only: bool
    required: bool
    default: Any
    # Makes a fresh default for each call, where a handler could change the default.
    new_default: Callable[[], Any] | None
    read: Callable[..., Any] | None


class RoutePlan(NamedTuple):
    """How one route is served. Each thread has its own plans, so no two threads count references to one."""

    # None: the route takes WebSockets.
    methods: tuple[str, ...]
    path: str
    handler: Handler
    label: str
    is_async: bool
    blocking: bool
    status_code: int | None
    # In the order in which they are made, and their faults listed.
    arguments: tuple[ArgumentPlan, ...]
    # Whether a request that is wrong outside of its body is refused before that is read.
    refuses_early: bool = True
    # Makes of the request what the arguments see of it, once a request; None: they see the request.
    view: Callable[[Request], Any] | None = None
    # Makes what is answered from what the handler returned; None: that is it.
    to_answer: Callable[[Any], Any] | None = None
    # The same of what the handler or a reader raised, and of an InputError with the call's faults. It returns None for
    # what is answered as in any app.
    answer_to_error: Callable[[Exception], Any] | None = None
