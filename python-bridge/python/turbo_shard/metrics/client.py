"""Asks a server's stats socket: the command, the supervisor of process mode and the lab do it here.

Knows nothing of a server but the path of its socket and the schema of an answer.
"""

from __future__ import annotations

import json
import socket
from typing import cast

from .schema import SCHEMA, Answer

READ_TIMEOUT_S = 5.0
# 1024 shards answer about 200 KiB.
ANSWER_BYTES_MAX = 4 * 1024**2


class StatsUnreadable(Exception):
    """No answer, or not one that can be understood; the text is one line."""


def read_answer(path: str, *, timeout_s: float = READ_TIMEOUT_S) -> Answer:
    """Asks the server whose stats socket lies at `path`."""
    received = bytearray()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(path)
            while piece := connection.recv(65536):
                received += piece
                if len(received) > ANSWER_BYTES_MAX:
                    raise StatsUnreadable(f"{path!r} says more than a stats socket does")
    except FileNotFoundError:
        raise StatsUnreadable(
            f"there is no socket {path!r}; start the server with --stats-socket {path}"
        ) from None
    except ConnectionRefusedError:
        raise StatsUnreadable(f"no server listens at {path!r} any more") from None
    except TimeoutError:
        raise StatsUnreadable(f"{path!r} does not answer within {timeout_s:g} s") from None
    except OSError as error:
        raise StatsUnreadable(f"{path!r} cannot be read: {error.strerror or error}") from None
    try:
        answer = json.loads(received)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or not isinstance(answer.get("schema"), int):
        raise StatsUnreadable(f"{path!r} is no stats socket of turbo-shard")
    if answer["schema"] != SCHEMA:
        raise StatsUnreadable(
            f"{path!r} speaks schema {answer['schema']}, this turbo-shard knows {SCHEMA}; use the server's version"
        )
    return cast(Answer, answer)
