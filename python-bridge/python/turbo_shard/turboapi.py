"""Serves TurboAPI apps as they are: `adapt` makes a native App from one. docs/turboapi.md says what is honoured."""

from .compile.turboapi import adapt as adapt
from .compile.turboapi import is_turboapi as is_turboapi
