"""Values of options: how they are read, which are refused, and that each is stated once."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from turbo_shard import serve
from turbo_shard.settings import (
    OPTION_BY_NAME,
    OPTIONS,
    Kind,
    ServeSettings,
    Settings,
    SettingsError,
    settings_from,
)
from turbo_shard.settings.option import Group, bytes_in_words, row
from turbo_shard.settings.values import check, read


def refusal(name: str, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(OPTION_BY_NAME[name], text, f"--{name}")
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("65536", 65536),
        ("16M", 16 * 1024**2),
        ("16MiB", 16 * 1024**2),
        ("16 mib", 16 * 1024**2),
        ("1.5K", 1536),
        ("16MB", 16_000_000),
        ("1G", 1024**3),
        ("12b", 12),
    ],
)
def test_sizes_are_read_with_their_unit(text: str, size: int) -> None:
    assert read(OPTION_BY_NAME["body_max"], text, "--body-max") == size


@pytest.mark.parametrize("text", ["", "M", "-1", "1.3b", "16X", "0x10", "1_000", "١٦"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    assert "such as 65536, 512K or 16MiB" in refusal("body_max", text)


def test_size_out_of_range_is_named_with_its_unit() -> None:
    assert (
        refusal("body_max", "2048G")
        == "--body_max: 2048 GiB is out of range; it may be 0 to 1024 GiB"
    )


@pytest.mark.parametrize("text", ["0", "30", "0.25", ".5", "1e2"])
def test_seconds_are_read(text: str) -> None:
    assert read(OPTION_BY_NAME["graceful_timeout"], text, "--graceful-timeout") == float(text)


@pytest.mark.parametrize("text", ["nan", "inf", "5h", "", "-1", "1e999", "1_0"])
def test_what_is_no_number_of_seconds_is_refused_with_the_unit(text: str) -> None:
    assert "seconds" in refusal("graceful_timeout", text)


@pytest.mark.parametrize("text", ["", "x", "80.0", "1_0", "0x50", "٨٠", "9" * 40])
def test_what_is_no_port_is_refused(text: str) -> None:
    assert "0 to 65535" in refusal("port", text)


@pytest.mark.parametrize("text", ["-1", "65536"])
def test_port_out_of_range_is_refused(text: str) -> None:
    assert refusal("port", text) == f"--port: {text} is out of range; it may be 0 to 65535"


def test_zero_shards_are_refused() -> None:
    assert refusal("shards", "0") == "--shards: 0 is out of range; it may be 1 to 1024"


def test_more_shards_than_cores_are_accepted() -> None:
    assert read(OPTION_BY_NAME["shards"], "1024", "--shards") == 1024


def test_unknown_choice_is_refused_with_the_choices() -> None:
    assert refusal("balance", "most") == "--balance: 'most' is not one of hash, least"


@pytest.mark.parametrize("engine", sorted({*OPTION_BY_NAME["engine"].choices} - {"auto", "tokio"}))
def test_stealing_on_an_engine_of_shards_is_refused(engine: str) -> None:
    with pytest.raises(SettingsError, match="mode steal runs on tokio"):
        settings_from({"mode": "steal", "engine": engine})


@pytest.mark.parametrize("path", ["/api", "/a/b", "/~user/ä"])
def test_path_of_the_app_is_read(path: str) -> None:
    assert settings_from({"root_path": path}).root_path == path


def test_no_path_is_the_default() -> None:
    assert read(OPTION_BY_NAME["root_path"], "", "--root-path") == ""
    assert settings_from({}).root_path == ""


@pytest.mark.parametrize("path", ["api", "/", "/api/", "/a b", "/a?b", "/a#b", "/a\n", "/a\0b"])
def test_what_is_no_path_of_an_app_is_refused_with_the_form(path: str) -> None:
    with pytest.raises(SettingsError, match=r"begins with a slash and does not end with one$"):
        settings_from({"root_path": path})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("interface", "rsgi"),
        ("interface", None),
        ("lifespan", True),
        ("app_per_shard", "sometimes"),
        ("ws_ping_timeout", 0),
        ("ws_deflate", 1),
    ],
)
def test_values_about_the_app_and_websockets_are_checked(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: "):
        settings_from({name: value})
        settings_from({name: value})


def test_websockets_can_do_without_pings() -> None:
    assert settings_from({"ws_ping_interval": 0}).ws_ping_interval == 0.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "8000"),
        ("port", True),
        ("port", 80.0),
        ("shards", 2.0),
        ("host", b"localhost"),
        ("host", "a\0b"),
        ("host", ""),
        ("pin", 1),
        ("graceful_timeout", float("nan")),
        ("graceful_timeout", "30"),
        ("body_max", None),
    ],
)
def test_values_of_another_type_are_refused_from_python_too(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: "):
        settings_from({name: value})


def test_whole_seconds_become_a_float() -> None:
    timeout = settings_from({"graceful_timeout": 3}).graceful_timeout
    assert type(timeout) is float
    assert timeout == 3.0


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_defaults_pass_their_own_check(option) -> None:
    assert check(option, option.default, option.name) == option.default
    assert option.kind is not Kind.CHOICE or option.default in option.choices


def test_serve_takes_every_setting_but_the_place_of_the_app() -> None:
    parameters = dict(inspect.signature(serve).parameters)
    assert parameters.pop("app").kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert {name: one.default for name, one in parameters.items()} == vars(ServeSettings())
    assert vars(Settings()).keys() - vars(ServeSettings()).keys() == {"app_dir"}


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"prot": 80}, "there is no setting 'prot'; did you mean 'port'?"),
        ({"app_dir": "src"}, "there is no setting 'app_dir'"),
    ],
)
def test_serve_refuses_what_it_does_not_take(values: dict[str, object], problem: str) -> None:
    with pytest.raises(TypeError) as caught:
        serve("app:app", **values)  # type: ignore[arg-type]
    assert str(caught.value).startswith(problem)


def test_type_checkers_know_the_settings(tmp_path: Path) -> None:
    lines = {
        'serve("app:app", port=8000, mode="steal", shards=None, own=["sqlmodel"])': "",
        'serve("app:app", port="8000")': 'incompatible type "str"; expected "int"',
        'serve("app:app", mode="fork")': "expected \"Literal['shard', 'steal', 'process']\"",
        'serve("app:app", prot=8000)': 'Unexpected keyword argument "prot"',
        'serve("app:app", app_dir="src")': 'Unexpected keyword argument "app_dir"',
        "Settings().port = 80": "read-only",
        "Settings().engine.upper()": "",
    }
    head = "from turbo_shard import serve\nfrom turbo_shard.settings import Settings\n"
    file = tmp_path / "typed.py"
    file.write_text(head + "\n".join(lines))
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--hide-error-context", str(file)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    for number, problem in enumerate(lines.values(), start=3):
        found = [line for line in run.stdout.splitlines() if f"typed.py:{number}: error" in line]
        assert bool(found) == bool(problem), run.stdout + run.stderr
        assert all(problem in line for line in found), run.stdout


def test_settings_are_not_changed_but_replaced() -> None:
    settings = settings_from({"port": 80})
    with pytest.raises(AttributeError):
        settings.port = 81  # type: ignore[misc]
    assert (settings.replaced(port=81).port, settings.port) == (81, 80)


def test_other_names_follow_from_the_rows_own() -> None:
    class Sample(Group, heading="samples"):
        sample_linger: float = row(Kind.SECONDS, default=1.0, help="sample", aliases=("-l",))
        sample_pin: bool = row(Kind.SWITCH, default=True, help="no pin", negative=True, paired=True)

    linger, pin = Sample.options
    assert (linger.key, linger.flags) == ("sample-linger", ("--sample-linger", "-l"))
    assert (linger.variable, linger.group) == ("TURBO_SHARD_SAMPLE_LINGER", "samples")
    assert (pin.key, pin.flags, pin.positive_flags) == (
        "sample-pin",
        ("--no-sample-pin",),
        ("--sample-pin",),
    )
    assert (Sample().sample_linger, Sample(sample_pin=False).sample_pin) == (1.0, False)


def test_bytes_are_said_in_the_largest_whole_unit() -> None:
    assert [bytes_in_words(count) for count in (0, 1000, 1024, 1536 * 1024, 2 * 1024**3)] == [
        "0 bytes",
        "1000 bytes",
        "1 KiB",
        "1536 KiB",
        "2 GiB",
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x-frame-options", "is not a header line such as"),
        (":DENY", "is not a header line such as"),
        ("x frame: DENY", "is not a header line such as"),
        ("x-a: b\r\nset-cookie: c", "is not a header line such as"),
        ("x-a: b\nc", "is not a header line such as"),
        ("x-a: \0", "is not a header line such as"),
        ("x-a: €", "is not a header line such as"),
        ("Content-Length: 1", "the server frames each answer itself"),
        ("transfer-encoding: chunked", "the server frames each answer itself"),
        ("connection: close", "the server frames each answer itself"),
        ("content-type: text/html", "one answer's body alone"),
        ("date: today", "--no-date-header"),
        ("server: mine", "--server-header=TEXT"),
        ("x-a: " + "b" * 9000, "more than 8 KiB"),
    ],
)
def test_header_lines_that_cannot_be_on_every_answer_are_refused_with_the_reason(
    line: str, reason: str
) -> None:
    with pytest.raises(SettingsError, match=r"^header: ") as caught:
        settings_from({"header": [line]})
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_header_lines_are_kept_in_their_order_and_trimmed() -> None:
    settings = settings_from({"header": ["X-A:1", "x-a:  \t2 : 3 ", "x-b:"]})
    assert settings.header == ("X-A: 1", "x-a: 2 : 3", "x-b: ")
    with pytest.raises(SettingsError, match="a list of header lines"):
        settings_from({"header": "x-a: 1"})


def test_a_server_header_is_one_line_of_latin_1() -> None:
    assert settings_from({"server_header": "caf\xe9"}).server_header == "caf\xe9"
    for text in ("", "  ", "a\r\nb", "€"):
        with pytest.raises(SettingsError, match="a text for a header line"):
            settings_from({"server_header": text})
