"""`turbo-shard routes APP`: lists the routes of a FastAPI app, each with how it is served: compiled, or by FastAPI and
why. Loads the app as a server does and serves nothing. Decides nothing itself: the compiler's report does.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..cli.command_line import HELP_FLAGS, HELP_ROW, UsageError, help_lines, say
from ..cli.given_options import split_for_server, told
from ..cli.start import refuse
from ..loading.app_loader import load
from ..loading.interfaces import IN_WORDS
from ..settings import Settings
from ..user_code.running import AppError, description

if TYPE_CHECKING:
    from ..compile.fastapi import RouteReport

HELP = """\
usage: turbo-shard routes APP [--json] [options of a start]

Lists the routes of a FastAPI app in its order, each with how it is served: compiled, or
asgi (by FastAPI itself) and why. The app is imported, and not served; routes that it adds
when it starts are not there yet.

options:
{options}"""

ROWS = (("--json", "print JSON for scripts"), HELP_ROW)
COMPILED = "compiled"


def command(arguments: Sequence[str]) -> int:
    """Runs `turbo-shard routes` and returns its exit status."""
    given = split_for_server(arguments, switches=["--json", *HELP_FLAGS])
    if set(HELP_FLAGS).intersection(given.switches):
        return say(HELP.format(options=help_lines(ROWS)))
    reference, settings, _ = told(given)
    if not reference:
        raise UsageError("which app? Name it as MODULE:ATTRIBUTE: turbo-shard routes app:app")
    # The app's own output is not part of the answer.
    try:
        with contextlib.redirect_stdout(sys.stderr):
            why, routes = examined(reference, settings)
    except AppError as error:
        return refuse(str(error), report=error.report)
    as_text = json_text if "--json" in given.switches else person_text
    return say(as_text(routes, why))


def examined(reference: str, settings: Settings) -> tuple[str, list[RouteReport]]:
    """Why the app as a whole is not compiled, or nothing, and its routes."""
    # Nothing runs side by side here, so the GIL is no matter.
    loaded = load(reference, settings, allow_gil=True)
    fastapi = sys.modules.get("fastapi")
    if fastapi is None or not isinstance(loaded.instance, fastapi.FastAPI):
        what = f"{description(loaded.instance)} ({IN_WORDS[loaded.interface]})"
        raise UsageError(
            f"{loaded.name} is {what}, not a FastAPI app: only that has routes to list"
        )
    from ..compile.fastapi import report, why_not

    why = why_not(loaded.instance)
    if settings.fastapi == "asgi":
        why = "--fastapi asgi"
    return why, report(loaded.instance)


def person_text(routes: Sequence[RouteReport], why: str) -> str:
    cells = [(methods_of(route), route.path, route.endpoint) for route in routes]
    widths = [max(map(len, column), default=0) for column in zip(*cells, strict=True)]
    lines = []
    for route, row in zip(routes, cells, strict=True):
        padded = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append(f"{padded}  {state_of(route, why)}")
    return "\n".join([*lines, *([""] if lines else []), count_line(routes, why)])


def methods_of(route: RouteReport) -> str:
    return ",".join(route.methods) or "-"


def state_of(route: RouteReport, why: str) -> str:
    if route.reason:
        return f"asgi: {route.reason}"
    return "asgi" if why else COMPILED


def count_line(routes: Sequence[RouteReport], why: str) -> str:
    """Of the app's own routes for HTTP: the pages that FastAPI adds are not what its author asks about."""
    if not routes and why:
        return f"not compiled: {why}"
    kinds = Counter(route.kind for route in routes)
    line = f"{compiled_count(routes, why)} of {kinds['route']} routes compiled"
    if kinds["page"]:
        line += f", besides {kinds['page']} pages of FastAPI's own"
    return f"{line}: {why}" if why else line


def compiled_count(routes: Sequence[RouteReport], why: str) -> int:
    return 0 if why else sum(not route.reason for route in routes)


def json_text(routes: Sequence[RouteReport], why: str) -> str:
    facts = {
        "why_not": why,
        "compiled": compiled_count(routes, why),
        "routes": list(facts_of(routes, why)),
    }
    return json.dumps(facts, indent=2)


def facts_of(routes: Sequence[RouteReport], why: str) -> Iterator[dict[str, object]]:
    for route in routes:
        yield {
            "methods": list(route.methods),
            "path": route.path,
            "endpoint": route.endpoint,
            "is_compiled": not why and not route.reason,
            "kind": route.kind,
            "reason": route.reason,
        }
