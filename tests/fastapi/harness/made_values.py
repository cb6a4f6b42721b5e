"""Types that made apps use, each with texts and JSON values that fit it and that do not. Knows nothing of apps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A type as its author writes it."""

    written: str
    # Texts of a path, query, header or cookie; then those that do not fit.
    texts: tuple[str, ...]
    odd_texts: tuple[str, ...] = ("", "x")
    # The same as JSON.
    values: tuple[Any, ...]
    odd_values: tuple[Any, ...] = (None, "x", [1])
    # Constraints that it may have, as keywords.
    constraints: tuple[str, ...] = ()
    default: str = "None"
    # What an endpoint may return for it, as Python; the first fits.
    returned: tuple[str, ...] = ("None", "'text'", "1")
    # Several values of one name.
    is_many: bool = False


INT = Kind(
    written="int",
    texts=("1", "5", "-3", "007", "+2", "%201", "1_0", "5.0", "99999999999999999999"),
    odd_texts=("x", "1.5", "1e3", "", "%D9%A3"),
    values=(1, 5, -3, "4", 5.0, 10**20),
    odd_values=("x", 1.5, None, [1], True),
    constraints=("gt=0", "ge=1", "lt=5", "le=4", "multiple_of=2", "strict=True"),
    default="3",
    returned=("1", "'5'", "2.0", "True", "'x'", "10**30"),
)
STR = Kind(
    written="str",
    texts=("a", "abc", "A%20b", "%C3%A4", "a+b", "null"),
    odd_texts=("", "%FF", "a%2Fb", "%00", "abcdef", "\xe4"),
    values=("a", "äé", "abc"),
    odd_values=("", "\u2028", 5, None, ["a"], "abcdef"),
    constraints=("min_length=2", "max_length=3", "pattern='^[a-z]*$'"),
    default="'d'",
    returned=("'a'", "'ä\\x00\"'", "5", "b'x'", "None"),
)
FLOAT = Kind(
    written="float",
    texts=("1.5", "2", "1e3", "-0.0"),
    odd_texts=("nan", "inf", "x", ""),
    values=(1.5, 2, "3.5", 1e300, 1e16),
    constraints=("gt=0", "lt=10", "allow_inf_nan=False"),
    default="0.5",
    returned=("1.5", "1e16", "0.00001", "float('nan')", "'x'", "2"),
)
BOOL = Kind(
    written="bool",
    texts=("true", "0", "on", "f"),
    odd_texts=("2", ""),
    values=(True, "yes", 0),
    odd_values=(2, None),
    default="False",
    returned=("True", "0", "'x'"),
)
OPTIONAL = Kind(
    written="int | None",
    texts=("1",),
    values=(1, None),
    odd_values=("x",),
    constraints=("ge=1",),
    returned=("None", "1", "'x'"),
)
TEXT = Kind(
    written="str | None",
    texts=("a", ""),
    values=("a", None),
    odd_values=(1,),
    constraints=("max_length=2",),
    returned=("None", "'a'"),
)
COLOUR = Kind(
    written="Colour",
    texts=("red", "blue"),
    odd_texts=("RED", ""),
    values=("red", "blue"),
    odd_values=(1, "green"),
    default="Colour.red",
    returned=("Colour.red", "'red'", "'no'"),
)
LITERAL = Kind(
    written="Literal['a', 'b']",
    texts=("a", "b"),
    odd_texts=("c",),
    values=("a",),
    odd_values=("c", None),
    default="'a'",
    returned=("'a'", "'c'"),
)
NUMBERS = Kind(
    written="Literal[1, 2]",
    texts=("1", "2"),
    odd_texts=("3",),
    values=(1,),
    odd_values=("1", 3),
    default="1",
    returned=("1", "3"),
)
DECIMAL = Kind(
    written="Decimal",
    texts=("1.50", "1e5"),
    values=("9.90", 1.5),
    constraints=("gt=0",),
    default="Decimal(1)",
    returned=("Decimal('9.90')", "'x'"),
)
UUID = Kind(
    written="UUID",
    texts=("6fa459ea-ee8a-3ca4-894e-db77e160355e",),
    values=("6fa459eaee8a3ca4894edb77e160355e",),
    default="UUID(int=1)",
    returned=("UUID(int=5)",),
)
MOMENT = Kind(
    written="datetime",
    texts=("2026-11-30T10:00:00Z", "1700000000", "2026-11-30"),
    values=("2026-11-30T10:00:00+02:00", 1700000000),
    default="datetime(2026, 1, 2, tzinfo=UTC)",
    returned=("datetime(2026, 1, 2, tzinfo=UTC)", "datetime(2026, 1, 2)", "timedelta(days=1)"),
)
SPAN = Kind(
    written="timedelta",
    texts=("P1DT2S", "5"),
    values=("P1D", 5),
    default="timedelta(1)",
    returned=("timedelta(days=1, seconds=1)", "5"),
)
EITHER = Kind(
    written="int | str",
    texts=("1", "a", ""),
    values=(1, "a"),
    odd_values=(None, 1.5),
    default="'e'",
    returned=("1", "'a'"),
)
INTS = Kind(
    written="list[int]",
    texts=("1", "2"),
    values=([1, "2"], []),
    odd_values=(["x"], None, 1),
    constraints=("max_length=2",),
    default="[7]",
    returned=("[1, '2']", "(1,)", "{1}"),
    is_many=True,
)
TEXTS = Kind(
    written="set[str]",
    texts=("a", "b"),
    values=(["a", "a"],),
    odd_values=([1],),
    default="{'s'}",
    returned=("{'a'}", "['a']"),
    is_many=True,
)
COLOURS = Kind(
    written="list[Colour] | None",
    texts=("red",),
    values=(["red"], None),
    returned=("[Colour.red]", "None"),
    is_many=True,
)

SCALARS = (
    INT,
    STR,
    FLOAT,
    BOOL,
    OPTIONAL,
    TEXT,
    COLOUR,
    LITERAL,
    NUMBERS,
    DECIMAL,
    UUID,
    MOMENT,
    SPAN,
    EITHER,
)
IN_PATH = (INT, STR, FLOAT, BOOL, COLOUR, LITERAL, NUMBERS, DECIMAL, UUID, MOMENT)
ALL = (*SCALARS, INTS, TEXTS, COLOURS)

PLAIN = (
    *("{'a': 1}", "[1, 'ä', None]", "None", "{1: 2, None: 3}", "{'_sa_x': 1}", "(1, 2)", "{'a', 'b'}"),
    *("timedelta(1, 1)", "b'bytes'", "'text'", "float('nan')", "object()", "iter([1])"),
    "{'d': Decimal('9.90'), 'u': datetime(2026, 1, 2, tzinfo=UTC), 'e': Colour.red}",
)  # fmt: skip
"""What an endpoint may return that does not say what, as Python."""

RESPONSES = (
    "Response('raw', 202, {'x-own': '1'})",
    "JSONResponse({'a': 1.0}, headers={'x-own': '1'})",
    "PlainTextResponse('text')",
    "RedirectResponse('/elsewhere')",
    "StreamingResponse(iter(['a', 'b']))",
    "Response(background=BackgroundTask(note, 'own task'))",
)
"""Responses, which may always be returned."""

ANNOTATED = {
    "Any": PLAIN,
    "dict[str, Any]": ("{'a': 1}", "{'d': Decimal('9.90'), 'n': float('nan')}", "{1: 2}", "values"),
    "list[Any]": ("[1, None, timedelta(1)]", "(1, 2)", "{'a', 'b'}"),
    "int": INT.returned,
    "str": STR.returned,
    "float": FLOAT.returned,
    "Colour": COLOUR.returned,
    "dict[str, int] | None": ("{'a': 1}", "None", "{'a': 'x'}"),
    "Response": RESPONSES,
    "None": ("None", "1"),
}
"""What an endpoint may say that it returns, beside a model, with what mostly fits that."""
