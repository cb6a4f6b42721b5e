"""Several sets of the user's own modules in one process, one per shard, and the libraries that all sets share."""
