"""asyncio on a shard's own thread: the loop, and the threads beside it that run plain functions."""
