"""The rules of Trino's functions, a module for each page of its documentation."""

from __future__ import annotations

from orchestrate.local_athena.translate.functions import (
    aggregates,
    arrays,
    binary,
    conditionals,
    dates,
    formats,
    json,
    maps,
    numbers,
    regexps,
    strings,
    urls,
    windows,
)

__all__ = [
    "aggregates",
    "arrays",
    "binary",
    "conditionals",
    "dates",
    "formats",
    "json",
    "maps",
    "numbers",
    "regexps",
    "strings",
    "urls",
    "windows",
]
