"""The errors of the benchmarks."""

from __future__ import annotations


class BenchError(Exception):
    """Something cannot be measured; the message is one complete line."""
