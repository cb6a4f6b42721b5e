"""What is written to stderr and to the logger `turbo_shard.error`, without a shard that waits for a reader."""
