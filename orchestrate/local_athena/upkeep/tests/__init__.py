"""Tests of the upkeep, on tables of a real lake."""
