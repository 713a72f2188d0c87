"""Queries that ran or run, kept on disk."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from orchestrate.local_athena.model import Column, ErrorCategory
from orchestrate.local_athena.queries.entries import Entries

# https://docs.aws.amazon.com/athena/latest/ug/queries-viewing-history.html
_DAY_SECONDS = 24 * 3600.0
RETENTION_SECONDS = 45 * _DAY_SECONDS


class State(StrEnum):
    """Athena's `QueryExecutionState`."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


FINAL_STATES = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})


@dataclass(frozen=True)
class Execution:
    """One query, as far as it has come.

    Attributes:
        output_folder: `s3://bucket/prefix/` of the result.
        submitted: Seconds since the epoch, as `started` and `completed`.
        location: Of the result's file, once there is one.
        fingerprint: Tells requests that are not the same apart, though their token is.
    """

    id: str
    sql: str
    catalog: str
    database: str
    work_group: str
    output_folder: str
    parameters: tuple[str, ...]
    submitted: float
    fingerprint: str = ""
    state: State = State.QUEUED
    started: float | None = None
    completed: float | None = None
    reason: str | None = None
    error_category: ErrorCategory | None = None
    kind: str | None = None
    sub_kind: str | None = None
    columns: tuple[Column, ...] = ()
    update_count: int | None = None
    scanned_bytes: int = 0
    manifest_location: str | None = None
    location: str | None = None
    row_count: int = 0
    output_bytes: int = 0

    @property
    def is_final(self) -> bool:
        """Whether its state stays."""
        return self.state in FINAL_STATES


class History:
    """The executions in a store."""

    def __init__(self, store: Entries) -> None:
        """Open the history; a query that ran when the endpoint ended has failed."""
        self._store = store
        self._forgot = 0.0
        self._forget(now := time.time())
        for _, entry in list(store.all("execution")):
            execution = _execution(entry)
            if not execution.is_final:
                self.save(
                    replace(
                        execution,
                        state=State.FAILED,
                        completed=now,
                        reason="INTERNAL_ERROR: the endpoint ended while the query ran",
                        error_category=ErrorCategory.SYSTEM,
                    )
                )

    def _forget(self, now: float) -> None:
        """Let go of what is older than Athena keeps it, once a day."""
        if now - self._forgot < _DAY_SECONDS:
            return
        self._forgot = now
        for name, entry in list(self._store.all("execution")):
            execution = _execution(entry)
            if execution.submitted < now - RETENTION_SECONDS:
                self._store.remove("execution", execution.work_group, name)

    def add(self, execution: Execution) -> bool:
        """Add a query; False if there is one with its id."""
        self._forget(execution.submitted)
        return self._store.add("execution", execution.work_group, execution.id, asdict(execution))

    def save(self, execution: Execution) -> None:
        """Keep how far a query has come."""
        self._store.replace("execution", execution.work_group, execution.id, asdict(execution))

    def find(self, identifier: str) -> Execution | None:
        """The query with that id."""
        entry = self._store.find("execution", identifier)
        return None if entry is None else _execution(entry)

    def newest(
        self, work_group: str, before: int | None, count: int
    ) -> tuple[list[str], int | None]:
        """Ids of up to `count` queries of a work group, newest first, and where to go on."""
        found = self._store.newest("execution", work_group, before, count + 1)
        page = found[:count]
        return [name for _, name in page], page[-1][0] if len(found) > count else None


def _execution(entry: dict[str, object]) -> Execution:
    fields: dict[str, object] = {
        **entry,
        "state": State(str(entry["state"])),
        "parameters": tuple(entry["parameters"]),  # type: ignore[arg-type]
        "columns": tuple(Column(**column) for column in entry["columns"]),  # type: ignore[attr-defined]
    }
    if entry["error_category"] is not None:
        fields["error_category"] = ErrorCategory(str(entry["error_category"]))
    return Execution(**fields)  # type: ignore[arg-type]
