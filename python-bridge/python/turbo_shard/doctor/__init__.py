"""`turbo-shard doctor`: examines the machine, and how an app would start."""
