"""`turbo-shard simulate`: what it asks the simulation in Rust, the costs here, and the outcome in words."""
