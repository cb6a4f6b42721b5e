"""Formatters and handlers that a log configuration of the tests names."""

from __future__ import annotations

import json
import logging
import threading
import time
from copy import copy
from typing import Any


class AccessFormatter(logging.Formatter):
    """Takes a record apart as uvicorn's formatter of this name does (uvicorn/logging.py, 0.54)."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        made = copy(record)
        client, method, path, version, status = made.args  # type: ignore[misc]
        vars(made).update(
            client_addr=client, request_line=f"{method} {path} HTTP/{version}", status_code=status
        )
        return super().formatMessage(made)


class JsonFormatter(logging.Formatter):
    """What a record holds, and on which thread it is handled."""

    def format(self, record: logging.LogRecord) -> str:
        own = vars(logging.makeLogRecord({}))
        more: dict[str, Any] = {k: v for k, v in vars(record).items() if k not in own}
        return json.dumps(
            {
                "logger": record.name,
                "level": record.levelname,
                "text": record.getMessage(),
                "thread": record.threadName,
                "created": record.created,
                "handled_by": threading.current_thread().name,
                "trace": self.formatException(record.exc_info) if record.exc_info else "",
                "more": {k: v for k, v in more.items() if k not in ("line", "message")},
            }
        )


class SlowHandler(logging.FileHandler):
    """Takes its time with each record."""

    def emit(self, record: logging.LogRecord) -> None:
        time.sleep(0.005)
        super().emit(record)


class FailingHandler(logging.FileHandler):
    """Raises what no handler should."""

    def handle(self, record: logging.LogRecord) -> bool:
        if "was refused" in record.getMessage():
            raise RuntimeError("of the handler")
        return super().handle(record)
