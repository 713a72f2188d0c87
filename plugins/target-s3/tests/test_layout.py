"""Partitions, order, file size and properties of tables, as the settings say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from columnar_singer.errors import UserError
from pyiceberg.expressions import EqualTo
from target_s3.layout import Layout

START = datetime(2026, 1, 30, tzinfo=UTC)
DATATYPES = {
    "at": "timestamp with time zone",
    "day": "date",
    "price": "numeric(9,2)",
    "flag": "boolean",
}


def _rows(count):
    return [
        {
            "id": number,
            "name": None if number % 7 == 0 else f"name {number % 5}",
            "at": START + timedelta(hours=number),
            "day": None if number % 11 == 0 else date(2026, 1, 1 + number % 3),
            "price": Decimal(number) / 4,
            "flag": number % 2 == 0,
        }
        for number in range(count)
    ]


@pytest.fixture
def sales(players):
    players.stream = "public-sales"
    players.schema(**DATATYPES)
    return players


def _content(reader):
    columns = ["id", "name", "at", "day", "price", "flag"]
    return [dict(zip(columns, row, strict=True)) for row in reader.rows("sales", *columns)]


@pytest.mark.parametrize(
    ("partitions", "count"),
    [
        (["month(at)"], 2),
        (["day(at)", "flag"], 10),
        (["name"], 6),
        (["day"], 4),
        (["bucket(4, id)"], 4),
        (["truncate(4, name)"], 2),
        (["truncate(1000, price)", "year(day)"], 6),
    ],
    ids=str,
)
def test_tables_are_partitioned(run, reader, sales, monkeypatch, partitions, count):
    monkeypatch.setattr("target_s3.spill.PART_BYTES", 1)
    monkeypatch.setattr("target_s3.partitions._PARTS", 4)
    rows = _rows(100)
    settings = {"partition_by": {"public-s*": partitions}}
    batch = sales.batch(rows, rows_per_file=30)
    assert run([sales.schema(), batch, sales.state(rows_read=100)], **settings).error is None
    assert _content(reader) == rows
    table = reader.table("sales")
    files = list(table.scan().plan_files())
    assert len({str(each.file.partition) for each in files}) == len(files) == count
    assert reader.load_log()[-1]["rows_committed"] == 100
    few = table.scan(row_filter=EqualTo("id", 17)).to_arrow().num_rows
    assert few == 1, "statistics and partitions lead to the row"


def test_partitions_prune(run, reader, sales):
    run([sales.schema(), sales.batch(_rows(100)), sales.state()], partition_by={"*": ["day(at)"]})
    scan = reader.table("sales").scan(row_filter="at < '2026-01-31T00:00:00+00:00'")
    assert len(list(scan.plan_files())) == 1
    assert scan.to_arrow().num_rows == 24


def test_a_partitioned_table_is_refreshed_as_any_other(run, reader, sales):
    settings = {"partition_by": {"public-sales": ["month(at)"]}}
    rows = _rows(50)
    run(sales.full_refresh(rows), **settings)
    run(sales.full_refresh([{**rows[0], "flag": None}, *rows[2:]]), **settings)
    assert len(reader.rows("sales")) == 52
    assert {row["id"] for row in reader.current("sales", "id")} == {0, *range(2, 50)}


def test_partitions_of_a_table_change_for_new_files(run, reader, sales):
    rows = _rows(20)
    changes = []
    for number, partitions in enumerate([None, ["day(at)"], ["flag"], None, []]):
        settings = {} if partitions is None else {"partition_by": {"*": partitions}}
        part = rows[4 * number : 4 * number + 4]
        assert run([sales.schema(), sales.batch(part), sales.state()], **settings).error is None
        changes.append(reader.load_log()[-1]["schema_changes"])
    assert _content(reader) == rows
    assert changes == [
        '["created table"]',
        '["partitioned by at_day"]',
        '["partitioned by flag"]',
        "[]",
        '["partitioned by nothing"]',
    ]


def test_rows_are_sorted_and_the_metadata_say_so(run, reader, sales):
    settings = {"sort_by": {"*": ["flag", "price desc"]}}
    run([sales.schema(), sales.batch(_rows(50)), sales.state()], **settings)
    table = reader.table("sales")
    assert [each.direction.value for each in table.sort_order().fields] == ["asc", "desc"]
    (file,) = [each.file for each in table.scan().plan_files()]
    assert file.sort_order_id == table.sort_order().order_id
    with table.io.new_input(file.file_path).open() as stream:
        parquet = pq.ParquetFile(stream)
        rows = parquet.read(["flag", "price"])
        sorting = parquet.metadata.row_group(0).sorting_columns
    assert rows == rows.sort_by([("flag", "ascending"), ("price", "descending")])
    assert [each.descending for each in sorting] == [False, True]

    run([sales.schema(), sales.state()], sort_by={"*": ["id"]})
    assert len(reader.table("sales").sort_order().fields) == 1


def test_f34_file_size_and_properties_are_set_per_stream(run, reader, sales, monkeypatch):
    monkeypatch.setattr("target_s3.staging.ROW_GROUP_BYTES", 1)
    settings = {
        "target_file_size_mb": {"public-sales": 1, "*": 512},
        "table_properties": {"public-s*": {"write.metadata.metrics.default": "counts"}},
    }
    run([sales.schema(), sales.batch(_rows(10)), sales.state()], **settings)
    properties = reader.table("sales").properties
    assert properties["write.target-file-size-bytes"] == str(2**20)
    assert properties["write_target_data_file_size_bytes"] == str(2**20)
    assert properties["optimize_rewrite_min_data_file_size_bytes"] == str(3 * 2**18)
    assert properties["write.metadata.metrics.default"] == "counts"
    settings["table_properties"] = {"*": {"owner": "sales"}}
    run([sales.schema(), sales.batch(_rows(10)), sales.state()], **settings)
    assert reader.table("sales").properties["owner"] == "sales"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"partition_by": {"*": ["week(at)"]}}, ["week(at)", "bucket(16, c)"]),
        ({"partition_by": {"*": ["day(nope)"]}}, ["'nope'", "'partition_by'"]),
        ({"partition_by": {"*": ["day(name)"]}}, ["day", "'name'", "string"]),
        ({"partition_by": {"*": ["id", "bucket(2, id)"]}}, ["'id'", "twice"]),
        ({"sort_by": {"*": ["nope desc"]}}, ["'nope'", "'sort_by'"]),
    ],
    ids=str,
)
def test_a_layout_that_cannot_be_is_told_in_one_line(run, reader, sales, wrong, words):
    outcome = run([sales.schema(), sales.batch(_rows(3)), sales.state()], **wrong)
    assert [word for word in words if word not in str(outcome.error)] == []
    assert "\n" not in str(outcome.error)


def test_the_first_pattern_that_matches_counts():
    config = {"partition_by": {"public-strokes": ["month(at)"], "public-*": [], "*": ["x"]}}
    strokes, clubs, other = (
        Layout.of_stream(config, name) for name in ("public-strokes", "public-clubs", "sales-x")
    )
    assert [each.column for each in strokes.partition_by] == ["at"]
    assert clubs.partition_by == ()
    assert other.partition_by[0].suffix == ""
    assert Layout.of_stream({}, "x").partition_by is None
    with pytest.raises(UserError, match="is no partition"):
        Layout.of_stream({"partition_by": {"*": ["bucket(x)"]}}, "x")


def test_many_partitions_keep_few_files_open(run, reader, sales, monkeypatch):
    monkeypatch.setattr("target_s3.spill.PART_BYTES", 1)
    monkeypatch.setattr("target_s3.partitions._PARTS", 2)
    batch = sales.batch(_rows(60))
    assert run([sales.schema(), batch, sales.state()], partition_by={"*": ["id"]}).error is None
    assert len(reader.table("sales").inspect.files()) == 60
    assert isinstance(reader.table("sales").scan().to_arrow(), pa.Table)


def test_rows_of_a_partition_with_an_odd_name_are_no_orphans(run, reader, players):
    rows = [{"id": n, "name": name} for n, name in enumerate(["a b/c", "50%", "æ+", "?x=1&y#"])]
    settings = {"partition_by": {"*": ["name"]}, "orphan_file_hours": 0}
    assert run([players.schema(), players.batch(rows), players.state()], **settings).error is None
    with reader.table("players").transaction() as transaction:
        transaction.set_properties({"target-s3.orphans-swept-at": "2026-01-01T00:00:00+00:00"})
    assert run([players.schema(), players.batch(rows), players.state()], **settings).error is None
    assert reader.table("players").properties["target-s3.orphans-swept-at"] > "2026-01-02"
    assert [row["name"] for row in reader.rows("players")] == [row["name"] for row in rows] * 2


def test_text_too_long_for_a_bound_is_found(run, reader, players, monkeypatch):
    monkeypatch.setattr("target_s3.staging.ROW_GROUP_BYTES", 1)
    # Parquet has no bounds for what is longer than 4,096 bytes.
    rows = [{"id": 1, "name": "a"}, {"id": 2, "name": "w" * 5000}]
    batches = [players.batch([row]) for row in rows]
    assert run([players.schema(), *batches, players.state()]).error is None
    table = reader.table("players")
    (file,) = table.inspect.data_files().to_pylist()
    assert len(file["split_offsets"]) == 2
    assert table.scan("name > 'w'").to_arrow()["id"].to_pylist() == [2]
