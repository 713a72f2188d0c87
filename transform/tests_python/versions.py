"""How many bytes an incremental build of a staging table reads, on change logs of any length.

    python -m transform.tests_python.versions --versions 1000000 10000000 --changes 1000 100000

builds `stg_trackman_backend__strokes` in the lake of the running stack (`make up`), in schemas of
its own, for each length of the log anew, and prints the table of docs/lake.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError, NoSuchTableError

from orchestrate.local_stack import stack
from orchestrate.local_stack.errors import StackError
from orchestrate.local_stack.settings import StackSettings
from transform.tests_python.project import Dbt

MODEL = "stg_trackman_backend__strokes"
_CHUNK = 250_000
_ZONED = pa.timestamp("us", tz="UTC")
# Of raw.strokes, what staging reads; measures that are NULL cost nothing.
_TYPES = {
    "stroke_id": pa.string(), "session_id": pa.string(), "club_id": pa.int64(),
    "stroke_number": pa.int32(), "target_distance": pa.decimal128(5, 1),
    **dict.fromkeys(
        ("club_speed", "attack_angle", "club_path", "face_angle", "face_to_path", "dynamic_loft",
         "dynamic_lie", "spin_loft", "swing_plane", "swing_direction", "swing_radius",
         "d_plane_tilt", "low_point_distance", "low_point_height", "low_point_side",
         "impact_offset", "impact_height", "ball_speed", "smash_factor", "launch_angle",
         "launch_direction", "spin_axis"),
        pa.float32(),
    ),
    "spin_rate": pa.int32(),
    **dict.fromkeys(
        ("max_height", "max_height_distance", "max_height_side", "carry", "carry_side", "curve",
         "landing_angle", "landing_speed", "last_data_distance", "last_data_height",
         "last_data_side", "total", "total_side", "confidence"),
        pa.float64(),
    ),
    "hang_time": pa.decimal128(5, 2), "distance_to_target": pa.decimal128(7, 3),
    "strokes_gained": pa.string(), "hit_at": _ZONED, "created_at": _ZONED, "updated_at": _ZONED,
    "deleted_at": _ZONED, "_sdc_batched_at": _ZONED, "_sdc_deleted_at": _ZONED,
    "_sdc_sequence": pa.int64(),
}  # fmt: skip
_SCHEMA = pa.schema(list(_TYPES.items()))


@dataclass
class ChangeLog:
    """A table `strokes` of versions, and dbt's staging table of it.

    Attributes:
        stack: whose lake it lies in.
        schema: where the log lies; dbt's schemas begin with the same.
        target: folder for what dbt writes.
        months: over which the strokes are spread, the last of them being this.
        keys_a_month: how many strokes each month has; what is added belongs to the last.
    """

    stack: StackSettings
    schema: str
    target: Path
    months: int
    keys_a_month: int
    _rows: int = 0
    _began: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def create(self) -> None:
        """Make the log anew, empty."""
        catalog = self._catalog()
        with suppress(NamespaceAlreadyExistsError):
            catalog.create_namespace(self.schema)
        with suppress(NoSuchTableError):
            catalog.drop_table((self.schema, "strokes"))
        catalog.create_table((self.schema, "strokes"), _SCHEMA)

    def append(self, versions: int, first_key: int) -> None:
        """Commit versions of as many keys; the least keys are the oldest strokes."""
        table = self._catalog().load_table((self.schema, "strokes"))
        for start in range(0, versions, _CHUNK):
            count = min(_CHUNK, versions - start)
            table.append(self._chunk(first_key + start, count))
            self._rows += count

    def _chunk(self, first_key: int, count: int) -> pa.Table:
        keys = pa.array(range(first_key, first_key + count))
        text = pc.cast(keys, pa.string())
        month = pc.min_element_wise(pc.divide(keys, self.keys_a_month), self.months - 1)
        start = int((self._began - timedelta(days=30 * (self.months - 1))).timestamp() * 1_000_000)
        made = pc.add(pc.multiply(month, 30 * 86_400_000_000), start)
        times = pc.cast(made, _ZONED)
        sequence = int(self._began.timestamp() * 1_000_000) + self._rows
        columns = {
            "stroke_id": pc.binary_join_element_wise("key", text, "-"),
            "session_id": pc.binary_join_element_wise(
                "session", pc.cast(pc.divide(keys, 40), pa.string()), "-"
            ),
            "club_id": keys,
            "carry": pc.multiply(pc.cast(keys, pa.float64()), 0.001),
            "hit_at": times,
            "created_at": times,
            "updated_at": times,
            "_sdc_batched_at": pa.array([self._began] * count, _ZONED),
            "_sdc_sequence": pa.array(range(sequence, sequence + count)),
        }
        nulls = {
            name: pa.nulls(count, kind) for name, kind in _TYPES.items() if name not in columns
        }
        return pa.table(columns | nulls).select(_SCHEMA.names).cast(_SCHEMA)

    def build(self, *options: str) -> int:
        """Build the staging table; returns the bytes that the queries for it read."""
        began = datetime.now(UTC)
        lake, athena = self.stack.lake, self.stack.athena
        dbt = Dbt(
            "postgresql://nobody@127.0.0.1:1/nowhere",
            self.target,
            {
                "AWS_ENDPOINT_URL": athena.endpoint,
                "AWS_ENDPOINT_URL_S3": lake.s3_endpoint,
                "AWS_ACCESS_KEY_ID": lake.dbt_key.id,
                "AWS_SECRET_ACCESS_KEY": lake.dbt_key.secret,
                "DBT_SCHEMA_PREFIX": self.schema,
            },
            ("--target", "lake", "--vars", f"{{raw_schema: {self.schema}}}"),
        )
        dbt.succeed("run", "--select", MODEL, *options, timeout=3600)
        return sum(
            query["Statistics"]["DataScannedInBytes"]
            for query in self._queries(began)
            if MODEL in query["Query"]
        )

    def read_month(self) -> int:
        """Ask for the mean carry of the last month; returns the bytes that the query read."""
        client = boto3.client(
            "athena", **self.stack.athena.client_arguments(self.stack.lake.dbt_key)
        )
        name = client.start_query_execution(
            QueryString=f"select avg(carry) from {self.schema}_staging.{MODEL} "
            f"where created_at >= timestamp '{self._began - timedelta(days=1):%F %T} UTC'",
            WorkGroup=self.stack.athena.work_group,
        )["QueryExecutionId"]
        while True:
            found = client.get_query_execution(QueryExecutionId=name)["QueryExecution"]
            if found["Status"]["State"] not in ("QUEUED", "RUNNING"):
                assert found["Status"]["State"] == "SUCCEEDED", found["Status"]
                return int(found["Statistics"]["DataScannedInBytes"])

    def count(self) -> int:
        """Rows of the staging table."""
        table = self._catalog().load_table((f"{self.schema}_staging", MODEL))
        return len(table.scan(selected_fields=("_sdc_sequence",)).to_arrow())

    def bytes(self) -> int:
        """Bytes of the log's files."""
        files = self._catalog().load_table((self.schema, "strokes")).inspect.files()
        return int(pc.sum(files["file_size_in_bytes"]).as_py())

    def _catalog(self) -> Catalog:
        return load_catalog("lake", **self.stack.lake.catalog_properties())

    def _queries(self, since: datetime) -> Iterator[dict[str, Any]]:
        """The queries of the lake's work group that were sent since."""
        lake, athena = self.stack.lake, self.stack.athena
        client = boto3.client("athena", **athena.client_arguments(lake.dbt_key))
        pages = client.get_paginator("list_query_executions").paginate(WorkGroup=athena.work_group)
        for page in pages:
            for name in page["QueryExecutionIds"]:
                found = client.get_query_execution(QueryExecutionId=name)["QueryExecution"]
                if found["Status"]["SubmissionDateTime"] < since:
                    return
                yield found


def main(arguments: Sequence[str]) -> int:
    """Print bytes read, by length of the log and number of changes; 1 without a running stack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--changes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--a-month", type=int, default=210_000)
    options = parser.parse_args(arguments)
    try:
        settings = StackSettings.from_environment()
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    needed = (settings.lake.part, settings.athena.part)
    missing = [
        f"{each.part} is {each.state}"
        for each in stack.status(settings)
        if each.part in needed and each.state != "running"
    ]
    if missing:
        print(f"{', '.join(missing)}: start the stack with `make up`", file=sys.stderr)
        return 1
    print("| versions in the log | MB of it | new versions | MB read by the build |")
    print("|---|---|---|---|")
    for versions in options.versions:
        with tempfile.TemporaryDirectory() as folder:
            months = -(-versions // options.a_month)
            log = ChangeLog(settings, f"versions_{versions}", Path(folder), months, options.a_month)
            log.create()
            log.append(versions, first_key=0)
            read = log.build("--full-refresh")
            print(
                f"| {versions:,} | {log.bytes() / 1e6:.1f} | all | {read / 1e6:.1f} |", flush=True
            )
            for changes in (0, *options.changes):
                # Half of them newer versions of the newest strokes, half new strokes.
                log.append(changes, first_key=versions - changes // 2)
                read = log.build()
                print(f"| | | {changes:,} | {read / 1e6:.2f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
