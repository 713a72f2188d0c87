"""What arrives is what was sent, to the last digit and microsecond."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    StringType,
    TimestampType,
    TimestamptzType,
)

ZONE = timezone(timedelta(hours=5, minutes=30))
BIG = "9" * 36 + ".25"

# PostgreSQL type: its type in the lake, and values as (Arrow, JSON of a RECORD).
TYPES = {
    "boolean": (BooleanType(), [(True, True), (False, False)]),
    "smallint": (IntegerType(), [(-32768, -32768)]),
    "integer": (IntegerType(), [(2**31 - 1, 2**31 - 1)]),
    "bigint": (LongType(), [(-(2**63), -(2**63)), (2**63 - 1, 2**63 - 1)]),
    "real": (FloatType(), [(0.5, 0.5)]),
    "double precision": (DoubleType(), [(0.1, 0.1), (1e300, 1e300)]),
    "numeric(5,2)": (DecimalType(5, 2), [(Decimal("-999.99"), -999.99)]),
    "numeric(38,2)": (DecimalType(38, 2), [(Decimal(BIG), BIG)]),
    "numeric": (StringType(), [("1.50", "1.50"), ("NaN", "NaN")]),
    "text": (StringType(), [("", ""), ("Zoë\n\t'\"\\", "Zoë\n\t'\"\\")]),
    "character varying(3)": (StringType(), [("abc", "abc")]),
    "bytea": (BinaryType(), [(b"\x00\xff", "00ff"), (b"", "")]),
    "date": (DateType(), [(date(2024, 2, 29), "2024-02-29")]),
    "time without time zone": (StringType(), [("24:00:00", "24:00:00")]),
    "timestamp without time zone": (
        TimestampType(),
        [(datetime(2024, 2, 29, 1, 2, 3, 456789), "2024-02-29T01:02:03.456789")],
    ),
    "timestamp with time zone": (
        TimestamptzType(),
        [
            (datetime(1900, 1, 1, tzinfo=UTC), "1900-01-01T00:00:00+00:00"),
            (datetime(2024, 1, 1, 1, 2, 3, 1, ZONE), "2024-01-01T01:02:03.000001+05:30"),
        ],
    ),
    "uuid": (StringType(), [("6f0e0b3e-8a52-4b1d-9d5c-000000000001",) * 2]),
    "jsonb": (StringType(), [('{"a": [1, null]}', {"a": [1, None]})]),
    "integer[]": (StringType(), [("{1,NULL,3}", "{1,NULL,3}")]),
    "interval": (StringType(), [("P1Y2M3DT4H5M6.7S",) * 2]),
}


def _stream(players, datatype):
    players.stream = "public-values"
    players.schema(value=datatype)
    return players


@pytest.mark.parametrize("datatype", TYPES)
def test_f15_f16_f17_values_are_exact(run, reader, players, datatype):
    expected_type, values = TYPES[datatype]
    stream = _stream(players, datatype)
    arrow = [None, *(value for value, _ in values)]
    as_json = [None, *(value for _, value in values)]
    rows = [{"id": number, "name": None, "value": value} for number, value in enumerate(arrow)]
    outcome = run([stream.schema(), stream.batch(rows), stream.state(rows_read=len(rows))])
    assert outcome.error is None
    records = [{"id": number, "name": None, "value": v} for number, v in enumerate(as_json)]
    outcome = run([stream.schema(), *stream.records(records), stream.state()])
    assert outcome.error is None

    found = reader.rows("values", "id", "value")
    by_batch, by_record = found[: len(arrow)], found[len(arrow) :]
    assert by_batch == list(enumerate(arrow))
    assert [number for number, _ in by_record] == list(range(len(arrow)))
    for (_, got), want in zip(by_record, arrow, strict=True):
        if datatype == "jsonb" and want is not None:
            assert json.loads(got) == json.loads(want)
        else:
            assert got == want
    assert reader.table("values").schema().find_type("value") == expected_type


def test_every_version_says_where_it_comes_from(run, reader, players):
    run([players.schema(), players.batch([{"id": 1, "name": "a"}]), players.state(rows_read=1)])
    (row,) = reader.rows("players")
    assert row["_sdc_extracted_at"] == players.snapshot_time
    assert row["_sdc_received_at"] <= row["_sdc_batched_at"] <= datetime.now(tz=UTC)
    assert row["_sdc_deleted_at"] is None


def test_columns_bear_the_source_s_descriptions(run, reader, players):
    players.properties["name"]["description"] = "Full name."
    run([players.schema(), players.state()])
    assert reader.table("players").schema().find_field("name").doc == "Full name."


def test_a_column_may_have_any_name(run, reader, players):
    names = ["with space", "with.dot", "3rd", "Größe", 'quo"te']
    players.schema(**dict.fromkeys(names, "integer"))
    row = {"id": 1, "name": "a", **{name: number for number, name in enumerate(names)}}
    assert run(players.full_refresh([row])).error is None
    assert run(players.full_refresh([row])).error is None
    (found,) = reader.rows("players")
    assert {name: found[name] for name in row} == row


def test_f33_f34_tables_are_append_only_zstd_parquet_of_format_2(run, reader, players):
    run(players.full_refresh([{"id": 1, "name": "a"}]))
    table = reader.table("players")
    assert table.format_version == 2
    assert table.properties["write.parquet.compression-codec"] == "zstd"
    assert table.properties["write.metadata.delete-after-commit.enabled"] == "true"
    assert not any(column.required for column in table.schema().fields)
    assert {s.summary.operation.value for s in table.snapshots()} == {"append"}
