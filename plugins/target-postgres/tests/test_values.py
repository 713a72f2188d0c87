"""Values arrive exactly, as records and as batch files, on a server that is not in UTC."""

from __future__ import annotations

import itertools
import struct
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import psycopg
import pyarrow as pa
import pytest
from columnar_singer import odd_values
from columnar_singer.batch_files import write_batch_files
from columnar_singer.types import arrow_schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

UUID = "3b241101-e2bb-4255-8caf-4136c566a962"
MOMENT = datetime(2026, 3, 29, 1, 30, 0, 123456)
ODD_TEXT = "é ✓ \\N \\. \"quoted\", 'it''s'\ttab\r\nnew line\n\\.\n 𝄞 "

# datatype, value in an Arrow file, value in a RECORD, what PostgreSQL prints
CASES = [
    ("boolean", True, True, "true"),
    ("smallint", -32768, -32768, "-32768"),
    ("integer", 2**31 - 1, 2**31 - 1, "2147483647"),
    ("bigint", -(2**63), -(2**63), "-9223372036854775808"),
    ("bigint", 2**63 - 1, 2**63 - 1, "9223372036854775807"),
    ("real", 0.1, 0.1, "0.1"),
    ("real", 16777216.0, 16777216, "1.6777216e+07"),
    ("double precision", 0.1 + 0.2, 0.1 + 0.2, "0.30000000000000004"),
    ("double precision", 5e-324, 5e-324, "5e-324"),
    ("double precision", float("nan"), "NaN", "NaN"),
    ("double precision", float("-inf"), "-Infinity", "-Infinity"),
    ("numeric(12,2)", Decimal("-1.50"), "-1.50", "-1.50"),
    ("numeric(38,20)", Decimal("1.00000000000000000001"), "1.00000000000000000001", None),
    ("numeric(3,0)", Decimal("7"), 7, "7"),
    ("numeric", "12345678901234567890.123456789012345678901234567890", None, None),
    ("numeric", "1.500", "1.500", "1.500"),
    ("numeric(50,10)", "1234567890123456789012345678901234567890.0123456789", None, None),
    ("text", "", "", ""),
    ("text", ODD_TEXT, ODD_TEXT, ODD_TEXT),
    ("character varying(20)", "  blanks  ", "  blanks  ", "  blanks  "),
    ("character(5)", "ab   ", "ab   ", "ab"),
    ("bytea", b"\x00\xff\\x\n", "00ff5c780a", "\\x00ff5c780a"),
    ("bytea", b"", "", "\\x"),
    ("date", date(1, 1, 1), "0001-01-01", "0001-01-01"),
    ("date", date(9999, 12, 31), "9999-12-31", "9999-12-31"),
    ("time without time zone", "23:59:59.999999", "23:59:59.999999", "23:59:59.999999"),
    ("time without time zone", "24:00:00", "24:00:00", "24:00:00"),
    ("timestamp without time zone", MOMENT, "2026-03-29T01:30:00.123456", None),
    ("timestamp without time zone", MOMENT, "2026-03-29T01:30:00.123456+00:00", None),
    (
        "timestamp with time zone",
        MOMENT.replace(tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
        "2026-03-29T01:30:00.123456-03:30",
        "2026-03-29 05:00:00.123456+00",
    ),
    (
        "timestamp with time zone",
        MOMENT.replace(tzinfo=UTC),
        "2026-03-29T01:30:00.123456Z",
        "2026-03-29 01:30:00.123456+00",
    ),
    ("uuid", UUID, UUID, UUID),
    ("json", '{"b": 1.10,  "a": null}', '{"b": 1.10,  "a": null}', '{"b": 1.10,  "a": null}'),
    ("jsonb", '{"a": 1.10}', '{"a": 1.10}', '{"a": 1.10}'),
    ("integer[]", "{1,NULL,3}", "{1,NULL,3}", "{1,NULL,3}"),
    ("text[]", '{a,"b,c",NULL,""}', '{a,"b,c",NULL,""}', '{a,"b,c",NULL,""}'),
    ("interval", "P1Y2M3DT4H5M6.789S", "P1Y2M3DT4H5M6.789S", "1 year 2 mons 3 days 04:05:06.789"),
    ("int4range", "[1,10)", "[1,10)", "[1,10)"),
    (
        "tstzrange",
        '["2026-01-01 00:00:00+00","2026-01-02 00:00:00+00")',
        '["2026-01-01 00:00:00+00","2026-01-02 00:00:00+00")',
        '["2026-01-01 00:00:00+00","2026-01-02 00:00:00+00")',
    ),
    ("inet", "10.0.0.1/8", "10.0.0.1/8", "10.0.0.1/8"),
    ("point", "(1.5,-2)", "(1.5,-2)", "(1.5,-2)"),
    ("bit varying(8)", "0101", "0101", "0101"),
    ("time with time zone", "10:00:00+02", "10:00:00+02", "10:00:00+02"),
]


@pytest.mark.parametrize("as_batch", [True, False], ids=["batch", "record"])
def test_every_mapped_type_arrives_exactly(loaded, stream, state_of, tmp_path, as_batch):
    """Failures 15, 16, 17, 19, 21."""
    types = {f"c{number}": case[0] for number, case in enumerate(CASES)}
    a = stream("public-a", {"id": "integer", **types})
    nulls = dict.fromkeys(types)
    if as_batch:
        row = {f"c{number}": case[1] for number, case in enumerate(CASES)}
        loaded.run(
            a.schema(), a.batch(tmp_path, [{"id": 1, **row}, {"id": 2, **nulls}]), state_of(a={})
        )
    else:
        row = {
            f"c{number}": case[1] if case[2] is None else case[2]
            for number, case in enumerate(CASES)
        }
        loaded.run(a.schema(), a.record(id=1, **row), a.record(id=2, **nulls))
    printed = ", ".join(f"{name}::text" for name in types)
    ((*values,), (*empty,)) = loaded.query(f"select {printed} from raw.a order by id")
    expected = [str(arrow) if printed is None else printed for _, arrow, _, printed in CASES]
    assert values == expected
    assert set(empty) == {None}
    created = loaded.query(
        "select format_type(atttypid, atttypmod) from pg_attribute "
        "where attrelid = 'raw.a'::regclass and attnum > 0 and attname like 'c%' order by attnum"
    )
    assert [row[0] for row in created] == list(types.values())


_names = itertools.count()
_PROPERTY = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_TEXTS = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]))
_NUMERICS = st.decimals(
    allow_nan=False, allow_infinity=False, places=9, min_value=-(10**20), max_value=10**20
)
_TIMES = st.datetimes(timezones=st.timezones() | st.none())
_DOUBLES = st.floats(width=64)


def _round_trip(loaded, stream, state_of, tmp_path, datatype, values, as_batch):
    name = f"p{next(_names)}"
    a = stream(f"public-{name}", {"id": "integer", "v": datatype})
    if as_batch:
        rows = [{"id": number, "v": value} for number, value in enumerate(values)]
        loaded.run(a.schema(), a.batch(tmp_path, rows), state_of(**{name: {}}))
    else:
        records = [a.record(id=number, v=_json(value)) for number, value in enumerate(values)]
        loaded.run(a.schema(), *records)
    return [row[0] for row in loaded.query(f"select v from raw.{name} order by id")]


def _json(value):
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


@_PROPERTY
@given(values=st.lists(_TEXTS, max_size=20), as_batch=st.booleans())
def test_any_text_arrives(loaded, stream, state_of, tmp_path, values, as_batch):
    arguments = (loaded, stream, state_of, tmp_path, "text", values, as_batch)
    assert _round_trip(*arguments) == (values if values else [])


@_PROPERTY
@given(values=st.lists(_NUMERICS, max_size=20), as_batch=st.booleans())
def test_any_numeric_arrives(loaded, stream, state_of, tmp_path, values, as_batch):
    """Failure 15: nothing is rounded."""
    for datatype in ("numeric(38,9)", "numeric"):
        given_values = values if datatype != "numeric" else [str(value) for value in values]
        found = _round_trip(loaded, stream, state_of, tmp_path, datatype, given_values, as_batch)
        assert found == values


@_PROPERTY
@given(values=st.lists(_TIMES, max_size=20), as_batch=st.booleans())
def test_any_time_arrives(loaded, stream, state_of, tmp_path, values, as_batch):
    """Failure 16: microseconds, and no shift by the server's zone."""
    try:
        aware = [
            (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
            for value in values
        ]
    except OverflowError:
        return  # before the year 1 or after 9999 in UTC
    naive = [value.replace(tzinfo=None) for value in aware]
    for datatype, moments in (
        ("timestamp with time zone", aware),
        ("timestamp without time zone", naive),
    ):
        found = _round_trip(loaded, stream, state_of, tmp_path, datatype, moments, as_batch)
        assert found == moments


@_PROPERTY
@given(values=st.lists(_DOUBLES, max_size=20))
def test_any_double_arrives(loaded, stream, state_of, tmp_path, values):
    found = _round_trip(loaded, stream, state_of, tmp_path, "double precision", values, True)
    bits = [struct.pack("d", value) for value in found if value == value]
    assert bits == [struct.pack("d", value) for value in values if value == value]


REJECTED = [
    ("smallint", 32768, "32768"),
    ("character varying(2)", "abc", "abc"),
    ("int4range", "[5,1)", "[5,1)"),
    ("text", "nul \0 byte", "nul \\u0000 byte"),
    ("jsonb", "{", "{"),
    ("json", "[1", "[1"),
    ("inet", "here", "here"),
    ("interval[]", "{1 day", "{1 day"),
]


@pytest.mark.parametrize("is_there", [True, False], ids=["merged", "new"])
@pytest.mark.parametrize(("datatype", "value", "text"), REJECTED)
def test_f10_value_that_does_not_fit_goes_to_quarantine(
    loaded, stream, state_of, tmp_path, datatype, value, text, is_there
):
    a = stream("public-a", {"id": "integer", "k": "text", "v": datatype}, ["id", "k"])
    if is_there:
        loaded.run(a.schema())
    rows = [{"id": number, "k": "x", "v": None} for number in range(6)]
    rows[1]["v"] = rows[4]["v"] = value
    loaded.run(a.schema(), a.batch(tmp_path, rows), state_of(a={}), run_id="r")
    assert loaded.query("select id, v::text from raw.a order by id") == [
        (n, None) for n in range(6)
    ]
    found = loaded.query(
        "select run_id, stream, table_name, key::jsonb, column_name, original_text, "
        "q._sdc_sequence = a._sdc_sequence, reason <> '' "
        "from raw.quarantine as q join raw.a on q.key::jsonb ->> 'id' = id::text order by a.id"
    )
    assert found == [
        ("r", "public-a", "a", {"id": str(number), "k": "x"}, "v", text, True, True)
        for number in (1, 4)
    ]
    assert loaded.log("rows_committed, rows_rejected")[-1] == (6, 2)


ODD = [
    ("date", "infinity"),
    ("date", "-infinity"),
    ("date", "4713-01-01 BC"),
    ("timestamp without time zone", "infinity"),
    ("timestamp with time zone", "-infinity"),
    ("timestamp with time zone", "294276-12-31 23:59:59.999999+00"),
    ("timestamp without time zone", "0044-03-15 12:00:00 BC"),
    ("numeric(10,2)", "NaN"),
    ("numeric", "-Infinity"),
]


@pytest.mark.parametrize("is_there", [True, False], ids=["merged", "new"])
@pytest.mark.parametrize(("datatype", "text"), ODD)
def test_f20_odd_values_arrive_exactly(
    loaded, stream, state_of, tmp_path, datatype, text, is_there
):
    a = stream("public-a", {"id": "integer", "v": datatype})
    if is_there:
        loaded.run(a.schema())
    schema = arrow_schema(a.properties)
    batch = pa.RecordBatch.from_pylist([{"id": n, "v": None} for n in range(3)], schema=schema)
    odd = odd_values.attach(batch, [odd_values.OddValue(1, "v", text, "not in Arrow")])
    files = write_batch_files([odd], tmp_path, schema, extracted_at=datetime.now(tz=UTC))
    message = {**a.batch(tmp_path, []), "manifest": [file.url for file in files]}
    loaded.run(a.schema(), message, state_of(a={}))
    found = loaded.query("select id, v::text from raw.a order by id")
    assert found == [(0, None), (1, text), (2, None)]
    assert loaded.log("rows_rejected")[-1] == (0,)
    assert loaded.query("select to_regclass('raw.quarantine')") == [(None,)]


def test_f20_odd_value_that_this_server_does_not_know(loaded, stream, state_of, tmp_path):
    """Of a newer version, say; its neighbours arrive."""
    a = stream("public-a", {"id": "integer", "v": "date"})
    schema = arrow_schema(a.properties)
    batch = pa.RecordBatch.from_pylist([{"id": n, "v": None} for n in range(2)], schema=schema)
    values = [
        odd_values.OddValue(0, "v", "infinity", "not in Arrow"),
        odd_values.OddValue(1, "v", "the day of days", "not in Arrow"),
    ]
    odd = odd_values.attach(batch, values)
    files = write_batch_files([odd], tmp_path, schema, extracted_at=datetime.now(tz=UTC))
    message = {**a.batch(tmp_path, []), "manifest": [file.url for file in files]}
    loaded.run(a.schema(), message, state_of(a={}))
    found = loaded.query("select id, v::text from raw.a order by id")
    assert found == [(0, "infinity"), (1, None)]
    assert loaded.query("select original_text from raw.quarantine") == [("the day of days",)]


def test_f16_times_before_the_year_1_arrive(loaded, stream, state_of, tmp_path):
    a = stream("public-a", {"id": "integer", "v": "date"})
    loaded.run(a.schema(), a.batch(tmp_path, [{"id": 1, "v": -719163}]), state_of(a={}))
    assert loaded.query("select v::text from raw.a") == [("0001-12-31 BC",)]


@pytest.mark.parametrize("is_there", [True, False], ids=["merged", "new"])
def test_uuids_in_every_way_of_writing(loaded, stream, state_of, tmp_path, is_there):
    a = stream("public-a", {"id": "integer", "v": "uuid"})
    if is_there:
        loaded.run(a.schema())
    ways = [UUID, UUID.upper(), "{" + UUID + "}", UUID.replace("-", ""), None, "no uuid", ""]
    rows = [{"id": number, "v": way} for number, way in enumerate(ways)]
    loaded.run(a.schema(), a.batch(tmp_path, rows), state_of(a={}))
    found = [row[0] for row in loaded.query("select v::text from raw.a order by id")]
    assert found == [UUID] * 4 + [None] * 3
    assert loaded.query("select original_text from raw.quarantine order by 1") == [
        ("",),
        ("no uuid",),
    ]


def test_year_20000_arrives(loaded, stream, state_of, tmp_path):
    """Failure 21."""
    a = stream("public-a", {"id": "integer", "v": "date"})
    days = (date(9999, 12, 31) - date(1970, 1, 1)).days + 3652425 + 1
    loaded.run(a.schema(), a.batch(tmp_path, [{"id": 1, "v": days}]), state_of(a={}))
    with psycopg.connect(loaded.url) as connection:
        assert connection.execute("select v::text from raw.a").fetchone() == ("20000-01-01",)


def test_foreign_tap_without_datatypes(loaded, stream):
    """Any Singer tap: plain JSON Schema, nested objects, no key order promised."""
    schema = {
        "type": "SCHEMA",
        "stream": "orders",
        "key_properties": ["id"],
        "schema": {
            "properties": {
                "id": {"type": "integer"},
                "amount": {"type": ["null", "number"]},
                "at": {"type": ["null", "string"], "format": "date-time"},
                "tags": {"type": ["null", "array"], "items": {"type": "string"}},
                "any": {},
                "word": {"type": ["string", "integer"]},
            }
        },
    }
    orders = stream("orders", {})
    loaded.run(
        schema,
        orders.record(id=1, amount=1.25, at="2026-01-01T00:00:00", tags=["a"], any="x", word=7),
        orders.record(id=2),
    )
    rows = loaded.query('select id, amount, at::text, tags, "any", word from raw.orders order by 1')
    assert rows == [
        (1, 1.25, "2026-01-01 00:00:00+00", ["a"], "x", "7"),
        (2, None, None, None, None, None),
    ]
