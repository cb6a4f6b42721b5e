"""The A/B lab: runs servers and load side by side, measures both, and says what the figures show.

Nothing that serves imports it: `turbo-shard ab` and the scripts of bench/ do.
"""
