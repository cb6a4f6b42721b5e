"""Tells from its bytecode that a function can only return a fresh dict or list, and raises nothing that TurboAPI would
answer in its own way. Such a handler is served without a layer of ours. Knows nothing of routes.
"""

from __future__ import annotations

import dis
from types import CodeType, FunctionType
from typing import Any

# Any instruction not listed, such as a call, gives a handler the layer: a new Python's unknown instructions cost some
# speed, never a wrong answer.
_HARMLESS = frozenset(
    (
        *("RESUME", "NOP", "NOT_TAKEN", "COPY_FREE_VARS", "RETURN_GENERATOR", "POP_TOP", "CACHE"),
        *("LOAD_CONST", "LOAD_SMALL_INT", "LOAD_DEREF", "LOAD_GLOBAL"),
        *("LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW"),
        *("LOAD_FAST_BORROW_LOAD_FAST_BORROW", "STORE_FAST", "STORE_FAST_LOAD_FAST"),
        *("STORE_FAST_STORE_FAST", "FORMAT_SIMPLE", "CONVERT_VALUE", "BUILD_STRING"),
        *("BUILD_MAP", "BUILD_CONST_KEY_MAP", "BUILD_LIST", "BUILD_TUPLE", "LIST_EXTEND"),
        *("COMPARE_OP", "CONTAINS_OP", "IS_OP", "UNARY_NOT", "UNARY_NEGATIVE", "TO_BOOL"),
        *("POP_JUMP_IF_FALSE", "POP_JUMP_IF_TRUE", "POP_JUMP_IF_NONE", "POP_JUMP_IF_NOT_NONE"),
        *("JUMP_FORWARD", "RETURN_VALUE"),
    )
)
_HARMLESS_OPERATORS = frozenset(("+", "-", "*", "[]"))
_MAKES_A_CONTAINER = frozenset(("BUILD_MAP", "BUILD_CONST_KEY_MAP", "BUILD_LIST", "LIST_EXTEND"))
# How a coroutine turns an uncaught StopIteration into a RuntimeError; it follows the last return.
_COROUTINE_TAIL = ("CALL_INTRINSIC_1", "RERAISE")


def is_plain(handler: Any) -> bool:
    """Whether it is certain that the function returns a dict or list that it has just made."""
    if not isinstance(handler, FunctionType) or hasattr(handler, "__wrapped__"):
        return False
    code = handler.__code__
    return not _names_a_status(code) and _makes_what_it_returns(code)


def _names_a_status(code: CodeType) -> bool:
    # TurboAPI 0.3 takes the status out of a dict that has such a key.
    return any(
        one == "status_code" or (isinstance(one, tuple) and "status_code" in one)
        for one in code.co_consts
    )


def _makes_what_it_returns(code: CodeType) -> bool:
    instructions = list(dis.get_instructions(code))
    if tuple(one.opname for one in instructions[-2:]) == _COROUTINE_TAIL:
        del instructions[-2:]
    previous = ""
    for one in instructions:
        if one.opname == "BINARY_OP" and one.argrepr in _HARMLESS_OPERATORS:
            pass
        elif one.opname not in _HARMLESS:
            return False
        if one.opname == "RETURN_VALUE" and (
            previous not in _MAKES_A_CONTAINER or one.is_jump_target
        ):
            return False
        previous = one.opname
    return previous == "RETURN_VALUE"
