"""`turbo-shard routes`: how each route of a FastAPI app is served."""
