"""What is declared of a counter: everything that shows counters to people is made of such rows. Knows no counter."""

from __future__ import annotations

from typing import Literal, NamedTuple

# A counter only grows; a gauge is the present value. The words are those of Prometheus.
type CounterKind = Literal["counter", "gauge"]
type Unit = Literal["count", "microseconds", "bytes"]
type Figure = Literal["total", "per second", "share of time"]


class Column(NamedTuple):
    """One column of the table of `turbo-shard stats`."""

    heading: str
    figure: Figure
    # Whether the line beneath says how evenly the rows have it.
    is_compared: bool


class Family(NamedTuple):
    """Counters that are one metric, told apart by a label."""

    name: str
    help: str
    label: str
    value: str


class CounterRow(NamedTuple):
    """A counter, wherever it is counted."""

    name: str
    kind: CounterKind
    unit: Unit
    help: str
    # Whether each worker thread of work-stealing mode has it.
    per_thread: bool = False
    columns: tuple[Column, ...] = ()
    # How the values of several processes become one.
    across: Literal["sum", "max"] = "sum"
    family: Family | None = None

    @property
    def only_grows(self) -> bool:
        return self.kind == "counter"
