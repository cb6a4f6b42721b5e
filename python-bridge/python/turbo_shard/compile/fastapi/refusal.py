"""Why FastAPI itself serves something. Knows nothing of routes."""

from __future__ import annotations


class Refused(Exception):
    """Nothing may be compiled here; the text is the reason, in words for the app's author."""
