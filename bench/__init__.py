"""Benchmarks: each measures a ratio against a stated peer in one run, alternating, and prints a table."""
