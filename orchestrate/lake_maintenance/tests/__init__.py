"""Tests of the job that maintains the lake."""
