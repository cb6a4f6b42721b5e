"""Serves TurboAPI apps as they are: `adapt` makes a native App from one. docs/turboapi.md says what is honoured."""

from .compile.turboapi.adapt import adapt as adapt
from .compile.turboapi.names import is_turboapi as is_turboapi

__all__ = ["adapt", "is_turboapi"]
