"""The JSON encoder while other threads change what it reads: right, or RuntimeError; no crash, no deadlock."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from turbo_shard._native import json_encode

# Documents per race, each a few microseconds; and its end where locks are so contended that they take milliseconds.
TIMES = 5000
SECONDS_MAX = 4


class Race:
    """Calls `change` over and over on other threads while this one encodes."""

    def __init__(self, *changes: Callable[[int], object]) -> None:
        self.over = threading.Event()
        self.failures: list[BaseException] = []
        self.threads = [threading.Thread(target=self.run, args=(change,)) for change in changes]

    def run(self, change: Callable[[int], object]) -> None:
        turn = 0
        try:
            while not self.over.is_set():
                change(turn)
                turn += 1
        except BaseException as error:
            self.failures.append(error)

    def encode(
        self, value: object, *, times: int, fallback: Callable[[Any], object] | None = None
    ) -> list[Any]:
        """The documents that were made; a RuntimeError is a fair answer too, anything else is not."""
        documents = []
        for thread in self.threads:
            thread.start()
        try:
            end = time.monotonic() + SECONDS_MAX
            for _ in range(times):
                if time.monotonic() > end:
                    break
                try:
                    documents.append(json.loads(json_encode(value, fallback)))
                except RuntimeError as error:
                    assert "changed while it was made JSON" in str(error)
        finally:
            self.over.set()
            for thread in self.threads:
                thread.join()
        assert not self.failures
        return documents


def test_flat_dict_that_grows_and_shrinks_is_seen_at_one_moment() -> None:
    table: dict[str, int] = {}

    def change(turn: int) -> None:
        table[f"key {turn % 50}"] = turn
        if turn % 50 == 49:
            table.clear()

    for document in Race(change).encode(table, times=TIMES):
        numbers = list(document.values())
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True


def test_flat_list_that_grows_and_shrinks_is_seen_at_one_moment() -> None:
    items: list[str] = []

    def change(turn: int) -> None:
        items.append(f"item {turn}")
        if turn % 40 == 39:
            items.clear()

    for document in Race(change).encode(items, times=TIMES):
        numbers = [int(item.split()[1]) for item in document]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True


def test_inner_containers_may_be_replaced_and_dropped_meanwhile() -> None:
    root: dict[str, Any] = {"rows": [], "by_name": {}, "pair": ([], {})}

    def change_rows(turn: int) -> None:
        root["rows"] = [
            {"turn": turn, "text": "x" * (turn % 300), "deep": [[turn]]} for _ in range(turn % 7)
        ]
        root["pair"][0][:] = [[turn, str(turn)]] * (turn % 3)

    def change_names(turn: int) -> None:
        root["by_name"][f"n{turn % 20}"] = {"turn": [turn], "more": {"k": [str(turn)]}}
        if turn % 20 == 19:
            root["by_name"] = {}
        root["pair"][1].pop("p", None)
        root["pair"][1]["p"] = (turn, [turn])

    documents = Race(change_rows, change_names).encode(root, times=TIMES)
    assert documents
    for document in documents:
        assert list(document) == ["rows", "by_name", "pair"]
        for row in document["rows"]:
            assert row["deep"] == [[row["turn"]]]


def test_same_size_changes_meanwhile_stay_safe() -> None:
    table: dict[str, Any] = {f"k{number}": [number] for number in range(8)}

    def change(turn: int) -> None:
        del table[f"k{turn}"]
        table[f"k{turn + 8}"] = [turn + 8]

    for document in Race(change).encode(table, times=TIMES):
        assert all(value == [int(key[1:])] for key, value in document.items())


def test_fallback_that_waits_gives_others_the_chance_to_change() -> None:
    class Thing:
        pass

    table: dict[str, Any] = {"things": [], "thing": Thing()}

    def change(turn: int) -> None:
        things = [[Thing(), {"deep": Thing()}, "x" * (turn % 40)] for _ in range(turn % 4)]
        table["things"] = things
        table["thing"] = Thing()
        things.append(table["thing"])

    def waiting(value: object) -> object:
        time.sleep(0)
        return {"made": [1, 2, 3]}

    documents = Race(change).encode(table, times=TIMES, fallback=waiting)
    assert documents
    made = {"made": [1, 2, 3]}
    for document in documents:
        assert document["thing"] == made
        for thing in document["things"]:
            assert thing == made or thing[:2] == [made, {"deep": made}]


def test_two_threads_that_encode_two_lists_holding_each_other_do_not_deadlock() -> None:
    """Each locks its own first, then the other's; a thread that waits for a lock gives up those that it holds."""
    left: list[Any] = [[1], {"a": 1}]
    right: list[Any] = [[2], {"b": 2}]
    both, htob = {"l": left, "r": right}, {"r": right, "l": left}

    def encode_reversed(turn: int) -> None:
        assert json_encode([htob, right, left])

    expected = [{"l": left, "r": right}, left, right]
    for document in Race(encode_reversed).encode([both, left, right], times=TIMES):
        assert document == expected
