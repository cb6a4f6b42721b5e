"""What a running server counts: the stats socket, what it answers, and `turbo-shard stats`, which shows it."""
