"""Date and time functions: https://trino.io/docs/current/functions/datetime.html."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.casts import cast
from orchestrate.local_athena.translate.coercion import (
    back_to_instant,
    local_timestamp,
    unify,
    value_zone,
)
from orchestrate.local_athena.translate.functions.date_formats import (
    joda_format,
    mysql_format,
    mysql_parse,
)
from orchestrate.local_athena.translate.registry import define
from orchestrate.local_athena.translate.terms import (
    Term,
    cast_node,
    constant_text,
    duck,
    literal,
    not_supported,
)
from orchestrate.local_athena.translate.time_casts import normal_zone
from orchestrate.local_athena.translate.types import (
    BIGINT,
    DATE,
    VARCHAR,
    Type,
    timestamp,
    timestamp_tz,
    with_milliseconds,
)

_DATE_UNITS = ("day", "week", "month", "quarter", "year")
_TIME_UNITS = ("millisecond", "second", "minute", "hour")


def _unit(term: Term, type_: Type) -> str:
    unit = constant_text(term, "a unit of time").lower()
    if unit not in _DATE_UNITS + _TIME_UNITS:
        raise QueryError(
            "INVALID_FUNCTION_ARGUMENT", f"'{unit}' is not a valid {type_.name.upper()} field"
        )
    if type_ == DATE and unit in _TIME_UNITS:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f"'{unit}' is not a valid DATE field")
    return unit


def _trunc(args: list[Term]) -> Term:
    """A date stays a date; a timestamp with time zone is cut in its zone."""
    unit = _unit(args[0], args[1].type)
    local = local_timestamp(args[1], "date_trunc")
    cut = duck(f"date_trunc('{unit}', _1)", local)
    type_ = args[1].type
    if type_.name == "timestamp with time zone" and type_.zone != "UTC" and unit in _TIME_UNITS:
        value_zone(type_, "date_trunc")
        rest = "to_microseconds(epoch_us(_2) - epoch_us(_3))"  # the offset stays
        return Term(duck(f"_1 - {rest}", args[1].node, local, cut), type_)
    return back_to_instant(cut, args[1], type_)


_TO_INTERVAL = {
    "millisecond": "to_milliseconds(_2)",
    "quarter": "to_months(CAST(3 * _2 AS INTEGER))",
    "week": "to_days(CAST(7 * _2 AS INTEGER))",
    "day": "to_days(CAST(_2 AS INTEGER))",
    "month": "to_months(CAST(_2 AS INTEGER))",
    "year": "to_years(CAST(_2 AS INTEGER))",
}


def _add(args: list[Term]) -> Term:
    unit = _unit(args[0], args[2].type)
    step = _TO_INTERVAL.get(unit, f"to_{unit}s(_2)")
    result = with_milliseconds(args[2].type)
    if unit in _TIME_UNITS:  # hours are of the instant, days and months of the calendar
        return Term(duck(f"_1 + {step}", args[2], args[1]), result)
    local = local_timestamp(args[2], "date_add")
    return back_to_instant(duck(f"_1 + {step}", local, args[1].node), args[2], result)


def _diff(args: list[Term]) -> Term:
    """Whole units between, as DuckDB's date_sub; its date_diff counts the borders crossed."""
    first, second = unify(args[1:], "date_diff")
    unit = _unit(args[0], first.type)
    if first.type.name == "timestamp with time zone" and unit not in _TIME_UNITS:
        zone = value_zone(first.type, "date_diff")
        first, second = (
            Term(duck(f"timezone('{zone}', _1)", t), timestamp(6)) for t in (first, second)
        )
    if first.type.params and first.type.params[0] > 3:  # whole milliseconds are compared
        first, second = (
            Term(duck("trino_floor_millis(_1)", term), timestamp(3)) for term in (first, second)
        )
    return Term(duck(f"date_sub('{unit}', _1, _2)", first, second), BIGINT)


define("date_trunc(varchar, instant)", _trunc)
define("date_add(varchar, bigint, instant)", _add)
define("date_diff(varchar, instant, instant)", _diff)


def _part(name: str, made: str, *, of_time: bool = False) -> None:
    def rule(args: list[Term]) -> Term:
        if args[0].type == DATE and of_time:
            raise QueryError(
                "FUNCTION_NOT_FOUND", f"Unexpected parameters (date) for function {name}"
            )
        local = local_timestamp(args[0], name)
        return Term(cast_node(duck(made, local), BIGINT), BIGINT)

    define(f"{name}(instant)", rule)
    if of_time:
        define(f"{name}(time) -> bigint", f"CAST({made} AS BIGINT)")


for _name, _made in {
    "year": "year(_1)", "quarter": "quarter(_1)", "month": "month(_1)", "day": "day(_1)",
    "day_of_month": "day(_1)", "day_of_week": "isodow(_1)", "dow": "isodow(_1)",
    "day_of_year": "dayofyear(_1)", "doy": "dayofyear(_1)", "week": "week(_1)",
    "week_of_year": "week(_1)", "year_of_week": "isoyear(_1)", "yow": "isoyear(_1)",
}.items():  # fmt: skip
    _part(_name, _made)
for _name, _made in {
    "hour": "hour(_1)", "minute": "minute(_1)", "second": "second(_1)",
    "millisecond": "date_part('millisecond', _1) % 1000",
}.items():  # fmt: skip
    _part(_name, _made, of_time=True)

define(
    "last_day_of_month(instant)",
    lambda args: Term(duck("last_day(_1)", local_timestamp(args[0], "last_day_of_month")), DATE),
)
define("date(instant)", lambda args: cast(args[0], DATE))
define("date(varchar)", lambda args: cast(args[0], DATE))


def _now(precision: int) -> exp.Expr:
    now = duck("timezone('UTC', now())")
    if precision == 6:
        return now
    step = 10 ** (6 - precision)
    return duck(f"make_timestamp(epoch_us(_1) // {step} * {step})", now)


def _given(args: list[Term]) -> int:
    return int(args[0].value) if args else 3


for _arity in ("", "integer"):
    for _name in ("now", "current_timestamp") if not _arity else ("current_timestamp",):
        define(
            f"{_name}({_arity})",
            lambda args: Term(
                duck("timezone('UTC', _1)", _now(_given(args))), timestamp_tz(_given(args))
            ),
        )
    define(
        f"localtimestamp({_arity})",
        lambda args: Term(_now(_given(args)), timestamp(_given(args))),
    )
define("current_date() -> date", "CAST(timezone('UTC', now()) AS DATE)")
define("current_timezone() -> varchar", "'UTC'")


def _zoned(made: str) -> Callable[[list[Term]], Term]:
    def rule(args: list[Term]) -> Term:
        digits = args[0].type.params[0] if args[0].type.params else 3
        if not args[1].is_constant:
            node = duck(made, args[0].node, args[1].node)
            return Term(node, timestamp_tz(digits, zone=""), row_zone=args[1].node)
        zone = normal_zone(constant_text(args[1], "a time zone"))
        read = "timezone('UTC', _1)" if zone == "UTC" and "near" in made else made
        node = duck(read, args[0].node, literal(zone))
        return Term(node, replace(timestamp_tz(digits), zone=zone))

    return rule


# The instant stays, the zone it is shown in changes.
define("at_timezone(timestamptz, varchar)", _zoned("_1"))
define("at_timezone(timestamp, varchar)", _zoned("timezone('UTC', _1)"))
# Of two instants with one local time: with the offset at that time of UTC.
define(
    "with_timezone(timestamp, varchar)",
    _zoned("trino_instant_near(_2, _1, timezone('UTC', _1))"),
)
define(
    "from_unixtime(double)",
    lambda args: Term(duck("trino_from_unixtime(_1)", args[0]), timestamp_tz(3)),
)


def _from_unixtime_at(args: list[Term]) -> Term:
    zone = normal_zone(constant_text(args[1], "a time zone"))
    return Term(duck("trino_from_unixtime(_1)", args[0]), timestamp_tz(3, zone))


define("from_unixtime(double, varchar)", _from_unixtime_at)
define("to_unixtime(timestamp) -> double", "epoch(_1)")
define("to_unixtime(timestamptz) -> double", "epoch(_1)")
define("human_readable_seconds(double) -> varchar", "trino_readable_seconds(_1)")
define("parse_duration(varchar) -> interval day to second", "trino_duration(_1)")
define("to_milliseconds(interval day to second) -> bigint", "epoch_ms(_1)")


def _format(rule: Callable[[str], str], name: str) -> Callable[[list[Term]], Term]:
    def made(args: list[Term]) -> Term:
        pattern = rule(constant_text(args[1], f"the pattern of {name}"))
        local = local_timestamp(args[0], name)
        node = duck(
            "strftime(date_trunc('millisecond', CAST(trino_year_of_four(_1) AS TIMESTAMP)), _2)",
            local,
            literal(pattern),
        )
        return Term(node, VARCHAR)

    return made


define("date_format(instant, varchar)", _format(mysql_format, "date_format"))
define("format_datetime(instant, varchar)", _format(joda_format, "format_datetime"))


def _parse(args: list[Term]) -> Term:
    pattern, checked = mysql_parse(constant_text(args[1], "the pattern of date_parse"))
    node = duck(
        "CASE WHEN trino_check(NOT regexp_full_match(_1, _3), 'INVALID_FUNCTION_ARGUMENT: Invalid "
        "format: \"' || _1 || '\"') THEN trino_truncated(strptime('1970 ' || _1, _2)) END",
        args[0].node,
        literal(pattern),
        literal(checked),
    )
    return Term(node, timestamp(3))


define("date_parse(varchar, varchar)", _parse)


def _iso(args: list[Term]) -> Term:
    """`Z` stands for UTC."""
    source = args[0].type
    if source == DATE:
        return Term(duck("CAST(trino_year_of_four(_1) AS VARCHAR)", args[0]), VARCHAR)
    text = f"replace(trino_timestamp_text(trino_year_of_four(_1), {source.params[0]}), ' ', 'T')"
    if source.name == "timestamp":
        return Term(duck(text, args[0]), VARCHAR)
    if source.zone != "UTC":
        raise not_supported(f"to_iso8601 in the zone {source.zone}", "convert to UTC")
    local = local_timestamp(args[0], "to_iso8601")
    return Term(duck(f"{text} || 'Z'", local), VARCHAR)


define("to_iso8601(instant)", _iso)
define(
    "from_iso8601_date(varchar) -> date",
    "CASE WHEN trino_check(NOT regexp_full_match(_1, '[0-9]{4}-[0-9]{2}-[0-9]{2}'), "
    "'NOT_SUPPORTED: "
    "from_iso8601_date of another form than YYYY-MM-DD') THEN CAST(_1 AS DATE) END",
)
define(
    "from_iso8601_timestamp(varchar)",
    lambda args: Term(
        duck(
            "CASE WHEN trino_check(NOT regexp_full_match(_1, '[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:"
            "[0-9]{2}(:[0-9]{2}([.][0-9]{1,3})?)?Z?)?'), 'NOT_SUPPORTED: from_iso8601_timestamp of "
            "another form than YYYY-MM-DDTHH:MM:SS.fffZ') THEN timezone('UTC', "
            "trino_timestamp(replace(rtrim(_1, 'Z'), 'T', ' '))) END",
            args[0],
        ),
        timestamp_tz(3),
    ),
)
