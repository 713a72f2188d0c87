"""Tests of the APIs and their server."""
