"""Tests of the local stack, with real servers."""
