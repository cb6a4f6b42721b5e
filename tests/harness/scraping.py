"""Asks a server's metrics port, and reads what it says as a scraper does."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import httpx
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families as plain_families

from server_process import ServerProcess
from waiting import TIMEOUT_S

METRICS_LINE = re.compile(r"^ +metrics +(http://\S+)/metrics$")
OPEN = "application/openmetrics-text; version=1.0.0"


class Said(NamedTuple):
    status: int
    text: str


class Scraper:
    """The metrics port of a server that was started with `--metrics 0`."""

    def __init__(self, server: ServerProcess) -> None:
        self.url = next(found[1] for line in server.lines if (found := METRICS_LINE.match(line)))

    def get(self, path: str, accept: str = "*/*") -> httpx.Response:
        with httpx.Client(trust_env=False, timeout=TIMEOUT_S) as client:
            return client.get(f"{self.url}{path}", headers={"accept": accept})

    def said(self, path: str) -> Said:
        answer = self.get(path)
        return Said(answer.status_code, answer.text)

    def families(self, *, is_open: bool = False) -> list[Any]:
        text = self.get("/metrics", OPEN if is_open else "*/*").text
        return list(open_families(text) if is_open else plain_families(text))

    def samples(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """The value of each series, by its name and labels."""
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families()
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """The sum of the series with this name that have these labels."""
        wanted = set(labels.items())
        found = [
            value for (own, has), value in self.samples().items() if own == name and wanted <= has
        ]
        return sum(found)
