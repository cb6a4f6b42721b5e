"""The pages for people who come from another server: the command lines that they open with mean what they say."""

from __future__ import annotations

import re
import shlex
import tomllib

import pytest

import reference
from turbo_shard.cli.command_line import UsageError
from turbo_shard.cli.config_file import COMMAND_KEYS
from turbo_shard.cli.given_options import chosen_values, split_for_server
from turbo_shard.cli.start import OWN_SWITCHES
from turbo_shard.settings import OPTIONS, settings_from


def page(peer: str) -> str:
    return (reference.DOCS / f"from-{peer}.md").read_text()


def commands(peer: str) -> tuple[list[str], list[str]]:
    """The arguments before and after the move."""
    found = re.search(r"```sh\n# before\n(.*)\n# after\n(.*)\n```", page(peer))
    assert found is not None
    before, after = (shlex.split(line) for line in found.groups())
    assert (before.pop(0), after.pop(0)) == (peer, "turbo-shard")
    return before, after


@pytest.mark.parametrize("peer", reference.PEERS)
def test_command_after_the_move_is_taken(peer: str) -> None:
    _, after = commands(peer)
    given = split_for_server(after, switches=OWN_SWITCHES)
    assert len(given.rest) == 1
    settings = settings_from(*chosen_values(given, {}))
    assert settings.shards == 4


@pytest.mark.parametrize("peer", reference.PEERS)
def test_command_before_the_move_is_told_what_to_leave_out(peer: str) -> None:
    before, after = commands(peer)
    try:
        split_for_server(before, switches=OWN_SWITCHES)
        answers = []
    except UsageError as error:
        answers = str(error).split("\n")
    named = {re.split("[ :]", answer)[0] for answer in answers}
    dropped = {word for word in before if word.startswith("-")} - set(after)
    # The others of those that were left out ask for what is so anyway, or name a file that is found by itself.
    assert named <= dropped
    assert dropped - named <= {"--http", "--runtime-mode", "-c"}


def test_file_of_the_page_about_gunicorn_has_settings_that_exist() -> None:
    [text] = re.findall(r"```toml\n(.*?)```", page("gunicorn"), re.DOTALL)
    known = {option.key for option in OPTIONS} | {*COMMAND_KEYS}
    assert tomllib.loads(text).keys() <= known


@pytest.mark.parametrize("peer", reference.PEERS)
def test_table_names_every_option_once(peer: str) -> None:
    rows = re.findall(r"^\| (`[^|]*) \|", page(peer), re.MULTILINE)
    flags = [flag for row in rows for flag in re.findall(r"`([^`]+)`", row)]
    assert sorted(flags) == sorted(reference.RECORD[peer]["options"])
