"""Prints the options of uvicorn, granian, gunicorn and hypercorn as JSON, as their own definitions have them.

make peer-options    writes tests/cli/peer_options.json

Runs on the Python that has them (target/peers/venv), and imports nothing of turbo-shard.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from typing import Any

Option = dict[str, Any]


def of_click(place: str) -> Iterator[Option]:
    """A click command's options, each with its opposite as an option of its own."""
    module, _, name = place.partition(":")
    command = getattr(importlib.import_module(module), name)
    context = command.context_class(command)
    for parameter in command.get_params(context):
        if parameter.param_type_name != "option":
            continue
        choices = words_of(parameter.type, parameter, context)
        takes_value = not (parameter.is_flag or parameter.name == "help")
        for flag in (*parameter.opts, *parameter.secondary_opts):
            yield option(flag, takes_value, choices)


def words_of(kind: Any, parameter: Any, context: Any) -> Iterable[object]:
    """The words that its value may be: a choice's, or those that help shows."""
    choices: Iterable[object] | None = getattr(kind, "choices", None)
    if choices is not None:
        return choices
    shown = parameter.make_metavar(context)
    return shown.strip("[]").split("|") if "|" in shown else ()


def of_argparse(run: Callable[[], object]) -> Iterator[Option]:
    """The options of the parser that a program makes when it starts."""
    for action in parser_of(run)._actions:
        for flag in action.option_strings:
            yield option(flag, action.nargs != 0, action.choices or ())


def parser_of(run: Callable[[], object]) -> argparse.ArgumentParser:
    class Found(Exception): ...

    def found(parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        raise Found(parser)

    argparse.ArgumentParser.parse_args = found  # type: ignore[assignment, method-assign]
    try:
        run()
    except Found as error:
        parser: argparse.ArgumentParser = error.args[0]
        return parser
    raise SystemExit("peer_options: error: the program read no command line")


def uvicorn() -> Iterator[Option]:
    yield from of_click("uvicorn.main:main")


def granian() -> Iterator[Option]:
    yield from of_click("granian.cli:cli")


def gunicorn() -> Iterator[Option]:
    """Its command line, and the settings that only its configuration file has, by their names."""
    config = importlib.import_module("gunicorn.config")
    parser = config.Config().parser()
    for action in parser._actions:
        for flag in action.option_strings:
            yield option(flag, action.nargs != 0, action.choices or ())
    for setting in config.KNOWN_SETTINGS:
        if not setting.cli:
            yield option(setting.name, True, ())


def hypercorn() -> Iterator[Option]:
    yield from of_argparse(importlib.import_module("hypercorn.__main__").main)


def option(flag: str, takes_value: bool, choices: Iterable[object]) -> Option:
    # granian's choices are members of enumerations.
    words = [str(getattr(choice, "value", choice)) for choice in choices]
    return {"flag": flag, "takes_value": takes_value, "words": words}


PEERS = {"uvicorn": uvicorn, "granian": granian, "gunicorn": gunicorn, "hypercorn": hypercorn}


def main() -> None:
    peers = {}
    for name, options in PEERS.items():
        found = {one.pop("flag"): one for one in options()}
        peers[name] = {"version": version(name), "options": dict(sorted(found.items()))}
    sys.stdout.write(in_lines(peers))


def in_lines(peers: dict[str, Any]) -> str:
    """JSON with a line for each option, so that a renewal shows what has changed."""
    parts = []
    for name, peer in peers.items():
        lines = ",\n".join(
            f"  {json.dumps(flag)}: {json.dumps(one)}" for flag, one in peer["options"].items()
        )
        parts.append(f'"{name}": {{"version": "{peer["version"]}", "options": {{\n{lines}\n}}}}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    main()
