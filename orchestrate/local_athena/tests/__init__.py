"""Tests of the local Athena, with real servers."""
