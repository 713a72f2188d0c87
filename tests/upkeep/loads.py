"""Loads at regular times, as target-s3 makes them: lease, data, quarantine, load log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from columnar_singer import quarantine
from columnar_singer.destination import CommitResult
from columnar_singer.facts import ReadMoment
from columnar_singer.load_log import LoadLogRow
from columnar_singer.metadata import SEQUENCE, first_sequence
from target_s3.lake import Lake, Wanted
from target_s3.layout import Layout
from target_s3.settings import LakeSettings
from target_s3.staging import StagedFiles

STROKES, PLAYERS = "strokes", "players"
_MEASURES = [f"measure_{number:02d}" for number in range(20)]
_WANTED = {
    STROKES: Wanted(
        {
            "id": pa.int64(),
            "struck_at": pa.timestamp("us", tz="UTC"),
            **dict.fromkeys(_MEASURES, pa.float64()),
            SEQUENCE: pa.int64(),
        },
        layout=Layout.of_stream({"partition_by": {"*": ["day(struck_at)"]}}, STROKES),
    ),
    PLAYERS: Wanted({"id": pa.int64(), "name": pa.string(), SEQUENCE: pa.int64()}),
}
_ROWS = {STROKES: 2_000, PLAYERS: 100}


class Loads:
    """A pipeline and its clock.

    Attributes:
        now: Simulated time of the next load.
        rows: Rows loaded so far into each table; their ids are 0, 1, 2, ….
    """

    def __init__(self, settings: dict[str, Any], every: timedelta) -> None:
        self._every = every
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.rows = dict.fromkeys(_WANTED, 0)
        self._settings = LakeSettings.from_config(settings)
        self._random = np.random.default_rng(1)
        self._number = 0

    def load(self) -> None:
        """One run of the pipeline."""
        self._number += 1
        self._load(f"run-{self._number:05d}")
        self.now += self._every

    def leave_orphan(self) -> None:
        """A run is killed after it has written a file and before it commits."""
        lake = Lake(self._settings, "killed")
        table = lake.find_table(STROKES)
        assert table is not None
        staged = StagedFiles(table, "killed")
        staged.write(self._new_rows(STROKES, 1))
        staged.close()

    def _load(self, run_id: str) -> None:
        lake = Lake(self._settings, run_id)
        done = []
        for name, wanted in _WANTED.items():
            table, _ = lake.open_table(name, wanted)
            lake.leases.take(name)
            sequence = first_sequence(lake.last_sequence(table, name))
            staged = StagedFiles(table, run_id)
            rows = self._new_rows(name, sequence)
            staged.write(rows)
            staged.close()
            row = LoadLogRow(
                run_id,
                name,
                name,
                self.now,
                rows_read=rows.num_rows,
                source_time=self.now,
                sequence_from=sequence,
                sequence_to=sequence + rows.num_rows - 1,
            ).finished(CommitResult(rows_committed=rows.num_rows, files=len(staged.files)))
            lake.append(table, staged.files, row, ReadMoment(self.now))
            self.rows[name] += rows.num_rows
            done.append(row)
        if self._number % 10 == 0:
            self._reject(lake, run_id)
        lake.write_load_log(done)
        lake.leases.release()

    def _new_rows(self, name: str, sequence: int) -> pa.Table:
        count = _ROWS[name]
        numbers = range(self.rows[name], self.rows[name] + count)
        columns: dict[str, Any] = {
            "id": pa.array(numbers, pa.int64()),
            SEQUENCE: pa.array(range(sequence, sequence + count), pa.int64()),
        }
        if name == PLAYERS:
            columns["name"] = [f"player {number}" for number in numbers]
        else:
            columns["struck_at"] = [self.now - self._every * (n / count) for n in range(count)]
            columns |= {each: self._random.normal(size=count) for each in _MEASURES}
        return pa.table(columns)

    def _reject(self, lake: Lake, run_id: str) -> None:
        schema = quarantine.arrow_schema()
        row = {each.name: _example(each.type) for each in schema}
        staged = StagedFiles(lake.quarantine, run_id)
        staged.write(pa.Table.from_pylist([row], schema=schema))
        lake.append_to_quarantine(staged.close())


def _example(kind: pa.DataType) -> Any:
    return "x" if pa.types.is_string(kind) else 0
