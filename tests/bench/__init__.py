"""Measures the project's plugins and their peers side by side: `make bench`, docs/benchmarks.md."""
