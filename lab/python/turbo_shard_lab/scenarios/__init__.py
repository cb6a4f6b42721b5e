"""The parts of the benchmark scripts: servers under test, the generator, what /proc says, figures and reports.

It needs only the standard library and Python 3.11: the lab must not need what it measures.
"""
