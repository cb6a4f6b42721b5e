"""The load: turbo-load as Python starts it. It is written in Rust (lab/load)."""
