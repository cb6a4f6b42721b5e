"""Shell completion: what a shell offers is what the command line takes."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from server_process import environment, run_command
from turbo_shard.cli.commands import COMMANDS
from turbo_shard.cli.completion import Flag, Place, flag_of_row, places
from turbo_shard.settings import OPTIONS

SHELLS = ("bash", "zsh", "fish")


def script(shell: str) -> str:
    run = run_command("completion", shell)
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout


def completions(*words: str) -> list[str]:
    """What bash offers for the last word."""
    asked = f"""{script("bash")}
        compopt() {{ :; }}
        COMP_WORDS=({" ".join(f"'{word}'" for word in words)}) COMP_CWORD={len(words) - 1}
        _turbo_shard
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    run = subprocess.run(
        ["bash", "-c", asked], env=environment(), capture_output=True, text=True, check=True
    )
    assert run.stderr == ""
    return run.stdout.split()


def test_first_word_is_a_command_or_an_option() -> None:
    assert completions("turbo-shard", "") == list(COMMANDS)
    assert completions("turbo-shard", "d") == ["doctor"]
    offered = completions("turbo-shard", "-")
    assert {flag for option in OPTIONS for flag in option.flags} <= set(offered)
    assert "--print-config" in offered
    assert {"--ws-deflate", "--version", "--help", "-h"} <= set(offered)


def test_value_of_a_choice_is_one_of_its_words() -> None:
    assert completions("turbo-shard", "app:app", "--mode", "") == ["shard", "steal", "process"]
    assert completions("turbo-shard", "app:app", "--mode", "s") == ["shard", "steal"]
    assert completions("turbo-shard", "app:app", "--engine", "=", "u") == ["uring"]
    assert completions("turbo-shard", "app:app", "--port", "") == []


def test_commands_have_options_of_their_own() -> None:
    assert completions("turbo-shard", "stats", "--") == ["--watch", "--json", "--help"]
    assert {"--json", "--app-dir", "--config"} <= set(completions("turbo-shard", "doctor", "--"))
    assert completions("turbo-shard", "completion", "") == list(SHELLS)


def test_files_are_offered_where_an_option_takes_one(tmp_path) -> None:
    (tmp_path / "here.sock").touch()
    offered = completions("turbo-shard", "app:app", "--stats-socket", f"{tmp_path}/h")
    assert offered == [f"{tmp_path}/here.sock"]


def test_words_of_a_row_of_help_are_flags_and_a_value() -> None:
    assert flag_of_row(("-h, --help", "x")) == Flag(("-h", "--help"), "x", "")
    assert flag_of_row(("--json FILE", "x")) == Flag(("--json",), "x", "FILE", is_file=True)
    assert flag_of_row(("--header 'NAME: VALUE'", "x")).names == ("--header",)


def needs(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")


def test_fish_offers_words_with_their_meaning(tmp_path) -> None:
    needs("fish")
    file = tmp_path / "script.fish"
    file.write_text(script("fish"))
    asked = (
        f"source {file}; complete -C 'turbo-shard app:app --mode s'; complete -C 'turbo-shard do'"
    )
    run = subprocess.run(
        ["fish", "-c", asked], env=environment(), capture_output=True, text=True, check=True
    )
    assert run.stderr == ""
    assert run.stdout.splitlines() == [
        "shard\tarchitecture",
        "steal\tarchitecture",
        f"doctor\t{COMMANDS['doctor'].summary}",
    ]


def test_zsh_accepts_its_script(tmp_path) -> None:
    needs("zsh")
    file = tmp_path / "script.zsh"
    file.write_text(script("zsh"))
    run = subprocess.run(["zsh", "-n", str(file)], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("shell", SHELLS)
def test_every_flag_is_in_the_script(shell: str) -> None:
    text = script(shell)
    found: list[Place] = list(places())
    assert [place.command for place in found] == ["", *COMMANDS]
    for place in found:
        for flag in place.flags:
            for name in flag.names:
                assert f"{name.lstrip('-')}" in text


def test_unknown_shell_is_refused_with_those_there_are() -> None:
    run = run_command("completion", "tcsh")
    assert run.returncode == 2
    assert run.stderr == "turbo-shard: error: for which shell? One of bash, zsh, fish\n"
