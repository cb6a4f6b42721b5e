"""The JSON that Rust makes from Python values: the same as `json.dumps`, or a clear error, and never a crash."""

import json
import os
import random
import struct
import time
from collections.abc import Iterator

import pytest

from turbo_shard._native import json_encode

# Seed of the random tests. A failing run prints it; set it to see the same values again.
SEED = int(os.environ.get("TURBO_SHARD_TEST_SEED", time.time_ns() % 2**32))


def dumped(value: object) -> bytes:
    """What Starlette's JSONResponse sends."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


class Values:
    """Random values of JSON's types, from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self) -> str:
        highest = self.random.choice([0x7F, 0x7F, 0xFF, 0xFFFF, 0x10FFFF])
        length = self.random.choice([0, 1, 2, 3, 7, 8, 15, 16, 17, 40, 300])
        usual = "abc xyz/_-@.é" if highest > 0x7F else "abc xyz/_-@."
        points = (
            self.random.randint(0, highest) if self.random.random() < 0.15 else None
            for _ in range(length)
        )
        return "".join(
            self.random.choice(usual) if point is None or 0xD800 <= point < 0xE000 else chr(point)
            for point in points
        )

    def integer(self) -> int:
        bits = self.random.choice([1, 4, 8, 29, 30, 31, 32, 59, 60, 61, 63, 64, 65, 128, 900])
        near = self.random.choice([0, 2**bits - 1, 2**bits, self.random.getrandbits(bits)])
        return near * self.random.choice([1, -1])

    def float(self) -> float:
        while True:
            value = self.random.choice(
                [
                    lambda: struct.unpack("d", self.random.randbytes(8))[0],
                    lambda: self.random.uniform(-1000, 1000),
                    lambda: round(self.random.uniform(-1000, 1000), self.random.randint(0, 4)),
                    lambda: float(self.random.randint(-(10**17), 10**17)),
                    lambda: self.random.randint(1, 99999) * 10.0 ** self.random.randint(-30, 30),
                    lambda: 2.0 ** self.random.randint(-1074, 1023),
                ]
            )()
            if value - value == 0:
                return value

    def leaf(self) -> object:
        return self.random.choice(
            [self.text, self.integer, self.float, lambda: True, lambda: False, lambda: None]
        )()

    def any(self, levels: int = 4) -> object:
        if levels == 0 or self.random.random() < 0.4:
            return self.leaf()
        count = self.random.choice([0, 1, 2, 5, 12])
        kind = self.random.choice(["dict", "dict", "list", "tuple"])
        if kind == "dict":
            return {
                self.text() if self.random.random() < 0.8 else self.leaf(): self.any(levels - 1)
                for _ in range(count)
            }
        items = [self.any(levels - 1) for _ in range(count)]
        return items if kind == "list" else tuple(items)


@pytest.fixture
def values() -> Iterator[Values]:
    print(f"TURBO_SHARD_TEST_SEED={SEED}")
    yield Values(SEED)


def test_random_values_come_out_as_from_json_dumps(values: Values) -> None:
    for _ in range(3000):
        value = values.any()
        assert json_encode(value) == dumped(value)


def test_random_floats_come_out_as_from_json_dumps(values: Values) -> None:
    floats = [values.float() for _ in range(100_000)]
    assert json_encode(floats) == dumped(floats)


def test_random_integers_come_out_as_from_json_dumps(values: Values) -> None:
    integers = [values.integer() for _ in range(20_000)]
    assert json_encode(integers) == dumped(integers)


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        (),
        "",
        0,
        -1,
        True,
        False,
        None,
        {"user_id": 123, "name": "User 123", "email": "user123@example.com"},
        {"a": [1, 2.5, "x", True, False, None, {"b": ()}], "c": {"d": {}}},
        [[], [[]], {}, [{}], ","],
        {"": "", ",": ","},
        {"é": "ü", "€": "日本語", "𝄞": "🎼"},
        {
            1: "int",
            2.5: "float",
            False: "bool",
            None: "none",
            "s": "str",
            10**30: "big",
            1e16: "exponent",
        },
        {1: "a", "1": "b", 1.5: "c", "1.5": "d", None: "e", "null": "f"},
        "".join(map(chr, range(0x100))),
        "\x7f\u2028\u2029\ufeff\ufffe\uffff",
        [2**63 - 1, 2**63, 2**64, -(2**63), -(2**63) - 1, 10**100, 2**30, -(2**30), 2**60],
        [
            0.0,
            -0.0,
            1.0,
            1e16,
            1e-07,
            1e-5,
            0.0001,
            123456789012345680.0,
            1.5e300,
            5e-324,
            0.1 + 0.2,
        ],
    ],
    ids=lambda value: repr(value)[:40],
)
def test_value_comes_out_as_from_json_dumps(value: object) -> None:
    assert json_encode(value) == dumped(value)


def test_strings_of_every_length_and_width_come_out_as_from_json_dumps() -> None:
    for filling in ("x", "é", "€", "𝄞"):
        for special in ('"', "\\", "\n", "\x00", "é", "€"):
            for length in [*range(40), 255, 256, 257, 511, 512, 513, 5000]:
                for text in (
                    filling * length,
                    filling * length + special,
                    special + filling * length,
                ):
                    assert json_encode(text) == dumped(text)


def test_large_documents_come_out_whole() -> None:
    rows = [
        {"id": number, "name": f"User {number}", "tags": ["a", "b"], "score": number / 3}
        for number in range(20_000)
    ]
    assert json_encode(rows) == dumped(rows)
