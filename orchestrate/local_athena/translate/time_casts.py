"""CAST to dates and times: what is read, and how it is rounded.

https://trino.io/docs/current/language/types.html#date-and-time
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlglot import exp

from orchestrate.local_athena.translate.coercion import coerce, local_timestamp
from orchestrate.local_athena.translate.terms import Term, duck, not_supported
from orchestrate.local_athena.translate.types import DATE, Type

# 2020-01-01 10:00:00 Europe/Paris, … +01:00, … UTC
_ZONED = re.compile(r"^\s*\S+(?:\s+[\d:.]+)?\s*(?P<zone>[A-Za-z][\w/+:-]*|[+-]\d\d:?\d\d)\s*$")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d (?:[01]\d|2[0-3]):\d\d:\d\d(?:\.(\d{1,6}))?")


def to_date(term: Term, target: Type) -> Term | None:
    """Convert to a date."""
    if isinstance(term.value, str) and _DATE.fullmatch(term.value):
        return Term(duck("CAST(_1 AS DATE)", term), target)  # plain, so that partitions are pruned
    if term.type.is_text:
        return Term(duck("trino_date(_1)", term), target)
    if term.type.is_temporal:
        local = local_timestamp(term, "the date of a timestamp with time zone")
        return Term(duck("CAST(_1 AS DATE)", local), target)
    return None


def _rounded(node: exp.Expr, given: int, wanted: int) -> exp.Expr:
    """Round a TIMESTAMP from `given` to `wanted` digits of the second."""
    return duck(f"trino_round_at(_1, {_step(wanted)})", node) if wanted < given else node


def _step(digits: int) -> int:
    """Give the microseconds of the last of so many digits of the second."""
    return int(10 ** (6 - digits))


def _timestamp_node(node: exp.Expr, value: object, digits: int) -> exp.Expr:
    """Read a TIMESTAMP; a full literal becomes a plain one, so that partitions are pruned."""
    found = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if found and len(found[1] or "") <= digits:
        return duck("CAST(_1 AS TIMESTAMP)", node)
    step = _step(digits)
    if isinstance(node, exp.Column | exp.Literal):
        return duck(f"trino_timestamp_of(_1, {step})", node)
    # The macros write their argument some ten times: DuckDB would plan a long one for seconds.
    once = f'list_transform([_1], lambda "trino_text": trino_timestamp_of("trino_text", {step}))[1]'
    return duck(once, node)


def to_timestamp(term: Term, target: Type) -> Term | None:
    """Convert to a timestamp."""
    digits = target.params[0]
    if term.type.is_text:
        return Term(_timestamp_node(term.node, term.value, digits), target)
    if term.type == DATE:
        return Term(duck("CAST(_1 AS TIMESTAMP)", term), target)
    if term.type.is_temporal:
        local = local_timestamp(term, "the local time of a timestamp with time zone")
        return Term(_rounded(local, term.type.params[0], digits), target)
    return None


def to_zoned(term: Term, target: Type) -> Term | None:
    """Convert to a timestamp with time zone."""
    digits = target.params[0]
    if term.type.is_text:
        return _text_to_zoned(term, target)
    if term.type.name == "timestamp with time zone":
        zone = term.type.zone
        node = term.node
        if digits < term.type.params[0]:
            local = _rounded(duck("timezone('UTC', _1)", term), term.type.params[0], digits)
            node = duck("timezone('UTC', _1)", local)
        return Term(node, replace(target, zone=zone), row_zone=term.row_zone)
    if term.type.name == "timestamp":
        node = _rounded(term.node, term.type.params[0], digits)
        return coerce(Term(node, term.type), target)
    return coerce(term, target) if term.type.is_temporal else None


def _text_to_zoned(term: Term, target: Type) -> Term:
    digits = target.params[0]
    if not isinstance(term.value, str):
        # The zone is in the text, so what is shown of it differs from row to row.
        node = duck(f"trino_text_instant(_1, {_step(digits)})", term)
        return Term(node, replace(target, zone=""))
    found = _ZONED.match(term.value)
    zone = normal_zone(found["zone"] if found else "UTC")
    local = term.value[: found.start("zone")].strip() if found else term.value
    moment = _timestamp_node(exp.Literal.string(local), local, digits)
    read = "timezone(_2, _1)" if _is_once(local, zone) else "trino_instant(_2, _1)"
    return Term(duck(read, moment, exp.Literal.string(zone)), replace(target, zone=zone))


def _is_once(local: str, zone: str) -> bool:
    """Say whether the clocks of a zone surely show a time once; it then stays plain to prune by."""
    try:
        moment = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone))
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return zone == "UTC"
    return moment.utcoffset() == moment.replace(fold=1).utcoffset()


def normal_zone(zone: str) -> str:
    """Give a zone's name as Trino shows it.

    Raises:
        QueryError: It is an offset, which DuckDB reads with the opposite sign.
    """
    if zone in ("Z", "+00:00", "-00:00"):
        return "UTC"
    if re.fullmatch(r"[+-]\d\d:?\d\d", zone):
        raise not_supported(f"time zone offset {zone}", "name a zone, as Europe/Copenhagen")
    return zone


def to_time(term: Term, target: Type) -> Term | None:
    """Convert to a time of day; one that is rounded up to 24 hours is 0."""
    digits = target.params[0]
    if term.type.is_text:
        return Term(duck(f"trino_time_of(_1, {_step(digits)})", term), target)
    if term.type.name == "time":
        if digits >= term.type.params[0]:
            return Term(term.node, target)
        return Term(duck(f"trino_round_time(_1, {_step(digits)})", term), target)
    if term.type.name == "timestamp":
        moment = _rounded(term.node, term.type.params[0], digits)
        return Term(duck("CAST(_1 AS TIME)", moment), target)
    return None
