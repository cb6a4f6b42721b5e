"""`--log-config`: configures Python's `logging` by a file, and finds the loggers that are to have the server's records.
Says what is wrong with a file in one line. Knows no thread.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from .log_thread import Names

# What servers call their loggers: one that a file configures gets our records, if it configures none of ours.
NAMES = (
    Names(),
    Names("uvicorn.error", "uvicorn.access", "uvicorn.error"),
    Names("gunicorn.error", "gunicorn.access", "gunicorn.error"),
    Names("hypercorn.error", "hypercorn.access", "hypercorn.error"),
    Names("_granian", "granian.access", "_granian"),
)
# These files say by a prefix what they hold, as hypercorn has it.
PREFIXES = ("json:", "toml:", "file:")


class LogConfigError(ValueError):
    """The file cannot be used; its text is one line."""


def configure(path: str) -> Names:
    """Configures logging; returns the loggers for the server's records."""
    prefix = next((one for one in PREFIXES if path.startswith(one)), "")
    file = Path(path.removeprefix(prefix))
    try:
        text = file.read_text(encoding="utf-8")
        table = read_table(file, text, prefix.rstrip(":"))
        apply(file, table)
    except LogConfigError:
        raise
    except OSError as error:
        raise LogConfigError(f"{str(file)!r} cannot be read: {error.strerror or error}") from None
    except Exception as error:
        raise LogConfigError(f"{str(file)!r}: {in_one_line(error)}") from None
    names = Names(*(found(kind) for kind in zip(*NAMES, strict=True)))
    for name in Names():
        # A configuration disables the loggers that it does not name. It cannot have meant the server's.
        logging.getLogger(name).disabled = False
    return names


def read_table(file: Path, text: str, form: str) -> dict[str, Any] | None:
    """The dictionary that the file holds; None for an INI file."""
    form = form.replace("file", "") or file.suffix.lower().lstrip(".")
    table: Any
    if form in ("yaml", "yml"):
        try:
            import yaml  # type: ignore[import-untyped,unused-ignore]
        except ImportError:
            raise LogConfigError(
                f"{str(file)!r} is YAML, which needs PyYAML: pip install pyyaml"
            ) from None
        table = yaml.safe_load(text)
    elif form == "toml":
        import tomllib

        table = tomllib.loads(text)
    elif form == "json" or text.lstrip().startswith("{"):
        import json

        table = json.loads(text)
    else:
        return None
    if not isinstance(table, dict):
        raise LogConfigError(f"{str(file)!r} holds no table of settings for logging")
    return table


def apply(file: Path, table: dict[str, Any] | None) -> None:
    import logging.config

    if table is None:
        here = {"__file__": str(file), "here": str(file.parent)}
        logging.config.fileConfig(file, defaults=here, disable_existing_loggers=False)
        return
    # As gunicorn takes it: a file may leave both out.
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False} | table)


def in_one_line(error: BaseException | None) -> str:
    """An error with what it was raised from, which says what is wrong: logging's own names a handler at most."""
    words: list[str] = []
    while error is not None:
        text = " ".join(str(error).split())
        if isinstance(error, KeyError):
            text = f"{text} is missing"
        words.append(text or type(error).__name__)
        error = error.__cause__
    return ": ".join(dict.fromkeys(words))


def found(kind: tuple[str, ...]) -> str:
    """The first of these loggers that is configured, itself or above itself below the root; else ours."""
    return next((name for name in kind if is_configured(name)), kind[0])


def is_configured(name: str) -> bool:
    known = logging.root.manager.loggerDict
    while name:
        logger = known.get(name)
        if isinstance(logger, logging.Logger) and (logger.handlers or logger.level):
            return True
        name = name.rpartition(".")[0]
    return False
