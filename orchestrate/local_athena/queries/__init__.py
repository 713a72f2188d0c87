"""Queries from their start to their end: threads and states, history, results as Athena's files."""
