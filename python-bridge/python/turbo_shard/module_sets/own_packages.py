"""Which installed packages each shard has of its own, which count for all shards together, and what belongs with them.

One declaration and its rules. Knows nothing of importing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .own_code import OwnCode

from .own_code import is_extension


class Kept(NamedTuple):
    """What a package keeps of the modules that use it."""

    package: str
    keeps: str


# Each shard imports these again, like the user's own modules: what a shard registers stays with it.
OWN: tuple[Kept, ...] = (
    Kept("aiocache", "the caches by alias, whose connections belong to one loop"),
    Kept("blinker", "the receivers of each named signal"),
    Kept("cashews", "the cache that was set up, whose connections belong to one loop"),
    Kept("celery", "the current app, and the tasks that are shared between apps"),
    Kept("dramatiq", "the broker, and the actors by name"),
    Kept("fastapi_cache", "the backend that was set up, whose connections belong to one loop"),
    Kept("fastapi_limiter", "the Redis client that was set up, which belongs to one loop"),
    Kept("graphene_sqlalchemy", "the types by model"),
    Kept("loguru", "the sinks: one more of each would write each line once more"),
    Kept("marshmallow", "the schemas by name"),
    Kept("mongoengine", "the documents by name, and the connections"),
    Kept("sanic", "the apps by name"),
    Kept("sqlmodel", "the tables by name, in SQLModel.metadata"),
    Kept("tortoise", "the models by app, and the connections, which belong to one loop"),
)

# These stay shared although they keep something: it is about the process, or summed over all shards.
COUNTED: tuple[Kept, ...] = (
    Kept("ddtrace", "what it has instrumented, once per process"),
    Kept("elasticapm", "what it has instrumented, once per process"),
    Kept("logfire", "what it has instrumented, once per process"),
    Kept("newrelic", "what it has instrumented, once per process"),
    Kept("opentelemetry", "the providers, one of each per process"),
    Kept("prometheus_client", "the metrics: each shard's counts go into the same ones"),
    Kept("sentry_sdk", "the client, one per process"),
)

OWN_NAMES = frozenset(kept.package for kept in OWN)
COUNTED_NAMES = frozenset(kept.package for kept in COUNTED)


def package_of(name: str) -> str:
    """`shop` of `shop.models`; below a namespace, which may be shared with others, the first with a file."""
    parts = name.split(".")
    for count in range(1, len(parts)):
        package = ".".join(parts[:count])
        if getattr(sys.modules.get(package), "__file__", None) is not None:
            return package
    return name


def loaded_below(package: str) -> Iterator[ModuleType]:
    for name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType) and f"{name}.".startswith(f"{package}."):
            yield module


def why_never_own(package: str) -> str:
    """Why a package cannot be imported once per shard, or nothing."""
    top = package.partition(".")[0]
    if top in sys.stdlib_module_names:
        return "is Python's own"
    if top == "turbo_shard":
        return "is the server's"
    for module in loaded_below(package):
        if is_extension(getattr(module, "__file__", None)):
            return f"has the extension module {module.__name__}, whose state is the process's"
    return ""


def is_users(package: str, own: OwnCode) -> bool:
    module = sys.modules.get(package)
    return module is not None and own.holds(package, module)


def module_behind(value: object) -> str:
    """The name of the module where an object in a module's globals comes from.

    By its type alone: a proxy that is asked for its class or module makes what it stands for, or fails.
    """
    kind = type(value)
    if issubclass(kind, ModuleType):
        name = ModuleType.__getattribute__(value, "__dict__").get("__name__")
    elif issubclass(kind, FunctionType):
        name = value.__module__
    else:
        holder = value if issubclass(kind, type) else kind
        try:
            name = type.__getattribute__(holder, "__module__")
        except AttributeError:
            # Some classes that C code makes have none.
            name = ""
    return name if isinstance(name, str) else ""


def holders(packages: Iterable[str], own: OwnCode) -> set[str]:
    """Installed packages whose modules hold something of these: they would go on using the first shard's."""
    known = set(packages)
    wanted = tuple(f"{package}." for package in known)
    found: set[str] = set()
    for name, module in list(sys.modules.items()):
        if not isinstance(module, ModuleType) or name == "__main__":
            continue
        package = package_of(str(name))
        if package in found | known or package.partition(".")[0] in COUNTED_NAMES:
            continue
        if own.holds(str(name), module) or not holds_any(vars(module), wanted):
            continue
        if not why_never_own(package):
            found.add(package)
    return found


def holds_any(attributes: Mapping[str, object], wanted: tuple[str, ...]) -> bool:
    return any(f"{module_behind(value)}.".startswith(wanted) for value in list(attributes.values()))
