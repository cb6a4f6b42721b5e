"""Serves TurboAPI apps as they are: `adapt` makes a native App from one. Never imports TurboAPI itself.

docs/turboapi.md says what is honoured, what is refused and where answers differ.
"""

from __future__ import annotations

from .adapt import adapt as adapt
from .adapt import is_turboapi as is_turboapi

__all__ = ["adapt", "is_turboapi"]
