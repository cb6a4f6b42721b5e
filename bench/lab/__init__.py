"""What the benchmark scripts are made of: servers under test, the generator, what /proc says, figures and reports.

Nothing but the standard library, and Python 3.11 is enough: the lab must not need what it measures.
"""
