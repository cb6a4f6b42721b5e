"""The rows of the table of settings, a file for each group.

Types are needed as they stand, since a choice's lists its words: these files have no
`from __future__ import annotations`.
"""
