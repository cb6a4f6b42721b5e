"""What is written to stderr and to Python's loggers, without a shard that waits for a reader."""
