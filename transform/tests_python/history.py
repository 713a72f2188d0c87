"""A past of any length in the lake: change logs of strokes and their sessions, and dbt on them."""

from __future__ import annotations

import json
import re
from collections import Counter
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

from orchestrate.lake_maintenance.athena import Athena
from orchestrate.local_stack.settings import StackSettings
from transform.tests_python.project import Dbt, lake_variables

STROKES_A_SESSION = 40
BAYS = 6
_CHUNK = 250_000
_MONTH = timedelta(days=30)
_ZONED = pa.timestamp("us", tz="UTC")
_LOADED = {
    "created_at": _ZONED, "updated_at": _ZONED, "deleted_at": _ZONED,
    "_sdc_batched_at": _ZONED, "_sdc_deleted_at": _ZONED, "_sdc_sequence": pa.int64(),
}  # fmt: skip
# Of each raw table what staging reads; what is NULL throughout costs nothing.
_TABLES = {
    "strokes": {
        "stroke_id": pa.string(), "session_id": pa.string(), "club_id": pa.int64(),
        "stroke_number": pa.int32(), "target_distance": pa.decimal128(5, 1),
        **dict.fromkeys(
            ("club_speed", "attack_angle", "club_path", "face_angle", "face_to_path",
             "dynamic_loft", "dynamic_lie", "spin_loft", "swing_plane", "swing_direction",
             "swing_radius", "d_plane_tilt", "low_point_distance", "low_point_height",
             "low_point_side", "impact_offset", "impact_height", "ball_speed", "smash_factor",
             "launch_angle", "launch_direction", "spin_axis"),
            pa.float32(),
        ),
        "spin_rate": pa.int32(),
        **dict.fromkeys(
            ("max_height", "max_height_distance", "max_height_side", "carry", "carry_side",
             "curve", "landing_angle", "landing_speed", "last_data_distance",
             "last_data_height", "last_data_side", "total", "total_side", "confidence"),
            pa.float64(),
        ),
        "hang_time": pa.decimal128(5, 2), "distance_to_target": pa.decimal128(7, 3),
        "strokes_gained": pa.string(), "hit_at": _ZONED,
    },
    "sessions": {
        "session_id": pa.string(), "player_id": pa.int64(), "bay_id": pa.int32(),
        "session_type": pa.string(), "ball_type": pa.string(), "temperature": pa.float32(),
        "humidity": pa.int32(), "air_pressure": pa.float32(), "stroke_count": pa.int32(),
        "started_at": _ZONED, "ended_at": _ZONED, "local_started_at": pa.timestamp("us"),
    },
    "rounds": {
        "round_id": pa.int64(), "player_id": pa.int64(), "course_id": pa.int32(),
        "bay_id": pa.int32(), "status": pa.string(), "tees": pa.string(),
        "playing_handicap": pa.int32(), "total_strokes": pa.int32(),
        "started_at": _ZONED, "finished_at": _ZONED,
    },
    "bays": {
        "bay_id": pa.int32(), "facility_id": pa.int32(), "bay_number": pa.int32(),
        "status": pa.string(), "is_indoor": pa.bool_(), "device_serial": pa.string(),
        "firmware": pa.string(), "installed_on": pa.date32(),
    },
    "facilities": {
        "facility_id": pa.int32(), "name": pa.string(), "kind": pa.string(),
        "country_code": pa.string(), "location": pa.string(), "altitude": pa.float32(),
        "time_zone": pa.string(), "opens_at": pa.string(), "closes_at": pa.string(),
        "opened_on": pa.date32(),
    },
}  # fmt: skip


@dataclass
class History:
    """Strokes that are hit evenly over the years, 40 a session, and dbt's models of them.

    The first strokes have the least numbers; those that are added go on after `end`.

    Attributes:
        stack: whose lake it lies in.
        schema: where the raw tables lie; dbt's schemas begin with the same.
        target: folder for what dbt writes.
        strokes: how many there are at first.
        a_month: how many of them were hit in 30 days.
        end: time of the last.
    """

    stack: StackSettings
    schema: str
    target: Path
    strokes: int
    a_month: int
    end: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    _sequence: int = 1

    def create(self) -> None:
        """Make the raw tables anew: bays of one facility, all strokes and sessions, no rounds."""
        catalog = self._catalog()
        with suppress(NamespaceAlreadyExistsError):
            catalog.create_namespace(self.schema)
        for table, columns in _TABLES.items():
            with suppress(NoSuchTableError):
                catalog.drop_table((self.schema, table))
            catalog.create_table((self.schema, table), pa.schema(columns | _LOADED))
        facility = {"facility_id": 1, "time_zone": "UTC", "opens_at": "08:00", "closes_at": "20:00"}
        self._append("facilities", pa.table({name: [value] for name, value in facility.items()}))
        for bay in range(BAYS):
            self.put_bay(bay, facility=1)
        self.append(0, self.strokes)
        self.append_sessions(0, -(-self.strokes // STROKES_A_SESSION))

    def append(self, first: int, count: int, session: int | None = None) -> None:
        """Commit a version of each of `count` strokes, moved to a session if one is named."""
        for start in range(first, first + count, _CHUNK):
            numbers = pa.array(range(start, min(start + _CHUNK, first + count)))
            times = self._times(numbers)
            sessions = pc.divide(numbers, STROKES_A_SESSION)
            if session is not None:
                sessions = pa.array([session] * len(numbers))
            rows = {
                "stroke_id": _key(numbers),
                "session_id": _key(sessions),
                "club_id": numbers,
                "carry": pc.multiply(pc.cast(numbers, pa.float64()), 0.001),
                "hit_at": times,
                "created_at": times,
                "updated_at": times,
            }
            self._append("strokes", pa.table(rows))

    def append_sessions(self, first: int, count: int) -> None:
        """Commit a version of each of `count` sessions, of half an hour."""
        numbers = pa.array(range(first, first + count), pa.int64())
        times = self._times(pc.multiply(numbers, STROKES_A_SESSION))
        rows = {
            "session_id": _key(numbers),
            "player_id": numbers,
            "bay_id": [number % BAYS for number in range(first, first + count)],
            "started_at": times,
            "ended_at": pc.add(times, pa.scalar(timedelta(minutes=30), pa.duration("us"))),
            "local_started_at": times,
            "created_at": times,
            "updated_at": times,
        }
        self._append("sessions", pa.table(rows))

    def delete(self, table: str, numbers: Sequence[int]) -> None:
        """Commit the tombstones of strokes, sessions or bays."""
        deleted = pa.array([self.end] * len(numbers), _ZONED)
        keys = pa.array(numbers, pa.int32()) if table == "bays" else _key(pa.array(numbers))
        rows = {table[:-1] + "_id": keys, "_sdc_deleted_at": deleted}
        self._append(table, pa.table(rows))

    def put_bay(self, bay: int, facility: int, **values: datetime | None) -> None:
        """Commit a version of a bay; values of more columns may be given."""
        rows = {"bay_id": [bay], "facility_id": [facility]}
        times = {name: pa.array([value], _ZONED) for name, value in values.items()}
        self._append("bays", pa.table(rows | times))

    def dbt(self, target: str = "") -> Dbt:
        """dbt on this past; each of several at once needs a folder of its own in `target`."""
        return Dbt(
            "postgresql://nobody@127.0.0.1:1/nowhere",
            self.target / target,
            lake_variables(self.stack) | {"DBT_SCHEMA_PREFIX": self.schema},
            ("--target", "lake", "--vars", f"{{raw_schema: {self.schema}}}"),
        )

    def build(self, *options: str) -> Counter[str]:
        """Run models (dbt's options say which); returns the bytes that each of them read."""
        began = datetime.now(UTC)
        # What the loader says of its commits is missing here; staging asks only for its order.
        self.dbt().succeed("run", *options, "--exclude", "stg_loading__commits", timeout=3600)
        read: Counter[str] = Counter()
        own = re.compile(rf'"{self.schema}(_\w+)?"')
        for query in self._queries(began):
            comment = re.match(r"-- /\* (\{.*\}) \*/", query["Query"])
            if comment and own.search(query["Query"]):
                node = json.loads(comment[1]).get("node_id", "")
                read[node.rpartition(".")[2]] += query["Statistics"]["DataScannedInBytes"]
        return read

    def ask(self, sql: str) -> tuple[list[list[str | None]], int]:
        """Run a query in the lake's work group; returns its rows and the bytes that it read."""
        athena = Athena(self._client(), self.stack.athena.work_group, None)
        answer = athena.run(sql, self.marts)
        return answer.rows, answer.scanned_bytes

    @property
    def marts(self) -> str:
        """The database of the marts."""
        return f"{self.schema}_marts"

    def bytes(self, table: str) -> int:
        """Bytes of a raw table's files."""
        files = self._catalog().load_table((self.schema, table)).inspect.files()
        return int(pc.sum(files["file_size_in_bytes"]).as_py())

    def _append(self, table: str, rows: pa.Table) -> None:
        """Commit rows; what they do not say is NULL, but for what the loader adds."""
        schema = pa.schema(_TABLES[table] | _LOADED)
        count = len(rows)
        loaded = {
            "created_at": [self.end] * count,
            "_sdc_batched_at": [self.end] * count,
            "_sdc_sequence": range(self._sequence, self._sequence + count),
        }
        if "_sdc_deleted_at" in rows.column_names:  # a tombstone
            del loaded["created_at"]
        for name in schema.names:
            if name not in rows.column_names:
                values = loaded.get(name)
                column = pa.array(values, schema.field(name).type) if values else None
                rows = rows.append_column(
                    name, column if column is not None else pa.nulls(count, schema.field(name).type)
                )
        self._catalog().load_table((self.schema, table)).append(
            rows.select(schema.names).cast(schema)
        )
        self._sequence += count

    def _times(self, strokes: pa.Array) -> pa.Array:
        apart = _MONTH // timedelta(microseconds=1) // self.a_month
        begin = int(self.end.timestamp() * 1_000_000) - self.strokes * apart
        return pc.cast(pc.add(pc.multiply(strokes, apart), begin), _ZONED)

    def _catalog(self) -> Catalog:
        return load_catalog("lake", **self.stack.lake.catalog_properties())

    def _client(self) -> Any:
        return boto3.client("athena", **self.stack.athena.client_arguments(self.stack.lake.dbt_key))

    def _queries(self, since: datetime) -> Iterator[dict[str, Any]]:
        """The queries of the lake's work group that were sent since."""
        client = self._client()
        pages = client.get_paginator("list_query_executions").paginate(
            WorkGroup=self.stack.athena.work_group
        )
        for page in pages:
            for name in page["QueryExecutionIds"]:
                found = client.get_query_execution(QueryExecutionId=name)["QueryExecution"]
                if found["Status"]["SubmissionDateTime"] < since:
                    return
                yield found


def _key(numbers: pa.Array) -> pa.Array:
    """Keys that grow as the UUIDs of the source do, whose first digits are a time."""
    return pc.utf8_lpad(pc.cast(numbers, pa.string()), 12, "0")
