"""What `OPTIMIZE` makes of a table: fewer files, the same rows."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlglot
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.table.snapshots import Operation
from pyiceberg.types import DateType, DecimalType, StringType

from orchestrate.local_athena.model import Cancellation, QueryError
from orchestrate.local_athena.upkeep import files
from orchestrate.local_athena.upkeep.optimize import OptimizeResult, optimize
from orchestrate.local_athena.upkeep.tests.conftest import BY_ID, Duck, Place, rows
from orchestrate.local_athena.upkeep.where import partition_condition
from tests.lake_tables import data_files


def test_f34_small_files_of_a_partition_become_one_and_rows_stay(place: Place) -> None:
    table = place.create()
    for first in range(0, 60, 10):
        table.append(rows(range(first, first + 10)))
    before = place.rows()
    result = optimize(place.load(), Cancellation())
    assert (result.rewritten_files, result.added_files) == (12, 2)
    assert place.rows() == before
    assert [each["record_count"] for each in data_files(table)] == [30, 30]
    snapshot = table.current_snapshot()
    assert snapshot.summary.operation == Operation.REPLACE
    assert snapshot.summary["total-records"] == "60"
    assert snapshot.summary["total-data-files"] == "2"
    assert len([m for m in snapshot.manifests(table.io) if m.existing_files_count]) == 0
    assert optimize(place.load(), Cancellation()) == OptimizeResult()
    assert table.refresh().current_snapshot() == snapshot


def test_rows_are_in_the_order_of_the_table_and_statistics_are_right(place: Place) -> None:
    table = place.create(spec=UNPARTITIONED_PARTITION_SPEC, order=BY_ID)
    for first in (40, 0, 30, 10, 20):
        table.append(rows(range(first, first + 10)))
    optimize(place.load(), Cancellation())
    (file,) = data_files(table)
    assert file["readable_metrics"]["id"]["lower_bound"] == 0
    assert file["readable_metrics"]["id"]["upper_bound"] == 49
    assert file["sort_order_id"] == table.metadata.default_sort_order_id
    with table.io.new_input(file["file_path"]).open() as stream:
        assert pq.read_table(stream)["id"].to_pylist() == list(range(50))


def test_files_end_at_the_target_size(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ROW_GROUP_BYTES", 4_000)
    table = place.create(
        spec=UNPARTITIONED_PARTITION_SPEC,
        properties={
            "write.target-file-size-bytes": "4000",
            "optimize_rewrite_data_file_threshold": "2",
        },
    )
    for first in range(0, 1000, 100):
        table.append(rows(range(first, first + 100)))
    optimize(place.load(), Cancellation())
    sizes = [each["file_size_in_bytes"] for each in data_files(table)]
    assert len(sizes) > 2
    assert len([size for size in sizes if size < 4_000]) <= 1
    assert place.ids() == list(range(1000))


def test_deletes_beside_the_files_are_merged(place: Place, duck: Duck) -> None:
    table = place.create()
    for first in range(0, 60, 10):
        table.append(rows(range(first, first + 10)))
    name = f"lake.{place.namespace}.t"
    duck(f"update {name} set v = 'new' where id % 7 = 0")
    duck(f"delete from {name} where id % 5 = 0")
    before = place.rows()
    assert len(before) == 48
    result = optimize(place.load(), Cancellation())
    assert result.removed_delete_files > 0
    assert place.rows() == before
    assert len(table.refresh().inspect.delete_files()) == 0
    assert table.current_snapshot().summary["total-delete-files"] == "0"
    assert table.current_snapshot().summary["total-records"] == "48"
    assert duck(f"select count(*), count(*) filter (v = 'new') from {name}") == [(48, 7)]


def test_a_delete_file_stays_as_long_as_a_file_needs_it(place: Place, duck: Duck) -> None:
    table = place.create(properties={"optimize_rewrite_delete_file_threshold": "99"})
    table.append(rows(range(0, 10)))
    duck(f"delete from lake.{place.namespace}.t where id in (2, 3)")
    for first in range(10, 60, 10):
        table.refresh().append(rows(range(first, first + 9, 2)))  # of one day only
    optimize(place.load(), Cancellation())
    assert place.ids() == [0, 1, *range(4, 10), *(n for n in range(10, 60) if n % 2 == 0)]
    # The other day's only file was left, with the delete that applies to it.
    (delete,) = table.refresh().inspect.delete_files().to_pylist()
    assert delete["partition"]["day_day"].day == 2


def test_files_from_before_a_change_of_schema_are_read_as_the_table_is_now(place: Place) -> None:
    table = place.create(spec=UNPARTITIONED_PARTITION_SPEC)
    with table.update_schema() as update:
        update.add_column("price", DecimalType(9, 2))
        update.add_column("gone", StringType())
    for first in range(0, 30, 10):
        extra = pa.array([None, *range(9)], pa.decimal128(9, 2))
        table.append(
            rows(range(first, first + 10))
            .append_column("price", extra)
            .append_column("gone", pa.array(["x"] * 10))
        )
    with table.update_schema() as update:
        update.delete_column("gone")
        update.rename_column("v", "name with blank")
        update.update_column("price", field_type=DecimalType(18, 2))
        update.add_column("later", DateType())
    for first in range(30, 60, 10):
        table.append(
            rows(range(first, first + 10)).rename_columns(["id", "day", "name with blank", "tags"])
        )
    before = place.rows()
    optimize(place.load(), Cancellation())
    assert len(data_files(table)) == 1
    assert place.rows() == before


def test_fewer_files_than_the_threshold_are_left(place: Place) -> None:
    table = place.create(spec=UNPARTITIONED_PARTITION_SPEC)
    for first in range(0, 40, 10):
        table.append(rows(range(first, first + 10)))
    assert optimize(place.load(), Cancellation()) == OptimizeResult()
    with table.transaction() as transaction:
        transaction.set_properties({"optimize_rewrite_data_file_threshold": "4"})
    assert optimize(place.load(), Cancellation()).added_files == 1


def test_where_chooses_partitions(place: Place) -> None:
    table = place.create()
    for first in range(0, 60, 10):
        table.append(rows(range(first, first + 10)))
    condition = sqlglot.parse_one("day > DATE '2026-01-01' and day is not null", dialect="trino")
    result = optimize(place.load(), Cancellation(), partition_condition(condition, table))
    assert (result.rewritten_files, result.added_files) == (6, 1)
    assert place.ids() == list(range(60))


@pytest.mark.parametrize(
    ("condition", "error"),
    [
        ("v = 'x'", "NOT_SUPPORTED: WHERE of OPTIMIZE names 'v'"),
        ("day = 'soon'", "TYPE_MISMATCH: 'soon' is no value of column 'day'"),
        ("day > current_date", "NOT_SUPPORTED: CURRENT_DATE cannot stand in WHERE"),
    ],
)
def test_another_condition_is_refused(place: Place, condition: str, error: str) -> None:
    table = place.create()
    with pytest.raises(QueryError, match=error):
        partition_condition(sqlglot.parse_one(condition, dialect="trino"), table)


def test_a_stop_leaves_the_table_and_no_file(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    table = place.create()
    for first in range(0, 60, 10):
        table.append(rows(range(first, first + 10)))
    before, files_before = table.current_snapshot(), len(table.inspect.data_files())
    cancellation = Cancellation()
    cancellation.ask()
    with pytest.raises(QueryError, match="QUERY_CANCELLED"):
        optimize(place.load(), cancellation)
    assert table.refresh().current_snapshot() == before
    assert len(table.inspect.data_files()) == files_before
