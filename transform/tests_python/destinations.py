"""A simulated source moved to both destinations by the plugins, and dbt on both."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from extract.simulated_backend import actions
from extract.simulated_backend.load import load
from extract.simulated_backend.world import read_world
from orchestrate.local_stack.settings import StackSettings
from tests.pipe import move, postgres_settings
from tests.servers import Lake
from transform.tests_python.project import Dbt, lake_variables

RAW = "raw_for_dbt"
"""The schema of the loaded rows: of this module's own, in a lake that other tests use too."""

_TRICKLE = (
    actions.insert_session,
    actions.insert_round,
    actions.insert_bookings,
    actions.insert_device_events,
    actions.correct_strokes,
    actions.change_player,
    actions.change_bay,
    actions.end_sessions,
    actions.settle_bookings,
    actions.delete_strokes,
    actions.delete_session,
    actions.retire_club,
    actions.purge_bookings,
    actions.purge_strokes,
    actions.purge_round,
)
_MOVE_A_BAY = """
update bays
set facility_id = (
        select facility_id from facilities where facility_id <> bays.facility_id limit 1
    ),
    bay_number = (select max(bay_number) + 1 from bays)
where bay_id = (select bay_id from sessions order by session_id limit 1)
"""
# Nothing else changes the session that it leaves.
_MOVE_A_STROKE = """
update strokes
set session_id = (
        select session_id from sessions where deleted_at is null order by session_id desc limit 1
    ),
    stroke_number = (select max(stroke_number) + 1 from strokes)
where stroke_id = (
    select stroke_id
    from strokes
    join sessions using (session_id)
    where strokes.deleted_at is null and sessions.deleted_at is null
        and bay_id <> (select bay_id from sessions order by session_id limit 1)
    order by stroke_id
    limit 1
)
"""
_FORGET_TO_END_A_SESSION = """
update sessions
set ended_at = started_at + interval '110 days'
where session_id = (
    select session_id from sessions
    where deleted_at is null
        and bay_id = (select bay_id from sessions order by session_id limit 1)
    order by session_id
    limit 1
)
"""
_MAKE_A_MEMBER_FOR_EVER = """
update players
set membership = '[2026-01-01,infinity)'
where player_id = (select max(player_id) from players where deleted_at is null)
"""
# A bay and a player to whom nothing refers yet, after others.
_ADD_A_BAY_AND_A_PLAYER = """
create temporary table new_bay as select * from bays where deleted_at is null limit 1;
update new_bay set bay_id = 30000, bay_number = 30000, device_serial = 'new',
    created_at = now(), updated_at = now();
insert into bays select * from new_bay;
create temporary table new_player as select * from players where deleted_at is null limit 1;
update new_player set player_id = 30000000, public_id = gen_random_uuid(), full_name = 'A new one',
    email = null, created_at = now(), updated_at = now();
insert into players select * from new_player;
"""
_PURGE_THEM = """
delete from bays where bay_id = 30000;
delete from players where player_id = 30000000;
"""
# Of each destination's own: numbers of its loader.
_OWN = {"_sdc_sequence", "session_sequence", "facility_sequence", "strokes_sequence"}

Row = tuple[Any, ...]


@dataclass
class Destinations:
    """A source, a database and a lake that hold what it held at the last move, and dbt.

    Attributes:
        source: URL of the source.
        database: URL of the database.
        stack: whose lake it is.
        directory: for files.
    """

    source: str
    database: str
    stack: StackSettings
    directory: Path
    _states: dict[tuple[str, bool], dict[str, Any]] = field(default_factory=dict)
    _seed: int = 7

    def fill(self, scale: float) -> None:
        """Give the source its first rows."""
        with psycopg.connect(self.source) as connection:
            load(connection, scale=scale, seed=self._seed, until=datetime.now(UTC))

    def trickle(self, rounds: int = 3) -> Counter[tuple[str, str]]:
        """Let the application do each of its actions a few times; returns the rows changed.

        What it seldom does happens once: a bay with sessions of the past moves to another facility,
        a stroke to another session, a session lasts for months, a membership has no end.
        """
        changes: Counter[tuple[str, str]] = Counter()
        self._seed += 1
        rng = np.random.default_rng(self._seed)
        with psycopg.connect(self.source) as connection:
            world = read_world(connection)
            for action in _TRICKLE * rounds:
                changes += action(connection, rng, world)
                connection.commit()
            for table, statement in {
                "bays": _MOVE_A_BAY,
                "strokes": _MOVE_A_STROKE,
                "sessions": _FORGET_TO_END_A_SESSION,
                "players": _MAKE_A_MEMBER_FOR_EVER,
            }.items():
                changed = connection.execute(statement).rowcount
                assert changed == 1, statement
                changes["updated", table] += changed
        return changes

    def add_a_bay_and_a_player(self) -> tuple[int, int]:
        """Add one of each to the source, for purge_them(); returns their keys."""
        with psycopg.connect(self.source) as connection:
            connection.execute(_ADD_A_BAY_AND_A_PLAYER)
        return 30000, 30000000

    def purge_them(self) -> None:
        """Delete that bay and that player for good."""
        with psycopg.connect(self.source) as connection:
            connection.execute(_PURGE_THEM)

    def move(self) -> None:
        """Move what is new to both destinations, and mark what the source deleted for good."""
        lake = Lake.of(self.stack.lake, RAW)
        targets = {
            "target-postgres": postgres_settings(self.database) | {"default_target_schema": RAW},
            "target-s3": lake.settings,
        }
        tap = postgres_settings(self.source) | {
            "filter_schemas": ["public"],
            "default_replication_keys": ["updated_at"],
        }
        for target, settings in targets.items():
            for reconcile in (False, True):
                done = move(
                    self.directory,
                    tap | {"reconcile": reconcile},
                    target,
                    settings,
                    self._states.get((target, reconcile)),
                )
                self._states[target, reconcile] = done.state

    def dbt(self, target: str) -> Dbt:
        """dbt on a target: `db` or `lake`."""
        return Dbt(
            self.database,
            self.directory / target,
            lake_variables(self.stack),
            ("--target", target, "--vars", f"{{raw_schema: {RAW}}}"),
        )

    def rows(self, target: str, schema: str, table: str) -> tuple[list[str], list[Row]]:
        """The columns of a table, less those of the loader, and its rows, ordered by their key."""
        if target == "db":
            with psycopg.connect(self.database) as connection:
                cursor = connection.execute(f"select * from {schema}.{table}".encode())
                names = [column.name for column in cursor.description or ()]
                rows = cursor.fetchall()
        else:
            found = Lake.of(self.stack.lake, schema).catalog().load_table((schema, table))
            arrow = found.scan().to_arrow()
            names = arrow.column_names
            rows = list(zip(*(column.to_pylist() for column in arrow.columns), strict=True))
        kept = sorted((name, place) for place, name in enumerate(names) if name not in _OWN)
        plain = [tuple(_plain(row[place]) for _, place in kept) for row in rows]
        # Which no float is part of.
        plain.sort(key=lambda row: repr([value for value in row if not isinstance(value, float)]))
        return [name for name, _ in kept], plain


def is_same(one: Row, other: Row) -> bool:
    """Whether rows agree; floats to 6 digits: sums depend on the order, and `real` has no more."""
    return all(
        math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-6)
        if isinstance(a, float) and isinstance(b, float)
        else a == b
        for a, b in zip(one, other, strict=True)
    )


def _plain(value: object) -> object:
    """A value as both destinations show it."""
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value
