"""Values of options: how they are read, which are refused, and that each is stated once."""

from __future__ import annotations

import inspect
import re

import pytest

from places import ROOT
from turbo_shard import serve
from turbo_shard.settings.options import OPTION_BY_NAME, OPTIONS, Kind, bytes_in_words
from turbo_shard.settings.settings import (
    AppSettings,
    Settings,
    SettingsError,
    app_settings_from,
    check,
    read,
    settings_from,
)


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


@pytest.mark.parametrize("text", ["nan", "inf", "5s", "", "-1", "1e999", "1_0"])
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
    assert (
        refusal("engine", "epoll") == "--engine: 'epoll' is not one of auto, tokio, glommio, uring"
    )


@pytest.mark.parametrize("engine", ["glommio", "uring"])
def test_stealing_on_an_engine_of_shards_is_refused(engine: str) -> None:
    with pytest.raises(SettingsError, match="mode steal runs on tokio"):
        settings_from({"mode": "steal", "engine": engine})


@pytest.mark.parametrize("path", ["/api", "/a/b", "/~user/ä"])
def test_path_of_the_app_is_read(path: str) -> None:
    assert app_settings_from({"root_path": path}).root_path == path


def test_no_path_is_the_default() -> None:
    assert read(OPTION_BY_NAME["root_path"], "", "--root-path") == ""
    assert app_settings_from({}).root_path == ""


@pytest.mark.parametrize("path", ["api", "/", "/api/", "/a b", "/a?b", "/a#b", "/a\n", "/a\0b"])
def test_what_is_no_path_of_an_app_is_refused_with_the_form(path: str) -> None:
    with pytest.raises(SettingsError, match=r"begins with a slash and does not end with one$"):
        app_settings_from({"root_path": path})


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
        app_settings_from({name: value})


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


def test_serve_takes_the_options_with_the_same_defaults() -> None:
    parameters = inspect.signature(serve).parameters
    defaults = {name: parameter.default for name, parameter in parameters.items() if name != "app"}
    # A script has its app already and need not find it.
    wanted = {*Settings._fields, *AppSettings._fields} - {"app_dir"}
    assert defaults == {name: OPTION_BY_NAME[name].default for name in wanted}


@pytest.mark.parametrize(
    ("option", "constant", "unit"),
    [
        ("head_timeout", "HEAD_TIMEOUT_MS", 1000),
        ("body_timeout", "BODY_TIMEOUT_MS", 1000),
        ("keep_alive_timeout", "KEEP_ALIVE_TIMEOUT_MS", 1000),
        ("write_timeout", "WRITE_TIMEOUT_MS", 1000),
        ("body_max", "BODY_BYTES_MAX", 1),
        ("backlog", "BACKLOG_DEFAULT", 1),
        ("connections_max", "CONNECTIONS_MAX_DEFAULT", 1),
        ("graceful_timeout", "GRACEFUL_TIMEOUT_MS_DEFAULT", 1000),
    ],
)
def test_defaults_are_those_of_the_runtime(option: str, constant: str, unit: int) -> None:
    sources = [ROOT / "runtime/protocol/src/limits.rs", ROOT / "runtime/src/config.rs"]
    text = "".join(source.read_text() for source in sources)
    match = re.search(rf"const {constant}: \w+ = ([\d_* ]+);", text)
    assert match is not None
    product = 1
    for factor in match[1].split("*"):
        product *= int(factor)
    assert OPTION_BY_NAME[option].default == product / unit


def test_bytes_are_said_in_the_largest_whole_unit() -> None:
    assert [bytes_in_words(count) for count in (0, 1000, 1024, 1536 * 1024, 2 * 1024**3)] == [
        "0 bytes",
        "1000 bytes",
        "1 KiB",
        "1536 KiB",
        "2 GiB",
    ]
