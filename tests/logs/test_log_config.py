"""`--log-config`: the server's log, its access log and the errors of apps through Python's `logging`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from access_log_files import lines_of
from places import APPS
from raw_http import RawClient
from server_process import READY_LINE, ServerProcess, run_command
from waiting import wait_until

MODES = ["shard", "steal", "process"]
JSON_LINES = {"format": {"()": "log_formatters.JsonFormatter"}}


class Configured(ServerProcess):
    """A server whose ready line is in a file, in one of several forms."""

    log_file: Path

    def ready_or_dead(self) -> re.Match[str] | bool:
        for line in lines_of(self.log_file):
            text = json.loads(line)["text"] if line.startswith("{") else line
            if match := READY_LINE.search(text):
                return match
        return self.process.poll() is not None and not self.reader.is_alive()


def table(log: Path, loggers: tuple[str, ...] = (), **handler: Any) -> dict[str, Any]:
    """A configuration that writes everything to `log`, or only what these loggers get."""
    own = {"class": "logging.FileHandler", "filename": str(log), "formatter": "format"} | handler
    return {
        "version": 1,
        "formatters": JSON_LINES,
        "handlers": {"file": own},
        "root": {"handlers": ["file"] if not loggers else [], "level": "INFO"},
        "loggers": {name: {"handlers": ["file"], "propagate": False} for name in loggers},
    }


def written(folder: Path, config: dict[str, Any]) -> Path:
    path = folder / "log.json"
    path.write_text(json.dumps(config))
    return path


def server_with(config: Path, log: Path, *options: str, app: str = "quiet_app:wsgi") -> Configured:
    variables = {"QUIET": ""}
    server = Configured(app, "--log-config", str(config), *options, variables=variables)
    server.log_file = log
    return server


def records_in(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines_of(log)]


def wait_for(log: Path, text: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        return next((one for one in records_in(log) if text in one["text"]), None)

    record = wait_until(found, f"the record {text!r}")
    assert record is not None
    return record


@pytest.mark.parametrize("mode", MODES)
def test_all_that_the_server_says_goes_through_logging(tmp_path: Path, mode: str) -> None:
    log = tmp_path / "server.log"
    options = ("--mode", mode, "--shards", "2", "--access-log")
    began = time.time()
    with server_with(written(tmp_path, table(log)), log, *options) as server:
        with RawClient(server) as raw:
            raw.send(b"NONSENSE\r\n\r\n").answer()
        with RawClient(server) as raw:
            assert raw.get("/fails?a", "User-Agent: test").answer().status == 500
        refused = wait_for(log, "was refused: malformed request line (400)")
        error = wait_for(log, "GET /fails")
        access = wait_for(log, '"GET /fails?a HTTP/1.1" 500')
        assert server.stop() == 0
    records = records_in(log)
    assert {one["handled_by"] for one in records} == {"logging"}
    assert all(began - 1 <= one["created"] <= time.time() + 1 for one in records)
    assert (refused["logger"], refused["level"]) == ("turbo_shard", "INFO")
    assert (error["logger"], error["level"]) == ("turbo_shard.error", "ERROR")
    assert "only the log may see this" in error["trace"]
    assert (access["logger"], access["level"]) == ("turbo_shard.access", "INFO")
    assert access["text"].startswith("127.0.0.1:")
    more = access["more"]
    assert (more["method"], more["path"], more["query"]) == ("GET", "/fails", "a")
    assert (more["status"], more["user_agent"]) == (500, "test")
    assert more["duration_ms"] >= 0 and more["shard"] in (0, 1)
    # Written while the server ended.
    assert any(one["text"].endswith("stopped") for one in records)
    # Nothing is said twice.
    assert "was refused" not in server.log and "ready on" not in server.log


def test_a_configuration_for_uvicorn_gets_the_records_under_its_names(tmp_path: Path) -> None:
    log, access = tmp_path / "server.log", tmp_path / "access.log"
    config = table(log, ("uvicorn",))
    config["disable_existing_loggers"] = True
    config["formatters"]["access"] = {
        "()": "log_formatters.AccessFormatter",
        "fmt": "%(client_addr)s|%(request_line)s|%(status_code)s",
    }
    config["handlers"]["access"] = {
        "class": "logging.FileHandler",
        "filename": str(access),
        "formatter": "access",
    }
    config["loggers"]["uvicorn.access"] = {"handlers": ["access"], "propagate": False}
    for form in ("uvicorn", "combined"):
        options = ("--access-log", "--access-log-format", form, "--shards", "1")
        with server_with(written(tmp_path, config), log, *options) as server:
            with RawClient(server) as raw:
                assert raw.get("/fails?a=b").answer().status == 500
            line = wait_until(lambda: lines_of(access), "the line")[0]
            assert re.fullmatch(r"127\.0\.0\.1:\d+\|GET /fails\?a=b HTTP/1\.1\|500", line)
            assert wait_for(log, "ready on")["logger"] == "uvicorn.error"
            assert wait_for(log, "GET /fails")["logger"] == "uvicorn.error"
        access.unlink()
        log.unlink()


def test_the_message_has_the_format_that_was_asked_for(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    options = ("--access-log", "--access-log-format", "%(m)s <%(U)s> %(s)s")
    with server_with(written(tmp_path, table(log)), log, *options) as server:
        with RawClient(server) as raw:
            raw.get("/fails").answer()
        assert wait_for(log, "GET </fails> 500")["logger"] == "turbo_shard.access"


def test_an_access_log_with_a_file_of_its_own_stays_there(tmp_path: Path) -> None:
    log, access = tmp_path / "server.log", tmp_path / "access.log"
    with server_with(written(tmp_path, table(log)), log, f"--access-log={access}") as server:
        with RawClient(server) as raw:
            raw.get("/fails").answer()
        wait_until(lambda: lines_of(access), "the line")
        assert server.stop() == 0
    assert all(one["logger"] != "turbo_shard.access" for one in records_in(log))


@pytest.mark.parametrize("form", ["yaml", "toml", "ini"])
def test_files_of_other_forms_are_read(tmp_path: Path, form: str) -> None:
    log = tmp_path / "server.log"
    texts = {
        "yaml": f"""
            formatters: {{short: {{format: '%(message)s'}}}}
            handlers: {{file: {{class: logging.FileHandler, filename: {log}, formatter: short}}}}
            root: {{handlers: [file], level: INFO}}
        """,
        "toml": f"""
            [formatters.short]
            format = "%(message)s"
            [handlers.file]
            class = "logging.FileHandler"
            filename = "{log}"
            formatter = "short"
            [root]
            handlers = ["file"]
            level = "INFO"
        """,
        "ini": """
            [loggers]
            keys = root
            [handlers]
            keys = file
            [formatters]
            keys = short
            [logger_root]
            level = INFO
            handlers = file
            [handler_file]
            class = FileHandler
            args = ("%(here)s/server.log",)
            formatter = short
            [formatter_short]
            format = %(message)s
        """,
    }
    config = tmp_path / f"log.{form}"
    config.write_text(textwrap.dedent(texts[form]))
    with server_with(config, log) as server:
        assert "ready on" not in server.log


SETS_UP = """
import logging, sys
from turbo_shard import _native
from turbo_shard.serving.log_setup import with_log_config
from turbo_shard.settings import settings_from
settings = with_log_config(settings_from({"log_config": sys.argv[1], "log_level": sys.argv[2]}), _native)
print(settings.log_level, logging.getLogger("turbo_shard").getEffectiveLevel())
"""


@pytest.mark.parametrize(
    ("of_file", "option", "expected"),
    [
        ("DEBUG", "info", "debug 10"),
        ("ERROR", "info", "error 40"),
        ("ERROR", "debug", "debug 10"),
        ("DEBUG", "warn", "warning 30"),
        ("DEBUG", "critical", "critical 50"),
        ("INFO", "trace", "trace 5"),
    ],
)
def test_the_file_s_level_counts_and_the_option_s_goes_before_it(
    tmp_path: Path, of_file: str, option: str, expected: str
) -> None:
    config = table(Path(os.devnull))
    config["formatters"] = {"format": {"format": "%(message)s"}}
    config["loggers"] = {"turbo_shard": {"level": of_file}}
    command = [sys.executable, "-c", SETS_UP, str(written(tmp_path, config)), option]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == expected


FORKS = """
import os, sys
from turbo_shard import _native
from turbo_shard.serving.log_setup import with_log_config
from turbo_shard.settings import settings_from
with_log_config(settings_from({"log_config": sys.argv[1]}), _native)
child = os.fork()
_native.log_line("warn", "of the parent" if child else "of the child")
if child:
    assert os.waitpid(child, 0)[1] == 0
"""


def test_a_forked_child_writes_to_stderr_and_leaves_the_queue_alone(tmp_path: Path) -> None:
    log = tmp_path / "script.log"
    config = table(log)
    config["formatters"] = {"format": {"format": "%(message)s"}}
    command = [sys.executable, "-c", FORKS, str(written(tmp_path, config))]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert lines_of(log) == ["of the parent"]
    (line,) = [line for line in found.stderr.splitlines() if "turbo-shard" in line]
    assert line.endswith("turbo-shard WARN of the child")


def test_no_shard_waits_for_a_handler_and_losses_are_said(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    config = table(log, **{"class": "log_formatters.SlowHandler"})
    options = ("--access-log", "--shards", "1")
    app = "logged_app:native"
    with server_with(written(tmp_path, config), log, *options, app=app) as server:
        request = b"GET /items/1 HTTP/1.1\r\nhost: a\r\nuser-agent: %s\r\n\r\n" % (b"u" * 1000)
        # More than the queue and the ring hold; its handler would take 60 seconds for them.
        with RawClient(server) as raw:
            for _ in range(120):
                raw.send(request * 100)
                for _ in range(100):
                    raw.answer()
        assert len(lines_of(log)) < 6000
        assert server.stop() == 0
    assert "lost" in server.log


def test_a_handler_that_raises_ends_nothing(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    config = table(log, **{"class": "log_formatters.FailingHandler"})
    with server_with(written(tmp_path, config), log, "--shards", "1") as server:
        with RawClient(server) as raw:
            raw.send(b"NONSENSE\r\n\r\n").answer()
        wait_until(lambda: "of the handler" in server.log, "the traceback")
        assert server.stop() == 0
    assert records_in(log)[-1]["text"].endswith("stopped")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("mode", ["shard", "process"])
def test_a_stop_writes_what_is_queued(tmp_path: Path, mode: str, number: signal.Signals) -> None:
    log = tmp_path / "server.log"
    options = ("--mode", mode, "--shards", "1", "--access-log")
    config, app = written(tmp_path, table(log)), "logged_app:native"
    with server_with(config, log, *options, app=app) as server:
        request = b"GET /items/1 HTTP/1.1\r\nhost: a\r\n\r\n"
        with RawClient(server) as raw:
            raw.send(request * 500)
            for _ in range(500):
                raw.answer()
        server.signal(number)
        assert server.wait() == 0
    records = records_in(log)
    assert sum(one["logger"] == "turbo_shard.access" for one in records) == 500
    assert any(one["text"].endswith("stopped") for one in records)


def test_without_a_handler_for_it_the_log_stays_on_stderr(tmp_path: Path) -> None:
    config = written(tmp_path, {"version": 1, "loggers": {"shop": {"level": "INFO"}}})
    variables = {"QUIET": ""}
    with ServerProcess(
        "quiet_app:wsgi", "--log-config", str(config), variables=variables
    ) as server:
        assert "has no handler for turbo_shard or the root logger" in server.log
        assert server.stop() == 0
    assert "stopped" in server.log


def test_an_access_logger_without_an_access_log_is_told(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    config = table(log)
    config["loggers"] = {"turbo_shard.access": {"handlers": ["file"]}}
    with server_with(written(tmp_path, config), log) as server:
        assert "has a handler for turbo_shard.access, but there is no access log" in server.log


WRONG = {
    "not JSON": ("log.json", "{", "Expecting property name"),
    "no table": ("log.json", "[1]", "holds no table of settings for logging"),
    "not YAML": ("log.yaml", "a: [", "while parsing"),
    "not TOML": ("log.toml", "a =", "Invalid value"),
    "not INI": ("log.ini", "nonsense", "no section headers"),
    "no sections": ("log.ini", "[nothing]\n", "is missing"),
    "version": ("log.json", '{"version": 7}', "Unsupported version: 7"),
    "class": (
        "log.json",
        '{"version": 1, "handlers": {"a": {"class": "nowhere.Handler"}}}',
        "Unable to configure handler 'a': Cannot resolve 'nowhere.Handler': No module named 'nowhere'",
    ),
    "handler": ("log.json", '{"version": 1, "root": {"handlers": ["b"]}}', "root"),
    "file": (
        "log.json",
        '{"version": 1, "handlers": {"a": {"class": "logging.FileHandler", "filename": "/nowhere/a"}}}',
        "No such file or directory",
    ),
}


@pytest.mark.parametrize("fault", WRONG)
@pytest.mark.parametrize("command", [(), ("--check",), ("--mode", "process")], ids=str)
def test_a_wrong_file_is_one_line_and_nothing_starts(
    tmp_path: Path, fault: str, command: tuple[str, ...]
) -> None:
    name, text, reason = WRONG[fault]
    (tmp_path / name).write_text(text)
    refused = run_command(
        "quiet_app:wsgi", "--log-config", str(tmp_path / name), *command, cwd=APPS
    )
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert line.startswith("turbo-shard: error: log_config: ")
    assert name in line and reason in line


def test_a_file_that_is_not_there_is_one_line() -> None:
    refused = run_command("quiet_app:wsgi", "--log-config", "/nowhere/log.json", cwd=APPS)
    assert (refused.returncode, refused.stderr) == (
        2,
        "turbo-shard: error: log_config: '/nowhere/log.json' cannot be read: No such file or directory\n",
    )


def test_yaml_without_pyyaml_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "yaml.py").write_text("raise ImportError('none')\n")
    (tmp_path / "log.yaml").write_text("version: 1\n")
    refused = run_command(
        *("quiet_app:wsgi", "--log-config", str(tmp_path / "log.yaml")),
        cwd=APPS,
        PYTHONPATH=str(tmp_path),
    )
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert line.endswith("is YAML, which needs PyYAML: pip install pyyaml")
