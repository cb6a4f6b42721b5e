"""Where the app is and how it is called. Rows of the table of settings."""

from collections.abc import Sequence
from typing import Literal

from ..option import Group, Kind, row


class AppPlace(Group, heading="app"):
    """Where to find an app that is only named."""

    app_dir: str = row(
        Kind.DIRECTORY,
        default=".",
        help="where the app's module is looked for first",
        default_text="the current one",
        daily=True,
    )


class AppUse(Group, heading="app"):
    factory: bool = row(
        Kind.SWITCH,
        default=False,
        help="APP names a function without arguments that makes the app",
        daily=True,
    )
    interface: Literal["auto", "native", "asgi", "wsgi", "turboapi"] = row(
        Kind.CHOICE,
        default="auto",
        help="how the app is called; auto looks at the app",
        daily=True,
    )
    fastapi: Literal["compiled", "asgi", "verify"] = row(
        Kind.CHOICE,
        default="compiled",
        help="how a FastAPI app's routes are served; compiled: by a plan each where its answers are the same, else by "
        "FastAPI; asgi: all by FastAPI; verify: as asgi, and each plan's answer is compared (endpoints run twice)",
        daily=True,
    )
    app_per_shard: Literal["auto", "always", "never"] = row(
        Kind.CHOICE,
        default="auto",
        help="whether each shard has an instance of the app of its own, made by the factory or by importing "
        "the user's modules afresh; auto: for ASGI apps, unless they use Django",
    )
    own: Sequence[str] = row(
        Kind.NAMES,
        default=(),
        help="installed package that each shard imports for itself, as it does your own modules, because it keeps "
        "what they register with it; may be given several times, or several with commas",
    )
    lifespan: Literal["auto", "on", "off"] = row(
        Kind.CHOICE,
        default="auto",
        help="whether an ASGI app is told of start and end; auto: if it takes part",
    )
    root_path: str = row(
        Kind.URL_PATH,
        default="",
        help="path below which a proxy serves the app, such as /api",
        default_text="none",
        daily=True,
    )
    pathsend: bool = row(
        Kind.SWITCH,
        default=False,
        help="offer ASGI apps to send files for them (http.response.pathsend), which middleware that reads or changes "
        "answers has to know",
    )
    allow_gil: bool = row(
        Kind.SWITCH,
        default=False,
        help="serve although the GIL is on: shards then run Python one at a time "
        "(mode process needs no permission)",
    )
