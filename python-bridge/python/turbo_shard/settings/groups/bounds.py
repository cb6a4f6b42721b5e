"""Bounds that several groups of settings have."""

SHARDS_MAX = 1024
# A day: longer than anyone waits on purpose, and far from where milliseconds overflow.
SECONDS_MAX = 86_400.0
