"""Tests of the engine, on the session's lake."""
