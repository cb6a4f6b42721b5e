"""The table of all counters that a server shows: those of its shards, declared where they are counted, in Rust, and
those of Python's garbage collector."""

from __future__ import annotations

from .._native import counters
from .counter_row import Column, CounterRow, Family
from .gc_pauses import GC_COUNTERS


def native_rows() -> tuple[CounterRow, ...]:
    return tuple(
        CounterRow(
            **{
                **row,
                "columns": tuple(Column(*each) for each in row["columns"]),
                "family": Family(*row["family"]) if row["family"] else None,
            }
        )
        for row in counters()
    )


# In the order of an answer's keys.
SHARD_ROWS = native_rows()
THREAD_ROWS = tuple(row for row in SHARD_ROWS if row.per_thread)
GC_ROWS = tuple(counter.row for counter in GC_COUNTERS)
