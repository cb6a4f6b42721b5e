"""The rows of the table of settings, a file for each group.

Types are needed as they stand, since a choice's lists its words: no `from __future__ import annotations` in these files.
"""
