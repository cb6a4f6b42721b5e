"""Where settings come from: the command line, variables, the configuration file, an env-file; and which comes first."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from server_process import ServerProcess, environment, run_command
from turbo_shard.cli.config_file import config_file
from turbo_shard.cli.env_file import read_env_file
from turbo_shard.cli.given_options import Told, split_for_server, told
from turbo_shard.cli.start import OWN_SWITCHES
from turbo_shard.settings import OPTIONS, Kind, SettingsError

APP = """\
import os

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": os.environ.get("GREETING", "").encode()})
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of its own that is the current one, an app in it, and an environment without settings."""
    (tmp_path / "shop.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    for name in os.environ.keys() - environment().keys():
        monkeypatch.delenv(name)
    return tmp_path


def given(*arguments: str) -> Told:
    return told(split_for_server(arguments, switches=OWN_SWITCHES))


def refusal(*arguments: str) -> str:
    with pytest.raises(SettingsError) as caught:
        given(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_command_line_beats_variable_beats_file_beats_common_variable_beats_default(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (given().settings.port, given().origins) == (8000, {})
    monkeypatch.setenv("PORT", "8001")
    assert (given().settings.port, given().origins) == (8001, {"port": "PORT"})
    (here / "turbo-shard.toml").write_text("port = 8002")
    assert (given().settings.port, given().origins["port"]) == (8002, "turbo-shard.toml: port")
    monkeypatch.setenv("TURBO_SHARD_PORT", "8003")
    assert (given().settings.port, given().origins["port"]) == (8003, "TURBO_SHARD_PORT")
    found = given("--port", "8004")
    assert (found.settings.port, found.origins["port"]) == (8004, "--port")


def test_place_that_is_given_nearer_to_the_command_line_counts(here: Path, monkeypatch) -> None:
    def places(*arguments: str) -> tuple[object, int]:
        found = given(*arguments).settings
        return tuple(map(str, found.bind)), found.port

    monkeypatch.setenv("PORT", "8001")
    assert places("--bind", "unix:a.sock") == (("unix:a.sock",), 8000)
    (here / "turbo-shard.toml").write_text('bind = ["unix:b.sock"]')
    assert places() == (("unix:b.sock",), 8000)
    assert places("--port", "8002") == ((), 8002)
    monkeypatch.setenv("TURBO_SHARD_PORT", "8003")
    assert places() == ((), 8003)
    assert places("--bind", "unix:a.sock") == (("unix:a.sock",), 8000)
    (here / "turbo-shard.toml").write_text("port = 8004")
    assert places("--host", "::1", "--port", "1") == ((), 1)
    assert "both say where to listen" in refusal("--host", "::1", "--bind", "unix:a.sock")


def test_web_concurrency_is_a_number_of_shards(here: Path, monkeypatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "3")
    assert given().settings.shards == 3
    assert given("-w", "2").settings.shards == 2
    monkeypatch.setenv("WEB_CONCURRENCY", "many")
    assert refusal() == "WEB_CONCURRENCY: 'many' is not a whole number (1 to 1024)"
    monkeypatch.setenv("WEB_CONCURRENCY", "")
    assert given().settings.shards is None


def test_each_common_variable_is_of_one_setting() -> None:
    names = [option.common_variable for option in OPTIONS if option.common_variable]
    assert len(names) == len(set(names))
    assert {"PORT", "WEB_CONCURRENCY"} <= set(names)


def test_table_of_a_project_is_read(here: Path) -> None:
    (here / "pyproject.toml").write_text(
        '[project]\nname = "shop"\n[tool.turbo-shard]\napp = "shop:app"\nlog-level = "debug"\n'
        'pin = false\nbody-max = "16MiB"\nhead-timeout = 3\nown = ["sqlmodel", "a.b"]\n'
    )
    found = given()
    assert found.app == "shop:app"
    settings = found.settings
    assert (settings.log_level, settings.pin, settings.body_max) == ("debug", False, 16 * 1024**2)
    assert (settings.head_timeout, settings.own) == (3.0, ("sqlmodel", "a.b"))
    assert found.origins["pin"] == "pyproject.toml: tool.turbo-shard.pin"
    assert given("other:app").app == "other:app"


@pytest.mark.parametrize("text", ["", "[project]\nname = 'x'", "[tool.ruff]\n# tool.turbo-shard"])
def test_project_without_the_table_says_nothing(here: Path, text: str) -> None:
    (here / "pyproject.toml").write_text(text)
    assert given().origins == {}


def test_named_file_is_read_in_place_of_the_one_that_is_here(here: Path) -> None:
    (here / "turbo-shard.toml").write_text("this is not TOML")
    (here / "deploy").mkdir()
    (here / "deploy/prod.toml").write_text("port = 80")
    found = given("--config", "deploy/prod.toml")
    assert (found.settings.port, found.origins["port"]) == (80, "deploy/prod.toml: port")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("prot = 80", "prot: there is no such setting; did you mean port?"),
        ("keep_alive_timeout = 5", "there is no such setting; did you mean keep-alive-timeout?"),
        ("workers = 4", "workers: there is no such setting; here that is shards"),
        ("no-pin = true", "no-pin: there is no such setting; write pin = false"),
        ("zzz = 1", "zzz: there is no such setting; `turbo-shard --help-all` lists them"),
        ("port = '80'", "port: '80' is not a whole number (0 to 65535)"),
        ("port = 80.0", "port: 80.0 is not a whole number (0 to 65535)"),
        ("port = true", "port: True is not a whole number (0 to 65535)"),
        ("port = 99999", "port: 99999 is out of range; it may be 0 to 65535"),
        ("pin = 'no'", "pin: 'no' is not a yes or no"),
        ("pin = 0", "pin: 0 is not a yes or no"),
        ("mode = 'fork'", "mode: 'fork' is not one of shard, steal, process"),
        ("body-max = 'much'", "body-max: 'much' is not a size in bytes"),
        ("own = [1]", "own: [1] is not a list of packages"),
        ("host = {}", "host: {} is not a usable text"),
        ("app = 7", "app: 7 is not a text"),
        ("env-file = ''", "env-file: '' is not a text"),
        ("env-file = 'no.env'", "--env-file: no.env cannot be read: No such file"),
        ("port = ", "turbo-shard.toml is not TOML: "),
        ("port = 1\nport = 2", "turbo-shard.toml is not TOML: "),
        ("mode = 'steal'\nengine = 'uring'", "turbo-shard.toml: engine: uring serves shards only"),
    ],
)
def test_mistake_in_a_file_is_one_line_with_file_and_key(
    here: Path, text: str, problem: str
) -> None:
    (here / "turbo-shard.toml").write_text(text)
    assert problem in refusal()
    assert text.startswith("env-file = 'no") or refusal().startswith("turbo-shard.toml")


def test_wrong_value_in_a_file_is_refused_also_where_a_flag_hides_it(here: Path) -> None:
    (here / "turbo-shard.toml").write_text("port = 'x'")
    assert "port: 'x'" in refusal("--port", "80")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("x.toml", None, "x.toml cannot be read: No such file or directory"),
        ("x.toml", "\udcff", "x.toml cannot be read: it is not UTF-8"),
        ("gunicorn.conf.py", "", "gunicorn.conf.py is Python; turbo-shard reads TOML"),
        ("sub/pyproject.toml", "", "sub/pyproject.toml has no table [tool.turbo-shard]"),
        ("pyproject.toml", "tool.turbo-shard = 3", "tool.turbo-shard is not a table"),
    ],
)
def test_named_file_that_cannot_be_used_is_refused(here: Path, name, text, problem) -> None:
    if text is not None:
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_bytes(text.encode(errors="surrogateescape"))
    assert problem in refusal("--config", name)


def test_two_files_in_one_place_are_refused(here: Path) -> None:
    (here / "turbo-shard.toml").write_text("port = 1")
    (here / "pyproject.toml").write_text("[tool.turbo-shard]\nport = 2")
    assert refusal() == (
        "both turbo-shard.toml and [tool.turbo-shard] of pyproject.toml are here; "
        "keep one, or name it with --config"
    )
    assert given("--config", "pyproject.toml").settings.port == 2


def test_file_takes_every_setting_by_its_key(here: Path) -> None:
    def in_toml(value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        return repr(list(value) if isinstance(value, tuple) else value)

    options = [option for option in OPTIONS if option.default is not None]
    lines = [f"{option.key} = {in_toml(option.default)}" for option in options]
    (here / "turbo-shard.toml").write_text("\n".join(lines))
    file = config_file(None)
    assert [file.value(option) for option in options] == [option.default for option in options]
    assert len(options) > 20


# Env-files.


def variables(tmp_path: Path, text: str) -> dict[str, str]:
    (tmp_path / "x.env").write_text(text)
    return read_env_file(str(tmp_path / "x.env"))


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("export A=b", "b"),
        ("  A = b  ", "b"),
        ("A=", ""),
        ("A=''", ""),
        ('A=""', ""),
        ("A=b c", "b c"),
        ("A=b # c", "b"),
        ("A=b#c", "b#c"),
        ("A='b # c' # d", "b # c"),
        ("A='$5 ${B} \\n'", "$5 ${B} \\n"),
        ('A="b\\nc \\"d\\" \\\\ \\$\\t"', 'b\nc "d" \\ $\t'),
        ("A=$5", "$5"),
        ("A=b'c\"", "b'c\""),
        ("A=postgres://u:p@h/db?x=1&y=2", "postgres://u:p@h/db?x=1&y=2"),
        ("A=ä", "ä"),
    ],
)
def test_line_of_an_env_file_is_a_variable(tmp_path: Path, line: str, value: str) -> None:
    assert variables(tmp_path, f"# first\n\n{line}\r\nZ=1\n") == {"A": value, "Z": "1"}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("A", "this is not NAME=VALUE"),
        ("1A=b", "this is not NAME=VALUE"),
        ("A-B=c", "this is not NAME=VALUE"),
        ("A='b", "this is not NAME=VALUE"),
        ('A="b', "this is not NAME=VALUE"),
        ("A='b' c", "this is not NAME=VALUE"),
        ("A= # c", "a value that begins with # wants quotes"),
        ("A=#c", "a value that begins with # wants quotes"),
        ("A=${B}", "${...} is not replaced here; single quotes take A's value as it is"),
        ('A="${B}"', "${...} is not replaced here"),
        ('A="\\x"', "\\x means nothing here"),
    ],
)
def test_line_that_others_would_read_otherwise_is_refused(tmp_path: Path, line, problem) -> None:
    with pytest.raises(SettingsError, match=re.escape(f"x.env:2: {problem}")):
        variables(tmp_path, f"# first\n{line}\n")


def test_env_file_sets_what_is_not_set(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Taken out again at the end of the test.
    for name in ("TURBO_SHARD_HOST", "PORT", "GREETING"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    (here / "prod.env").write_text("TURBO_SHARD_PORT=81\nTURBO_SHARD_HOST=::1\nGREETING=hello\n")
    monkeypatch.setenv("TURBO_SHARD_PORT", "80")
    found = given("--env-file", "prod.env")
    assert (found.settings.port, found.settings.host) == (80, "::1")
    assert found.origins["port"] == "TURBO_SHARD_PORT"
    assert found.origins["host"] == "TURBO_SHARD_HOST of prod.env"
    assert os.environ["GREETING"] == "hello"


# As a user runs it.


@pytest.mark.parametrize("mode", ["shard", "steal", "process"])
def test_app_and_settings_of_a_file_are_served(here: Path, mode: str) -> None:
    (here / "turbo-shard.toml").write_text(
        f'app = "nowhere:app"\nenv-file = "prod.env"\nmode = "{mode}"\nshards = 1\n'
    )
    (here / "prod.env").write_text("GREETING='from the file'\n")
    with ServerProcess("shop:app", app_dir=here) as server, server.client() as client:
        assert client.get("/").text == "from the file"
        assert f"  mode    {mode}: " in server.log


def test_print_config_shows_each_value_with_its_origin(here: Path) -> None:
    (here / "turbo-shard.toml").write_text('app = "shop:app"\nhead-timeout = 3\npin = false\n')
    run = run_command(
        "--print-config", "--workers", "2", cwd=here, TURBO_SHARD_HOST="::1", PORT="1"
    )
    assert (run.returncode, run.stderr) == (0, "")
    rows = [re.split(r"\s{2,}", line) for line in run.stdout.splitlines()]
    assert [row[0] for row in rows] == ["app", *(option.key for option in OPTIONS)]
    shown = {key: (value, origin) for key, value, origin in rows}
    assert shown["app"] == ("shop:app", "turbo-shard.toml: app")
    assert shown["shards"] == ("2", "--workers")
    assert shown["host"] == ("::1", "TURBO_SHARD_HOST")
    assert shown["port"] == ("1", "PORT")
    assert shown["head-timeout"] == ("3 seconds", "turbo-shard.toml: head-timeout")
    assert shown["pin"] == ("false", "turbo-shard.toml: pin")
    for option in OPTIONS:
        if shown[option.key][1] == "default" and option.kind is not Kind.SWITCH:
            assert shown[option.key][0] == option.default_in_words


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (
            ("shop:app",),
            0,
            "turbo-shard: shop:app (ASGI) can be served: 2 shards, one instance per shard",
        ),
        (("shop:app", "--mode", "process"), 0, ": 2 shards, one instance per worker process"),
        (("shop:app", "--app-per-shard", "never"), 0, ": 2 shards, one instance"),
        (("shop:ap",), 1, "turbo-shard: error: module 'shop' has no attribute 'ap'"),
        (("nowhere",), 1, "turbo-shard: error: there is no module 'nowhere'"),
        (("broken",), 1, "turbo-shard: error: importing 'broken' failed: ZeroDivisionError"),
        (("once",), 0, "one worker process each, since there is no instance of once:app"),
        (("shop:app", "--port", "x"), 2, "turbo-shard: error: --port: 'x' is not a whole number"),
        ((), 2, "turbo-shard: error: which app?"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else "",
)
def test_check_loads_the_app_and_ends(here: Path, arguments, status: int, line: str) -> None:
    (here / "broken.py").write_text("1 / 0")
    (here / "once.py").write_text(
        "import os\nif 'ONCE' in os.environ: raise RuntimeError('again')\nos.environ['ONCE'] = ''\n"
        + APP
    )
    run = run_command("--check", "--shards", "2", *arguments, cwd=here)
    assert run.returncode == status, run.stderr
    said = run.stdout if status == 0 else run.stderr
    assert line in said.splitlines()[-1]
    assert (run.stderr if status == 0 else run.stdout) == ""


def test_check_needs_no_port_and_an_app_of_threads_does_not_hold_it(here: Path) -> None:
    (here / "busy.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait).start()\n" + APP
    )
    with ServerProcess("shop:app", app_dir=here) as server:
        run = run_command("--check", "busy", "--port", str(server.port), cwd=here)
    assert run.returncode == 0, run.stderr
