"""The parts of a report in any format. Holds text and charts, and renders nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

# How a list of findings reads: what was won, lost, not shown; or nothing of the kind.
type Tone = Literal["plain", "win", "loss", "same", "doubt"]


@dataclass(frozen=True)
class Heading:
    text: str
    # 2 for a section, 3 and 4 below it.
    level: int
    anchor: str


@dataclass(frozen=True)
class Paragraph:
    text: str
    is_question: bool = False


@dataclass(frozen=True)
class Bullets:
    items: tuple[str, ...]
    tone: Tone = "plain"


@dataclass(frozen=True)
class Group:
    """Findings of one scenario; `anchor` is the place of its section."""

    title: str
    anchor: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Grouped:
    groups: tuple[Group, ...]
    tone: Tone


@dataclass(frozen=True)
class Table:
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def is_wordy(self) -> bool:
        """Whether the cells are words, which are not right-aligned."""
        return self.header[-1] in {"value", "error"}


@dataclass(frozen=True)
class Code:
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Chart:
    """A drawing with its caption; the table has the same figures."""

    title: str
    # What it shows and how to read it.
    note: str
    svg: str
    table: Table | None = None


@dataclass(frozen=True)
class Key:
    """One arm in a legend."""

    label: str
    swatch: str


@dataclass(frozen=True)
class Charts:
    charts: tuple[Chart, ...]
    keys: tuple[Key, ...] = ()


type Block = Heading | Paragraph | Bullets | Grouped | Table | Code | Charts


@dataclass(frozen=True)
class Document:
    title: str
    subtitle: str
    blocks: list[Block] = field(default_factory=list)
