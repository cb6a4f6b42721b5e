"""The user's code: how it is run, and whether the GIL came on in it. Knows nothing of apps or of serving."""
