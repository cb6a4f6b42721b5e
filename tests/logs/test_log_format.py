"""The server's own lines: their times, and their forms for people and for programs."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from raw_http import RawClient
from server_process import READY_LINE, ServerProcess, StartServer, without_times
from waiting import wait_until

MODES = ["shard", "steal", "process"]


class ForPrograms(ServerProcess):
    """A server whose ready line is the message of a record."""

    def ready_or_dead(self) -> re.Match[str] | bool:
        for line in list(self.lines):
            record = json.loads(line) if line.startswith("{") else dict(pairs_of(line))
            if match := READY_LINE.match(record["message"]):
                return match
        return self.process.poll() is not None and not self.reader.is_alive()


def pairs_of(line: str) -> list[tuple[str, str]]:
    found = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)(?: |$)', line)
    return [(name, json.loads(text) if text[0] == '"' else text) for name, text in found]


def test_a_line_begins_with_its_time_in_utc(start_server: StartServer) -> None:
    server = start_server("quiet_app:native", variables={"QUIET": ""})
    with RawClient(server) as raw:
        raw.send(b"NONSENSE\r\n\r\n").answer()
    wait_until(lambda: "was refused" in server.log, "the line")
    (line,) = [line for line in server.lines if "was refused" in line]
    moment = datetime.strptime(line.split(" ")[0], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=5)
    assert without_times(line).startswith("turbo-shard INFO shard ")


@pytest.mark.parametrize("form", ["json", "logfmt"])
@pytest.mark.parametrize("mode", MODES)
def test_every_line_is_a_record_for_programs(mode: str, form: str) -> None:
    options = ("--mode", mode, "--shards", "2", "--log-format", form)
    with ForPrograms("quiet_app:wsgi", *options, variables={"QUIET": ""}) as server:
        with RawClient(server) as raw:
            raw.send(b'NONSENSE "\r\n\r\n').answer()
        with RawClient(server) as raw:
            assert raw.get("/fails").answer().status == 500
        wait_until(lambda: "only the log may see this" in server.log, "the error")
    records = [
        json.loads(line) if form == "json" else dict(pairs_of(line)) for line in server.lines
    ]
    assert all(one["time"] and one["level"] and one["logger"] for one in records)
    (error,) = [one for one in records if "only the log may see this" in one["message"]]
    assert error["level"] == "error"
    # One record with its traceback.
    assert "Traceback (most recent call last)" in error["message"]
    assert any("was refused" in one["message"] for one in records)


@pytest.mark.parametrize(
    ("level", "is_written"),
    [("critical", False), ("error", False), ("warning", False), ("warn", False), ("info", True)],
)
def test_levels_have_python_s_names(
    start_server: StartServer, level: str, is_written: bool
) -> None:
    server = start_server("quiet_app:native", "--log-level", level, variables={"QUIET": ""})
    assert server.stop() == 0
    assert ("stopped" in server.log) == is_written
