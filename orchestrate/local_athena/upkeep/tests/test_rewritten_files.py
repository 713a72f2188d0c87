"""What rewritten files say of themselves, and that every kind of value goes through unchanged."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    IcebergType,
    LongType,
    NestedField,
    StringType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from orchestrate.local_athena.model import Cancellation, QueryError
from orchestrate.local_athena.upkeep import files
from orchestrate.local_athena.upkeep import rows as rows_module
from orchestrate.local_athena.upkeep.files import PartitionFiles
from orchestrate.local_athena.upkeep.optimize import OptimizeResult, optimize
from orchestrate.local_athena.upkeep.tests.conftest import Duck, Place, rows
from tests.lake_tables import data_files

UNPARTITIONED = PartitionSpec()
OF_TWO_FILES = {"optimize_rewrite_data_file_threshold": "2"}
VALUES: dict[IcebergType, tuple[Any, Any]] = {
    BooleanType(): (True, False),
    LongType(): (-(2**63), 2**63 - 1),
    DoubleType(): (float("-inf"), 0.1),
    DecimalType(38, 9): (Decimal("-" + "1" * 29 + ".000000001"), Decimal("9" * 29 + ".999999999")),
    DateType(): (date(1, 1, 1), date(9999, 12, 31)),
    TimeType(): (time(0, 0, 0, 1), time(23, 59, 59, 999_999)),
    TimestampType(): (datetime(1, 1, 1, 0, 0, 0, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)),
    TimestamptzType(): (datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC), datetime.now(tz=UTC)),
    StringType(): ("a b%#?é", "z"),
    UUIDType(): (UUID(int=1), UUID(int=2**128 - 1)),
    FixedType(3): (b"\x00\xff/", b"abc"),
    BinaryType(): (b"\x00\xff/", b"z"),
}


def test_a_bound_holds_for_all_row_groups(
    place: Place, duck: Duck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ROW_GROUP_BYTES", 1)
    table = place.create(spec=UNPARTITIONED, properties=OF_TWO_FILES)
    table.append(rows([1]))
    # Parquet has no bounds for what is longer than 4,096 bytes.
    table.append(rows([2]).set_column(2, "v", [pa.array(["w" * 5000])]))
    optimize(place.load(), Cancellation())
    (file,) = data_files(table)
    assert len(file["split_offsets"]) == 2
    assert table.refresh().scan("v > 'w'").to_arrow()["id"].to_pylist() == [2]
    assert duck(f"select id from lake.{place.namespace}.t where v > 'w'") == [(2,)]


def test_a_null_that_stands_for_a_list_of_rows_stays_null(place: Place, duck: Duck) -> None:
    name = f"lake.{place.namespace}.nested"
    duck(
        f"create table {name} (id bigint, xs struct(a bigint)[], "
        "m map(varchar, struct(a bigint)), s struct(xs struct(a bigint)[]))"
    )
    duck(f"insert into {name} values (1, null, null, null)")
    duck(f"insert into {name} values (2, [], map {{}}, {{'xs': null}})")
    duck(f"insert into {name} values (3, [null, {{'a': 1}}], map {{'k': null}}, {{'xs': []}})")
    with place.load("nested").transaction() as transaction:
        transaction.set_properties(OF_TWO_FILES)
    before = duck(f"select * from {name} order by id")
    assert before[0] == (1, None, None, None)
    assert optimize(place.load("nested"), Cancellation()).rewritten_files == 3
    assert duck(f"select * from {name} order by id") == before


def test_rows_in_a_list_that_have_got_another_column_are_refused(place: Place, duck: Duck) -> None:
    name = f"lake.{place.namespace}.nested"
    duck(f"create table {name} (id bigint, xs struct(a bigint)[])")
    duck(f"insert into {name} values (1, null)")
    with place.load("nested").update_schema() as update:
        update.add_column(("xs", "b"), LongType())
    duck(f"insert into {name} values (2, [{{'a': 1, 'b': 2}}])")
    with place.load("nested").transaction() as transaction:
        transaction.set_properties(OF_TWO_FILES)
    with pytest.raises(QueryError, match="NOT_SUPPORTED: column 'xs'"):
        optimize(place.load("nested"), Cancellation())


def test_every_type_goes_through_as_value_and_as_partition(place: Place) -> None:
    # pyiceberg's own append has no partitions of UUIDs.
    partitions = [kind for kind in VALUES if not isinstance(kind, UUIDType)]
    columns = [("v", kind) for kind in VALUES] + [("p", kind) for kind in partitions]
    fields = [
        NestedField(number, f"{letter}_{number}", kind, required=False)
        for number, (letter, kind) in enumerate(columns, 2)
    ]
    schema = Schema(NestedField(1, "id", LongType(), required=False), *fields)
    spec = [
        PartitionField(field.field_id, 1000 + field.field_id, IdentityTransform(), field.name)
        for field in fields
        if field.name.startswith("p")
    ]
    table = place.catalog.create_table(
        (place.namespace, "t"),
        schema,
        partition_spec=PartitionSpec(*spec),
        properties={"format-version": "2", **OF_TWO_FILES},
    )
    choices = [(0, 0), (1, 0), (None, 1), (1, None), (0, 1)]
    for first in (0, 10):
        written = []
        for number, (value, partition) in enumerate(choices):
            row: dict[str, Any] = {"id": first + number}
            for field in fields:
                choice = value if field.name.startswith("v") else partition
                row[field.name] = None if choice is None else VALUES[field.field_type][choice]
            written.append(row)
        table.append(pa.Table.from_pylist(written, schema=schema.as_arrow()))
    before, partitions_before = place.rows(), _partitions(table)
    assert optimize(place.load(), Cancellation()).added_files == 3
    assert place.rows() == before
    assert _partitions(table) == partitions_before


def _partitions(table: Any) -> set[str]:
    return {str(task.file.partition) for task in table.refresh().scan().plan_files()}


def test_f13_files_are_packed_in_the_order_of_their_sequence(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Incremental models read what is above a sequence: few files may have such rows."""
    monkeypatch.setattr(files, "ROW_GROUP_BYTES", 1)
    schema = Schema(
        NestedField(1, "id", LongType(), required=False),
        NestedField(2, "_sdc_sequence", LongType(), required=False),
    )
    table = place.catalog.create_table(
        (place.namespace, "t"),
        schema,
        properties={
            "format-version": "2",
            "write.target-file-size-bytes": "1",
            "optimize_rewrite_min_data_file_size_bytes": "1000000",
            "optimize_rewrite_max_data_file_size_bytes": "1000000",
            **OF_TWO_FILES,
        },
    )
    # As if what came later had been committed by an OPTIMIZE before.
    for sequence in (30, 10, 20):
        table.append(
            pa.table({"id": [sequence, sequence], "_sdc_sequence": [sequence, sequence + 1]})
        )
    optimize(place.load(), Cancellation())
    paths = [
        (file["file_path"][-13:], file["readable_metrics"]["_sdc_sequence"]["lower_bound"])
        for file in data_files(table)
    ]
    assert [bound for _, bound in sorted(paths)] == [10, 11, 20, 21, 30, 31]


def test_a_file_of_a_small_target_is_not_rewritten_again(place: Place) -> None:
    table = place.create(
        spec=UNPARTITIONED,
        properties={"write.target-file-size-bytes": "100000", **OF_TWO_FILES},
    )
    for first in range(0, 20_000, 5_000):
        texts = pa.array([random.randbytes(20).hex() for _ in range(5_000)])
        table.append(rows(range(first, first + 5_000)).set_column(2, "v", texts))
    optimize(place.load(), Cancellation())
    assert len(data_files(table)) > 2
    assert optimize(place.load(), Cancellation()) == OptimizeResult()
    assert place.ids() == list(range(20_000))


def test_a_table_all_of_whose_rows_are_deleted_becomes_one_without_files(
    place: Place, duck: Duck
) -> None:
    table = place.create(spec=UNPARTITIONED)
    for first in range(0, 50, 10):
        table.append(rows(range(first, first + 10)))
    name = f"lake.{place.namespace}.t"
    duck(f"delete from {name} where id % 2 = 0")
    duck(f"delete from {name} where id % 2 = 1")
    optimize(place.load(), Cancellation())
    assert data_files(table) == []
    assert place.ids() == []
    assert duck(f"select count(*) from {name}") == [(0,)]
    table.refresh().append(rows([1]))
    assert place.ids() == [1]


def test_large_rows_are_read_a_few_at_a_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    table = place.create(spec=UNPARTITIONED)
    texts = pa.array([random.randbytes(5_000).hex() for _ in range(400)])
    table.append(rows(range(400)).set_column(2, "v", texts))
    monkeypatch.setattr(rows_module, "_READ_BYTES", 1_000_000)
    (task,) = table.scan().plan_files()
    wanted = PartitionFiles(table, 0, task.file.partition, 1)
    parts = list(rows_module.read_rows(table, task.file, {}, wanted.schema, wanted.arrow_schema))
    assert max(part.nbytes for part in parts) < 1_500_000
    assert sum(part.num_rows for part in parts) == 400
