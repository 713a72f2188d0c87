"""Every rule of docs/guarantees.md has a test that bears its number, and every such test a rule."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_RULES = range(1, 40)
_TEST = re.compile(r"^\s*def test_((?:f\d\d_)+)", re.MULTILINE)


def _tested() -> set[int]:
    files = [
        file
        for folder in ("plugins", "orchestrate", "transform", "extract", "tests")
        for file in (ROOT / folder).rglob("test_*.py")
    ]
    names = [name for file in files for name in _TEST.findall(file.read_text())]
    return {int(number) for name in names for number in re.findall(r"\d\d", name)}


def _numbers(text: str) -> set[int]:
    """Read `1, 2 and 15-17`."""
    found = set()
    for first, last in re.findall(r"\b(\d+)(?:-(\d+))?", text):
        found |= set(range(int(first), int(last or first) + 1))
    return found


def _documented() -> tuple[set[int], set[int]]:
    page = (ROOT / "docs" / "guarantees.md").read_text()
    held = {
        number
        for cell in re.findall(r"^\| ([\d, -]+) \|", page, re.MULTILINE)
        for number in _numbers(cell)
    }
    untested = page.partition("## Rules that nothing here")[2].partition("\n## ")[0]
    starts = re.findall(r"^- ([\d, ]+)", untested, re.MULTILINE)
    return held, {number for start in starts for number in _numbers(start)}


def test_every_rule_is_held_or_said_to_be_without_a_test() -> None:
    held, untested = _documented()
    assert held | untested == set(_RULES)
    assert not held & untested


def test_every_rule_that_is_held_has_a_test_of_its_number() -> None:
    held, untested = _documented()
    assert held - _tested() == set()
    assert _tested() & untested == set()
