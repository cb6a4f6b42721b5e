"""The command line: one clear line and exit status 2 for what the user can put right; help that says everything."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import turbo_shard
from places import COMMAND, EXAMPLES
from server_process import ServerProcess, environment, run_command
from turbo_shard.cli import start as cli
from turbo_shard.cli.command_line import HELP_WIDTH_MAX, split
from turbo_shard.cli.commands import COMMANDS
from turbo_shard.cli.given_options import BARE_FLAGS, SOURCE_FLAGS, chosen_values
from turbo_shard.cli.start import OWN_SWITCHES
from turbo_shard.settings import OPTIONS, Kind, settings_from

# Of a terminal that is half a page high.
SCREEN_LINES = 40
EXAMPLE = ("multi_route_app:app", "--app-dir", str(EXAMPLES))


def error_line(*arguments: str, cwd: Path | None = None, **variables: str) -> str:
    """The one line on stderr of a command that must be refused."""
    run = run_command(*arguments, cwd=cwd, **variables)
    assert run.returncode == 2, run.stderr
    assert run.stdout == ""
    assert run.stderr.startswith("turbo-shard: error: "), run.stderr
    assert run.stderr.count("\n") == 1, run.stderr
    return run.stderr.removeprefix("turbo-shard: error: ").rstrip("\n")


def test_help_names_every_option_with_its_default_unit_and_variable() -> None:
    run = run_command("--help-all")
    assert (run.returncode, run.stderr) == (0, "")
    text = re.sub(r"\s+", " ", run.stdout)
    assert "turbo-shard APP [options]" in text
    for option in OPTIONS:
        assert f"{option.group}: " in text
        assert re.search(rf"{option.flag}[ \[]", text)
        assert f"[{option.variable}]" in text
        if option.kind is not Kind.SWITCH:
            default = option.default_text or option.in_words(option.default)
            assert f"(default: {default}) [{option.variable}]" in text


def test_short_help_fits_two_screens_and_names_the_options_of_every_day() -> None:
    run = run_command("--help", COLUMNS=str(HELP_WIDTH_MAX))
    assert (run.returncode, run.stderr) == (0, "")
    lines = run.stdout.splitlines()
    assert len(lines) <= 2 * SCREEN_LINES
    assert max(map(len, lines)) <= HELP_WIDTH_MAX
    listed = {word.partition("[")[0].rstrip(",") for line in lines for word in line.split()}
    for option in OPTIONS:
        assert (option.flag in listed) == option.daily
    assert {*COMMANDS, *SOURCE_FLAGS, *OWN_SWITCHES} <= listed


def test_version_names_the_python_build() -> None:
    run = run_command("--version")
    assert run.returncode == 0
    assert re.fullmatch(
        r"turbo-shard \d+\.\d+\.\d+\S* \(CPython 3\.\d+\.\S+ [\w -]+\)\n", run.stdout
    )


def test_module_is_run_as_the_command_is() -> None:
    server = ServerProcess(
        "multi_route_app:app", app_dir=EXAMPLES, command=(sys.executable, "-m", "turbo_shard")
    )
    with server, server.client() as client:
        assert client.get("/health").json() == {"status": "ok"}


def test_no_app_is_refused_with_an_example() -> None:
    assert "turbo-shard app:app" in error_line()


def test_unknown_option_is_refused_with_a_suggestion() -> None:
    assert (
        error_line("app:app", "--prot", "80") == "there is no option --prot; did you mean --port?"
    )
    assert error_line("app:app", "--body_max=1") == (
        "there is no option --body_max; did you mean --body-max?"
    )


def test_option_unlike_any_other_is_refused_with_where_to_look() -> None:
    assert error_line("app:app", "--zzz") == "there is no option --zzz; `--help` lists them"


def test_abbreviated_option_is_refused() -> None:
    assert "--graceful-timeout" in error_line("app:app", "--graceful", "1")


def test_option_without_its_value_is_refused() -> None:
    assert error_line("app:app", "--port") == "--port needs a value"


def test_second_app_is_refused() -> None:
    assert error_line("app:app", "shop:app") == "'shop:app' is one argument too many"
    assert error_line("--access-log", "access.log", "app:app") == (
        "'app:app' is one argument too many; a value of --access-log follows an equals sign"
    )


def test_bad_value_is_named_with_its_flag() -> None:
    assert error_line("app:app", "--port", "99999").startswith("--port: 99999 is out of range")
    assert error_line("app:app", "--shards", "0").startswith("--shards: 0 is out of range")
    assert error_line("app:app", "--mode", "fork").startswith("--mode: 'fork' is not one of ")


def test_bad_value_from_the_environment_is_named_with_its_variable() -> None:
    line = error_line("app:app", TURBO_SHARD_GRACEFUL_TIMEOUT="soon")
    assert (
        line
        == "TURBO_SHARD_GRACEFUL_TIMEOUT: 'soon' is not a number of seconds (0 to 86400 seconds)"
    )


def test_unknown_doctor_option_is_refused() -> None:
    assert error_line("doctor", "--jsno") == "there is no option --jsno; did you mean --json?"


def test_environment_sets_what_the_command_line_does_not() -> None:
    variables = {
        "TURBO_SHARD_SHARDS": "3",
        "TURBO_SHARD_MODE": "steal",
        "TURBO_SHARD_NO_PIN": "yes",
        # Empty is as good as not set.
        "TURBO_SHARD_ENGINE": "",
    }
    with ServerProcess(
        *EXAMPLE[:1], "--mode", "shard", app_dir=EXAMPLES, variables=variables
    ) as server:
        assert re.search(r"^  mode +shard: ", server.log, re.MULTILINE)
        assert re.search(r"^  shards +3 shards, not pinned$", server.log, re.MULTILINE)


def test_banner_says_what_serves_and_why() -> None:
    with ServerProcess("multi_route_app:app", "--shards", "2", app_dir=EXAMPLES) as server:
        banner = server.log
    assert re.search(r"^turbo-shard \d+\.\d+\.\d+", banner)
    assert re.search(
        r"^  app +multi_route_app:app \(native\), one instance for all shards$",
        banner,
        re.MULTILINE,
    )
    assert re.search(
        r"^  python +CPython 3\.\d+\.\d+\S* free-threaded, GIL off$", banner, re.MULTILINE
    )
    assert re.search(r"^  mode +shard: ", banner, re.MULTILINE)
    assert re.search(r"^  engine +(tokio|uring|glommio) \(.+\)$", banner, re.MULTILINE)
    assert re.search(
        r"^  shards +2 shards: shard 0 on core \d+, shard 1 on core \d+$", banner, re.MULTILINE
    )
    assert re.search(rf"^  url +http://127\.0\.0\.1:{server.port}$", banner, re.MULTILINE)
    assert re.search(rf"^  pid +{server.pid}$", banner, re.MULTILINE)
    assert "Ctrl-C stops" in banner
    assert "\x1b" not in banner, "no colours where nobody looks at them"


def test_one_shard_has_no_instances_to_speak_of() -> None:
    with ServerProcess("multi_route_app:app", "--shards", "1", app_dir=EXAMPLES) as server:
        assert re.search(r"^  app +multi_route_app:app \(native\)$", server.log, re.MULTILINE)


def test_path_of_the_app_is_checked() -> None:
    assert error_line(*EXAMPLE, "--root-path", "api/") == (
        "--root-path: 'api/' is not a path such as /api, "
        "which begins with a slash and does not end with one"
    )


@pytest.mark.parametrize(
    ("arguments", "variable", "is_on"),
    [
        ((), "", True),
        (("--no-ws-deflate",), "", False),
        ((), "1", False),
        (("--ws-deflate",), "1", True),
        (("--ws-deflate", "--no-ws-deflate"), "", False),
        (("--no-ws-deflate", "--ws-deflate"), "", True),
    ],
)
def test_switch_with_both_forms_is_as_it_was_said_last(
    arguments: tuple[str, ...], variable: str, is_on: bool
) -> None:
    given = split(arguments, texts=(), switches=("--ws-deflate", "--no-ws-deflate"))
    values, labels = chosen_values(given, {"TURBO_SHARD_NO_WS_DEFLATE": variable})
    assert settings_from(values, labels).ws_deflate is is_on


@pytest.mark.parametrize(
    ("arguments", "variable", "text"),
    [
        ((), "", None),
        ((), "ours", "ours"),
        (("--server-header",), "", "turbo-shard"),
        (("--server-header=mine",), "ours", "mine"),
        (("--no-server-header",), "ours", None),
        (("--server-header=mine", "--no-server-header"), "", None),
        (("--no-server-header", "--server-header"), "", "turbo-shard"),
    ],
)
def test_option_that_may_stand_alone_takes_its_value_after_an_equals_sign(
    arguments: tuple[str, ...], variable: str, text: str | None
) -> None:
    given = split((*arguments, "app"), texts=(), switches=(), bare=BARE_FLAGS)
    assert given.rest == ["app"]
    values, labels = chosen_values(given, {"TURBO_SHARD_SERVER_HEADER": variable})
    assert settings_from(values, labels).server_header == text


def test_taking_an_option_back_takes_no_value() -> None:
    run = run_command("app:app", "--no-server-header=x")
    assert (run.returncode, run.stderr) == (
        2,
        "turbo-shard: error: --no-server-header takes no value\n",
    )


def test_a_list_has_an_entry_for_each_flag_or_for_each_line_of_its_variable() -> None:
    flags = ["--header", "x-a: 1, 2", "--header=x-b:3"]
    given = split(flags, texts=("--header",), switches=(), several=("--header",))
    assert chosen_values(given, {})[0]["header"] == ("x-a: 1, 2", "x-b: 3")
    lines = {"TURBO_SHARD_HEADER": "x-a: 1, 2\n\nx-b:3\n"}
    assert chosen_values(split((), texts=(), switches=()), lines)[0]["header"] == (
        "x-a: 1, 2",
        "x-b: 3",
    )


class RefusesToServe:
    """Stands for the native module: what the command makes of an app that does not start."""

    __version__ = "0"

    class StartError(Exception): ...

    class LifespanError(StartError): ...

    @staticmethod
    def tell_service_manager(state: str) -> bool:
        return False

    @staticmethod
    def connect_service_manager(address: str) -> None: ...

    @staticmethod
    def allowed_cores() -> dict[str, int]:
        return {"default_shards": 1}

    class NativeServer:
        def __init__(self, settings: object, **options: object) -> None: ...

        def stopped_by(self) -> None: ...

        def note_collection(self, *figures: object) -> None: ...

        def close(self) -> None: ...

        def report(self) -> dict[str, object]:
            return {
                "mode": "shard",
                "engine": "tokio",
                "engine_reason": "",
                "shard_cores": [0],
                "addresses": [("127.0.0.1", 1)],
            }

        def run(self, app: object, **settings: object) -> None:
            raise RefusesToServe.LifespanError("no database")


def test_startup_that_fails_in_the_app_has_a_status_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "native_module", lambda: RefusesToServe)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert cli.main(EXAMPLE) == 3
    assert capsys.readouterr().err.splitlines()[-1] == "turbo-shard: error: no database"


def test_ready_line_comes_once_and_names_the_process() -> None:
    with ServerProcess("multi_route_app:app", app_dir=EXAMPLES) as server:
        pass
    ready = [line for line in server.lines if line.startswith("turbo-shard ready on ")]
    assert ready == [f"turbo-shard ready on http://127.0.0.1:{server.port} (pid {server.pid})"]


def test_all_addresses_are_shown_as_one_that_a_browser_takes() -> None:
    with ServerProcess("multi_route_app:app", "--host", "0.0.0.0", app_dir=EXAMPLES) as server:
        assert f"http://0.0.0.0:{server.port} (here: http://127.0.0.1:{server.port})" in server.log


def test_port_in_use_is_refused_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = error_line(*EXAMPLE, "--port", str(port))
    assert str(port) in line
    assert "in use" in line


def test_port_of_another_turbo_shard_is_refused() -> None:
    with ServerProcess("multi_route_app:app", app_dir=EXAMPLES) as server:
        line = error_line(*EXAMPLE, "--port", str(server.port))
    assert "in use" in line


def test_host_of_another_machine_is_refused() -> None:
    # RFC 5737 keeps this address for documentation.
    assert "192.0.2.1" in error_line(*EXAMPLE, "--port", "0", "--host", "192.0.2.1")


def test_host_that_does_not_exist_is_refused() -> None:
    # RFC 6761 keeps .invalid from ever existing.
    assert "nowhere.invalid" in error_line(*EXAMPLE, "--port", "0", "--host", "nowhere.invalid")


def test_app_is_loaded_before_a_port_is_taken(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import socket\nprint('loaded')\n1/0\n")
    run = run_command("broken:app", "--app-dir", str(tmp_path), "--port", "0")
    assert run.returncode == 2
    assert "turbo-shard ready" not in run.stderr
    assert "http://" not in run.stderr


@pytest.fixture
def without_native(tmp_path: Path) -> dict[str, str]:
    """Variables that put first a copy of the package without the module written in Rust."""
    package = Path(turbo_shard.__file__).parent
    shutil.copytree(package, tmp_path / "turbo_shard", ignore=shutil.ignore_patterns("_native*"))
    return {"PYTHONPATH": str(tmp_path)}


@pytest.mark.parametrize("arguments", [("app:app",), ("--version",)])
def test_missing_native_module_is_said_in_one_line(
    without_native: dict[str, str], arguments: tuple[str, ...]
) -> None:
    line = error_line(*arguments, **without_native)
    assert "native module cannot be loaded" in line
    assert "make build" in line


def test_missing_native_module_fails_the_doctor(without_native: dict[str, str]) -> None:
    run = run_command("doctor", **without_native)
    assert (run.returncode, run.stderr) == (1, "")
    assert "fail  native module" in run.stdout
    assert "cannot serve here" in run.stdout


def test_reader_that_leaves_early_gets_no_traceback_after_it() -> None:
    piped = subprocess.run(
        f"'{COMMAND}' --help | true",
        shell=True,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert piped.stderr == ""


def test_server_imports_none_of_what_an_app_may_do_without() -> None:
    """asyncio alone takes as long as all the rest."""
    source = (
        "import sys, turbo_shard.cli.start, turbo_shard.serving.server\n"
        "sys.exit(str({'asyncio', 'concurrent.futures', 'inspect', 'logging'} & sys.modules.keys()))"
    )
    run = subprocess.run(
        [sys.executable, "-c", source], env=environment(), capture_output=True, text=True
    )
    assert run.stderr.strip() == "set()"
