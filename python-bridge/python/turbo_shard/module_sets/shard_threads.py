"""A thread belongs to the set of modules of the code that started it, else to that of the thread that did.

Libraries look the user's modules up by name on threads of their own: multiprocessing pickles in one that feeds its
pipe, ProcessPoolExecutor reads results in another. A handler started them, or a thread that a handler started.

Knows how Python starts threads, but not how sets are kept.
"""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable
from typing import Any


def inherit(joined: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """From now on a new thread runs `joined(function)`, which is asked for on the thread that starts it."""

    def handed_on(start: Callable[..., Any]) -> Callable[..., Any]:
        def start_joined(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
            return start(joined(function) if callable(function) else function, *arguments, **named)

        return start_joined

    # What threading.Thread.start calls: a subclass may replace any of Thread's own methods.
    name = "_start_joinable_thread"
    if start := getattr(threading, name, None):
        setattr(threading, name, handed_on(start))
    _thread.start_new_thread = handed_on(_thread.start_new_thread)
