"""Finds the installed package behind an import that succeeds once and fails the second time. Imports nothing itself.

Two places show it: the names in the failing line of the user's own code (the base class, the decorator), and the
packages whose functions were running, from the user's code inwards. The package that the user's code calls comes first:
it keeps the user's registrations, and the less is imported again the better.
"""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

from . import own_packages

if TYPE_CHECKING:
    from .shard_modules import ShardModules

# Instructions that load an object by its name.
NAMING = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_DEREF", "LOAD_FAST", "LOAD_FAST_BORROW")


def of(error: BaseException, modules: ShardModules) -> Iterator[str]:
    """Packages that may be made the shard's own, the likeliest first."""
    seen: set[str] = set()
    for name in names_behind(error, modules):
        package = own_packages.package_of(name) if name else ""
        if package and package not in seen:
            seen.add(package)
            if may_be_own(package, modules):
                yield package


def may_be_own(package: str, modules: ShardModules) -> bool:
    return not (
        package in modules.own.packages
        or package.partition(".")[0] in own_packages.COUNTED_NAMES
        or package in ("builtins", "__main__")
        or own_packages.is_users(package, modules.own)
        or own_packages.why_never_own(package)
    )


def names_behind(error: BaseException, modules: ShardModules) -> Iterator[str]:
    """The modules that the error may come from."""
    steps = list(traceback_of(error))
    # By name and file: the modules of a failed import belong to no set any more.
    own = [
        number
        for number, step in enumerate(steps)
        if modules.own.holds_file(name_of(step), step.tb_frame.f_code.co_filename)
    ]
    last = own[-1] if own else 0
    if own:
        yield from named_by(steps[last])
    for step in steps[last + 1 if own else 0 :]:
        yield name_of(step)


def name_of(step: TracebackType) -> str:
    return str(step.tb_frame.f_globals.get("__name__", ""))


def traceback_of(error: BaseException) -> Iterator[TracebackType]:
    step = error.__traceback__
    while step is not None:
        yield step
        step = step.tb_next


def named_by(step: TracebackType) -> Iterator[str]:
    """The modules of the objects that the running statement names."""
    frame = step.tb_frame
    past = [at for at in dis.get_instructions(frame.f_code) if at.offset <= step.tb_lasti]
    # The bases of a class may stand on lines of their own.
    classes = [
        number
        for number, instruction in enumerate(past)
        if instruction.opname == "LOAD_BUILD_CLASS" and instruction.line_number == step.tb_lineno
    ]
    of_class = past[classes[-1] :] if classes else []
    of_line = [instruction for instruction in past if instruction.line_number == step.tb_lineno]
    for instruction in of_class or of_line:
        if instruction.opname in NAMING:
            yield own_packages.module_behind(value_of(frame, instruction.argval))


def value_of(frame: FrameType, name: object) -> object:
    for scope in (frame.f_locals, frame.f_globals):
        if name in scope:
            return scope[name]  # type: ignore[index]
    return None
