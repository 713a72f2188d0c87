"""Runs statements: DuckDB, how it reads the lake, and a module for each kind of statement."""
