from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from columnar_singer import metadata
from columnar_singer.destination import CommitResult
from columnar_singer.load_log import COLUMN_COMMENTS, LoadLogRow, arrow_schema, to_arrow
from columnar_singer.names import table_name

_NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_rows_are_numbered_in_order_of_arrival():
    table = metadata.add_metadata(
        pa.table({"a": ["x", "y"]}),
        extracted_at=None,
        received_at=_NOW,
        batched_at=_NOW,
        sequence=7,
        table_version=None,
        sync_started_at=1,
    )
    assert table.column_names == ["a", *metadata.COLUMNS]
    assert table.column(metadata.SEQUENCE).to_pylist() == [7, 8]
    assert table.column(metadata.BATCHED_AT).to_pylist() == [_NOW, _NOW]
    types = [field.type for field in table.schema][1:]
    assert types == [column.arrow for column in metadata.COLUMNS.values()]


def test_first_sequence_is_the_clock_unless_it_went_back(monkeypatch):
    monkeypatch.setattr("columnar_singer.metadata.time.time_ns", lambda: 5_000)
    assert metadata.first_sequence(None) == 5
    assert metadata.first_sequence(4) == 5
    assert metadata.first_sequence(5) == 6


@pytest.mark.parametrize(
    ("rows", "deleted", "expected"),
    [(2, 0, (10, 11)), (2, 3, (10, 14)), (0, 3, (10, 12)), (0, 0, (None, None))],
)
def test_finished_row_holds_the_numbers_given_out(rows, deleted, expected):
    row = LoadLogRow("run", "s", "t", _NOW, sequence_from=10, sequence_to=9 + rows)
    finished = row.finished(CommitResult(rows_committed=1, rows_deleted=deleted, bytes=5, files=2))
    assert (finished.sequence_from, finished.sequence_to) == expected
    assert (finished.rows_committed, finished.bytes, finished.files) == (1, 5, 2)
    assert to_arrow([finished]).schema == arrow_schema()


def test_every_column_of_the_load_log_is_described():
    fields = LoadLogRow.__dataclass_fields__
    assert list(COLUMN_COMMENTS) == arrow_schema().names
    assert set(COLUMN_COMMENTS) == set(fields)


@pytest.mark.parametrize(
    ("stream", "table"),
    [("public-strokes", "strokes"), ("sales-orders", "sales_orders"), ("orders", "orders")],
)
def test_table_name(stream, table):
    assert table_name(stream) == table
