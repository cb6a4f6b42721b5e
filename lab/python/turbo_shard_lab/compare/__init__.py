"""The comparison: arms, trials and rounds, what the figures show and how sure that is; the command `turbo-shard ab`."""
