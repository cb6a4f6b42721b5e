"""`--mode process`: a small supervisor without the app, and worker processes with one shard each.

`supervisor` keeps the workers going, `worker_process` is one of them as the supervisor sees it, `worker` is what runs
there, `messages` is what they say to each other, `signal_watch` is how the supervisor hears of signals.
"""
