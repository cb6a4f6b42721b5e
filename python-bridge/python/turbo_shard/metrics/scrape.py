"""Reads a metrics port's page, as far as `turbo-shard top` needs it. Knows no metric by name."""

from __future__ import annotations

import http.client
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from .client import READ_TIMEOUT_S, StatsUnreadable

# A page of a thousand shards and 256 routes is about 6 MiB.
PAGE_BYTES_MAX = 64 * 1024**2
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')


class Sample(NamedTuple):
    name: str
    labels: dict[str, str]
    value: float


# The samples of a page, in its order.
type Scrape = list[Sample]


def read_page(url: str) -> Scrape:
    """Asks the metrics port at `http://HOST:PORT`; the path is /metrics unless it has one."""
    place = urlsplit(url)
    try:
        connection = http.client.HTTPConnection(
            place.hostname or "", place.port, timeout=READ_TIMEOUT_S
        )
        connection.request("GET", place.path.rstrip("/") or "/metrics")
        answer = connection.getresponse()
        text = answer.read(PAGE_BYTES_MAX).decode()
        connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise StatsUnreadable(f"{url} cannot be read: {error}") from None
    if answer.status != 200 or "turbo_shard_" not in text:
        raise StatsUnreadable(f"{url} is no metrics port of turbo-shard")
    return [sample_of(line) for line in text.splitlines() if line and not line.startswith("#")]


def sample_of(line: str) -> Sample:
    named, _, value = line.rpartition(" ")
    name, _, labels = named.partition("{")
    return Sample(name, dict(LABEL.findall(labels)), float(value))
