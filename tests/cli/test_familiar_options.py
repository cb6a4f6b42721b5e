"""Options of uvicorn, granian, gunicorn and hypercorn: each is taken, translated or answered by one sentence.

peer_options.json has all of them as their own programs define them; `make test-peers` compares it with those programs.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from places import EXAMPLES
from server_process import ServerProcess, run_command
from turbo_shard.cli.command_line import UsageError
from turbo_shard.cli.familiar.row import (
    Answer,
    Converted,
    Fate,
    Fixed,
    Met,
    Ours,
    Peer,
    Words,
    seconds_of_duration,
    seconds_of_milliseconds,
)
from turbo_shard.cli.familiar.table import FATES, ROWS
from turbo_shard.cli.given_options import BARE_FLAGS, SOURCE_FLAGS, chosen_values, split_for_server
from turbo_shard.cli.start import OWN_SWITCHES
from turbo_shard.settings import OPTIONS, SettingsError, settings_from

PEERS = json.loads((Path(__file__).parent / "peer_options.json").read_text())
PEER_OPTIONS = [
    (name, flag, option) for name, peer in PEERS.items() for flag, option in peer["options"].items()
]
OURS = {
    flag
    for option in OPTIONS
    for flag in (*option.flags, *option.off_flags, *option.positive_flags)
} | {*OWN_SWITCHES, *SOURCE_FLAGS}


def parsed(*arguments: str) -> tuple[dict[str, object], list[str]]:
    """The settings that a command line gives, and what is left of it."""
    given = split_for_server(arguments, switches=OWN_SWITCHES)
    return chosen_values(given, {})[0], given.rest


def answer(*arguments: str) -> str:
    with pytest.raises(UsageError) as caught:
        parsed(*arguments)
    return str(caught.value)


def texts_of(fate: Fate) -> list[str]:
    """All that a row says to people."""
    match fate:
        case Answer(sentence):
            return [sentence]
        case Met(note) | Ours(_, note) | Converted(_, _, note):
            return [note]
        case Words(known, others, alone):
            parts = [*known.values(), others, *([] if alone is None else [alone])]
            return [text for part in parts for text in texts_of(part)]
        case _:
            return []


def arguments_of(fate: Fate) -> list[str]:
    """The options of ours that a row leads to."""
    match fate:
        case Ours(flag=flag) | Fixed(flag):
            return [flag]
        case Converted(flags, _, _):
            return list(flags)
        case Words(known, others, _):
            return [one for part in (*known.values(), others) for one in arguments_of(part)]
        case _:
            return []


def test_table_has_every_option_of_every_peer_and_no_other() -> None:
    rows = [(peer.name.lower(), row.flag) for row in ROWS for peer in row.peers]
    assert len(rows) == len(set(rows))
    assert set(rows) == {(name, flag) for name, flag, _ in PEER_OPTIONS}
    assert {peer.name.lower() for peer in Peer} == PEERS.keys()


def test_option_of_several_peers_has_one_meaning() -> None:
    meanings: dict[str, list[Fate]] = {}
    for row in ROWS:
        if row.fate not in meanings.setdefault(row.flag, []):
            meanings[row.flag].append(row.fate)
    assert {flag: fates for flag, fates in meanings.items() if len(fates) > 1} == {}


def test_rows_lead_to_options_that_exist() -> None:
    assert {one.partition("=")[0] for row in ROWS for one in arguments_of(row.fate)} <= OURS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.peers.name}-{row.flag}")
def test_row_names_only_options_that_exist_and_no_absent_one_that_is_there(row) -> None:
    for text in texts_of(row.fate):
        named = re.findall(r"(?<![\w-])--[a-z][\w-]*", text)
        assert set(named) - {"--pid"} <= OURS, text
        assert "\n" not in text
    if row.flag in OURS and isinstance(row.fate, Answer):
        raise AssertionError(
            f"{row.flag} is an option of ours, and the row says: {row.fate.sentence}"
        )


@pytest.mark.parametrize(("peer", "flag", "option"), PEER_OPTIONS, ids=lambda part: str(part)[:30])
def test_option_of_a_peer_is_taken_or_answered_by_one_sentence(peer, flag, option) -> None:
    if not flag.startswith("-"):
        pytest.fail("a name without dashes is no option") if flag in FATES else None
        return
    for word in option["words"] or ["1"] if option["takes_value"] else [None]:
        arguments = [flag] if word is None else [flag, word]
        if word is not None and flag in BARE_FLAGS:
            # Ours may stand alone, so that a value follows an equals sign.
            arguments = [f"{flag}={word}"]
        try:
            values, rest = parsed(*arguments, "app:app")
            # An option of ours that takes a value where theirs takes none has the app for its value, and refuses it.
            settings_from(values, dict.fromkeys(values, flag))
        except (UsageError, SettingsError) as error:
            # An answer, or an option of ours that takes it and wants another value than this sample.
            assert str(error).startswith(flag), error
            assert "did you mean" not in str(error)
            assert "\n" not in str(error)
        else:
            assert rest == ["app:app"]


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        (("--workers", "4"), {"shards": 4}),
        (("-w", "4"), {"shards": 4}),
        (("-w4",), {"shards": 4}),
        (("-w=4",), {"shards": 4}),
        (("--timeout-keep-alive=5",), {"keep_alive_timeout": 5.0}),
        (("--interface", "asgi3"), {"interface": "asgi"}),
        (("--log-level", "warning"), {"log_level": "warning"}),
        (("--debug",), {"log_level": "debug"}),
        (("--http1-header-read-timeout", "1500"), {"head_timeout": 1.5}),
        (("--workers-kill-timeout", "1m30s"), {"graceful_timeout": 90.0}),
        (("--read-timeout", "7"), {"head_timeout": 7.0, "body_timeout": 7.0}),
        (("--ws-per-message-deflate", "false"), {"ws_deflate": False}),
        (("--ws-per-message-deflate", "true"), {"ws_deflate": True}),
        (("--ws", "websockets", "--loop", "auto", "--http", "h11", "--ws"), {}),
        (("--url-path-prefix", "/api"), {"root_path": "/api"}),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else "",
)
def test_familiar_option_sets_what_it_means(
    arguments: tuple[str, ...], settings: dict[str, object]
) -> None:
    values, rest = parsed(*arguments, "app:app")
    assert (values, rest) == (settings, ["app:app"])
    settings_from(values)


def test_every_answer_is_given_at_once_and_once() -> None:
    lines = answer("--ssl-ciphers", "k", "-k", "sync", "--reload", "--reload").split("\n")
    assert [line.partition(":")[0] for line in lines] == ["--ssl-ciphers", "-k sync", "--reload"]


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (("--cert-reqs", "2"), "ssl_cert_reqs", "required"),
        (("--ssl-cert-reqs", "1"), "ssl_cert_reqs", "optional"),
        (("--ssl-cert-reqs", "required"), "ssl_cert_reqs", "required"),
        (("--verify-mode", "CERT_NONE"), "ssl_cert_reqs", "none"),
        (("--ssl-client-verify",), "ssl_cert_reqs", "required"),
        (("--ssl-protocol-min", "tls1.3"), "ssl_min_version", "TLSv1.3"),
        (("--ssl-certificate", "a", "--certfile", "b"), "ssl_certfile", ("a", "b")),
        (("--ssl-ca", "a"), "ssl_ca_certs", "a"),
    ],
)
def test_words_of_others_about_tls_are_taken(
    arguments: tuple[str, ...], name: str, value: object
) -> None:
    assert parsed(*arguments)[0][name] == value


def test_command_says_a_line_for_each_answer() -> None:
    run = run_command("app:app", "--loop", "uvloop", "--daemon", "--workers", "2")
    assert run.returncode == 2
    lines = run.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("turbo-shard: error: --") for line in lines)


def test_wrong_value_is_named_with_the_option_as_it_was_written() -> None:
    run = run_command("app:app", "--workers", "none")
    assert run.stderr == (
        "turbo-shard: error: --workers: 'none' is not a whole number (1 to 1024)\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("--host", "a", "--host", "b"),
        ("--shards", "1", "--workers", "2"),
        ("--workers", "1", "-w", "2"),
        ("--head-timeout", "3", "--read-timeout", "4"),
    ],
    ids=" ".join,
)
def test_option_given_twice_is_refused_with_both_values(arguments: tuple[str, ...]) -> None:
    said = answer(*arguments)
    assert "was given twice, as " in said
    assert repr(arguments[1]) in said and repr(arguments[3]) in said


def test_option_that_lists_may_be_given_twice() -> None:
    assert parsed("--own", "a,b", "--own", "c")[0] == {"own": ("a", "b", "c")}


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("--prot", "--port"),
        ("--shard", "--shards"),
        ("--body_max", "--body-max"),
        ("--Port", "--port"),
        ("--keepalive-timeout", "--keep-alive-timeout"),
        ("--ws-message-mx", "--ws-message-max"),
        ("--graceful", "--graceful-timeout"),
        ("--no", None),
        ("--aplication-dir", None),
        ("--threads-per-core", None),
        ("--certificate", None),
        ("--posts", None),
        ("--mood", None),
        ("-p0", None),
        ("-x", None),
    ],
)
def test_guess_is_made_only_of_a_slip(typo: str, meant: str | None) -> None:
    said = answer(typo, "1")
    if meant is None:
        assert "did you mean" not in said
    else:
        assert said == f"there is no option {typo}; did you mean {meant}?"


def test_value_that_a_conversion_cannot_read_is_left_to_the_option() -> None:
    assert [seconds_of_duration(text) for text in ("90", "2h", "1d1s", "", "s", "1x", "-1")] == [
        *("90", "7200", "86401", "", "s", "1x", "-1")
    ]
    assert [seconds_of_milliseconds(text) for text in ("30000", "1", "x", "-5", "٣")] == [
        *("30", "0.001", "x", "-5", "٣")
    ]


def test_server_starts_with_the_options_of_another() -> None:
    options = ("--workers", "1", "--timeout-keep-alive", "5", "--ws", "auto", "--http", "httptools")
    with ServerProcess("multi_route_app:app", *options, app_dir=EXAMPLES) as server:
        with server.client() as client:
            assert client.get("/health").json() == {"status": "ok"}
        assert "1 shard" in server.log
