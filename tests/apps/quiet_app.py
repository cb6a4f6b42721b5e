"""Apps of each interface that fail, after they have configured logging as $QUIET says."""

from __future__ import annotations

import logging
import logging.config
import os
from typing import Any

from turbo_shard import App

match os.environ["QUIET"]:
    case "disabled":
        logging.getLogger("turbo_shard.error")
        handlers = {"file": {"class": "logging.FileHandler", "filename": os.devnull}}
        logging.config.dictConfig(
            {
                "version": 1,
                "disable_existing_loggers": True,
                "handlers": handlers,
                "root": {"handlers": ["file"]},
            }
        )
    case "no-handlers":
        logging.getLogger("turbo_shard").propagate = False
        logging.lastResort = None
    case "null-handler":
        logging.getLogger("turbo_shard").propagate = False
        logging.getLogger("turbo_shard").addHandler(logging.NullHandler())
    case "logger-level":
        logging.getLogger("turbo_shard").setLevel(logging.CRITICAL)
    case "handler-level":
        handler = logging.StreamHandler()
        handler.setLevel(logging.CRITICAL)
        logging.getLogger().addHandler(handler)
    case "all-disabled":
        logging.disable(logging.CRITICAL)
    case "heard":
        logging.basicConfig(format="the app's own: %(name)s %(message)s")

native = App()


@native.get("/fails")
def fails() -> None:
    raise ValueError("only the log may see this")


def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    raise ValueError("only the log may see this")


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        raise ValueError("only the log may see this")
    raise NotImplementedError
