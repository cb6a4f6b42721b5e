"""What lab/native offers to Python."""

def simulate(scenario: str) -> str:
    """The outcome of one simulated scenario, both as JSON (docs/simulation.md); ValueError says what is wrong."""

def load_generator(arguments: list[str]) -> int:
    """Runs turbo-load, which prints by itself; its exit status."""
