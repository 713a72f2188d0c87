"""DuckDB's macros for times as Trino rounds them, and as the clocks of a zone give them."""

from __future__ import annotations

TIME_MACROS = {
    # https://trino.io/docs/current/language/types.html#date-and-time
    "trino_floor(n, d)": "n - ((n % d) + d) % d",
    "trino_floor_millis(x)": "make_timestamp(trino_floor(epoch_us(x), 1000))",
    # To steps of so many microseconds, half up.
    "trino_round_at(x, d)": "make_timestamp(trino_floor(epoch_us(x) + d // 2, d))",
    "trino_round_time(x, d)": ("CAST(trino_round_at(CAST('1970-01-01' AS DATE) + x, d) AS TIME)"),
    # Digits beyond the sixth count where the sixth is rounded.
    "trino_six_digits(x)": "regexp_replace(x, '([.][0-9]{6})[0-9]{1,6}(\\s*)$', '\\1\\2')",
    "trino_seventh(x, d)": (
        "to_microseconds(CASE WHEN d = 1 AND regexp_matches(x, "
        "'[.][0-9]{6}[5-9][0-9]{0,5}\\s*$') THEN 1 ELSE 0 END)"
    ),
    "trino_timestamp_of(x, d)": (
        "trino_round_at(trino_timestamp(trino_six_digits(x)), d) + trino_seventh(x, d)"
    ),
    "trino_time_of(x, d)": (
        "trino_round_time(trino_time(trino_six_digits(x)) + trino_seventh(x, d), d)"
    ),
    "trino_minus(a, b)": ("to_microseconds(trino_floor(epoch_us(a) - epoch_us(b) + 500, 1000))"),
    # The parts of milliseconds are rounded on their own, away from nothing.
    # https://trino.io/docs/current/functions/array.html#sequence
    "trino_moments(a, b, step)": (
        "list_transform([[epoch_us(a), epoch_us(b), epoch_us(step)]], lambda u: "
        "CASE WHEN trino_check("
        "u[3] = 0 OR (u[3] > 0 AND u[2] < u[1]) OR (u[3] < 0 AND u[2] > u[1]), "
        "'INVALID_FUNCTION_ARGUMENT: sequence stop value should be greater than or equal to start "
        "value if step is greater than zero otherwise stop should be less than or equal to start') "
        "AND trino_check((u[2] - u[1]) // u[3] >= 10000, 'INVALID_FUNCTION_ARGUMENT: result of "
        "sequence function must not have more than 10000 entries') THEN "
        "list_transform(generate_series(u[1], u[2], u[3]), lambda x: make_timestamp(x)) END)[1]"
    ),
    "trino_zoned_minus(a, b)": (
        "to_microseconds(trino_floor(epoch_us(a), 1000) - trino_floor(epoch_us(b), 1000) + "
        "CASE WHEN trino_part(epoch_us(a)) - trino_part(epoch_us(b)) >= 500 THEN 1000 "
        "WHEN trino_part(epoch_us(a)) - trino_part(epoch_us(b)) <= -500 THEN -1000 ELSE 0 END)"
    ),
    "trino_part(n)": "((n % 1000) + 1000) % 1000",
    "trino_year_of_four(x)": (
        "CASE WHEN trino_check(year(x) NOT BETWEEN 1 AND 9999, 'NOT_SUPPORTED: the text of a year "
        "below 1 or over 9999: the local Athena cannot answer it as Athena does') THEN x END"
    ),
    # A local time of a zone: ICU takes the later of two instants that show it, and moves one that
    # the clocks leave out. Trino takes the earlier, or the one with the offset of where it began.
    # A lambda takes what makes the time, so that it is written once.
    "trino_with_offset_of(z, x, i)": (
        "timezone('UTC', x - to_microseconds(epoch_us(timezone(z, i)) - epoch_us(i)))"
    ),
    "trino_shows(z, x, i)": "CASE WHEN timezone(z, i) = x THEN i END",
    "trino_instant_of(z, x, i)": (
        "coalesce(trino_shows(z, x, trino_with_offset_of(z, x, i)), "
        "trino_shows(z, x, trino_with_offset_of(z, x, timezone(z, x) - INTERVAL 1 DAY)), "
        "CASE WHEN trino_check(timezone(z, timezone(z, x)) <> x, 'NOT_SUPPORTED: a local time that "
        "the clocks of ' || z || ' leave out: the local Athena cannot answer it as Athena does') "
        "THEN timezone(z, x) END)"
    ),
    "trino_instant_near(z, x, i)": (
        "list_transform([{'x': x, 'i': i}], lambda trino_t: "
        "trino_instant_of(z, trino_t.x, trino_t.i))[1]"
    ),
    "trino_instant(z, x)": "trino_instant_near(z, x, CAST(NULL AS TIMESTAMPTZ))",
    # https://trino.io/docs/current/language/types.html#timestamp-p-with-time-zone
    "trino_zone_part(x)": (
        "regexp_extract(x, '^\\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?: [0-9]{1,2}:[0-9]{1,2}"
        "(?::[0-9]{1,2}(?:[.][0-9]+)?)?)?\\s*([A-Za-z+-][^\\s]*)\\s*$', 1)"
    ),
    "trino_zone_named(z)": (
        "CASE WHEN z IN ('', 'UTC', 'Z') THEN 'UTC' WHEN trino_check("
        "regexp_full_match(z, 'T[0-9].*'), 'INVALID_CAST_ARGUMENT: Value cannot be cast to "
        "timestamp: a time after ' || left(z, 1)) AND trino_check(NOT regexp_full_match(z, "
        "'(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific|US)"
        "/[A-Za-z_/-]+'), 'NOT_SUPPORTED: the time zone ' || z || ' of a text: name a zone, as "
        "Europe/Copenhagen') THEN z END"
    ),
    "trino_text_instant(x, d)": (
        "list_transform([{'x': x, 'z': trino_zone_part(x)}], lambda trino_s: "
        "trino_instant(trino_zone_named(trino_s.z), trino_timestamp_of(left(rtrim(trino_s.x), "
        "length(rtrim(trino_s.x)) - length(trino_s.z)), d)))[1]"
    ),
}
