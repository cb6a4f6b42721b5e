"""The app of bench/scenarios/: each route is a kind of work that one architecture may do better.

Every answer follows from its request, so it can be checked. Work is measured in CPU time of the thread
(CLOCK_THREAD_CPUTIME_ID), not in elapsed time: a handler that is interrupted still does all of it, and every arm gets
the same work for the same requests.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from turbo_shard import App

app = App()

SHORT_BURN_US = 100
LONG_BURN_US = 20_000
# Which requests are long: one of so many, by a hash of the number: long ones come without a pattern and are the same in
# every arm. With this seed there are 90 of them among the 9,000 numbers that turbo-load counts through.
LONG_ONE_IN = 100
HASH_FACTOR = 2_654_435_761
HASH_SEED = 22_023

SLEEP_S = 0.005
LARGE_BYTES = 1 << 20
LARGE_BODY = b"0123456789abcdef" * (LARGE_BYTES // 16)


def is_long(number: int) -> bool:
    mixed = (number * HASH_FACTOR + HASH_SEED) & 0xFFFF_FFFF
    return (mixed ^ (mixed >> 15)) % LONG_ONE_IN == 0


def burn(microseconds: int) -> None:
    """Python code that keeps this thread's core for so long."""
    end = time.thread_time_ns() + microseconds * 1000
    while time.thread_time_ns() < end:
        pass


# As short as a handler can be.


@app.get("/short/{number}")
def short(number: int) -> dict[str, Any]:
    return {"number": number}


# CPU time in Python code: always 100 µs, or 20 ms for one of a hundred.


@app.get("/burn/{number}")
def burn_evenly(number: int) -> dict[str, Any]:
    burn(SHORT_BURN_US)
    return {"number": number}


@app.get("/bimodal/{number}")
def burn_unevenly(number: int) -> dict[str, Any]:
    burn(LONG_BURN_US if is_long(number) else SHORT_BURN_US)
    return {"number": number}


# Waits without an event loop: on the pool, as it should be, and inline, as it should not.


@app.get("/pool/sleep/{number}", blocking=True)
def sleep_in_pool(number: int) -> dict[str, Any]:
    time.sleep(SLEEP_S)
    return {"number": number}


@app.get("/inline/sleep/{number}")
def sleep_inline(number: int) -> dict[str, Any]:
    time.sleep(SLEEP_S)
    return {"number": number}


@app.get("/pool/burn/{number}", blocking=True)
def burn_in_pool(number: int) -> dict[str, Any]:
    burn(int(SLEEP_S * 1_000_000))
    return {"number": number}


@app.get("/inline/burn/{number}")
def burn_inline(number: int) -> dict[str, Any]:
    burn(int(SLEEP_S * 1_000_000))
    return {"number": number}


# Objects of the user's own that every request uses. In one app for all shards each core counts references in the same
# places of memory, and they wait for each other; an app of its own for each shard has its own objects.


@dataclass
class Price:
    """An object that handlers look up; only immutable built-ins would be spared the counting."""

    name: str
    amount: float


class Catalogue:
    """Used like a dependency container, a settings object or a cache."""

    def __init__(self) -> None:
        self.prices = {
            f"item {number}": Price(f"item {number}", number / 4) for number in range(16)
        }

    def price(self, name: str) -> Price:
        return self.prices[name]


catalogue = Catalogue()
SHARED_ROUNDS = 16


@app.get("/shared/{number}")
def use_shared_objects(number: int) -> dict[str, Any]:
    total = 0.0
    for _ in range(SHARED_ROUNDS):
        for name in catalogue.prices:
            total += catalogue.price(name).amount
    return {"number": number, "total": total}


# Bodies: one that comes back, and one that takes long to read.


@app.post("/echo")
def echo(body: bytes) -> bytes:
    return body


@app.get("/large/{number}")
def large(number: int) -> bytes:
    return LARGE_BODY


# Awaits one to three milliseconds, by the number.


@app.get("/wait/{number}")
async def wait(number: int) -> dict[str, Any]:
    await asyncio.sleep((1 + number % 3) / 1000)
    return {"number": number}
