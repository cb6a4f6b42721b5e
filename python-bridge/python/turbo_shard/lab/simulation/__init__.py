"""`turbo-shard simulate`: what is asked of the simulation in Rust, what its parameters cost here, and what it says."""
