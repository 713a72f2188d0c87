"""Statements that Athena runs, one at a time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

_POLL_SECONDS = 0.5


class StatementError(Exception):
    """A statement that did not succeed; Athena's own words."""


@dataclass(frozen=True)
class Answer:
    """What a statement gave.

    Attributes:
        rows: The rows, their values as text.
        scanned_bytes: Bytes of data read, which is what Athena charges for.
        milliseconds: How long the engine was at work.
    """

    rows: list[list[str | None]]
    scanned_bytes: int
    milliseconds: int


class Athena:
    """A work group of Athena."""

    def __init__(self, client: Any, work_group: str, output_location: str | None) -> None:  # noqa: ANN401
        """Ask nothing yet.

        Args:
            client: Boto3's client `athena`.
            work_group: Runs the statements.
            output_location: Of results; None where the work group has one.
        """
        self._client = client
        self._options: dict[str, Any] = {"WorkGroup": work_group}
        if output_location:
            self._options["ResultConfiguration"] = {"OutputLocation": output_location}

    def run(self, sql: str, database: str) -> Answer:
        """Run a statement to its end.

        Args:
            sql: The statement.
            database: Of names without one.

        Raises:
            StatementError: It failed or was stopped.
        """
        query = self._client.start_query_execution(
            QueryString=sql, QueryExecutionContext={"Database": database}, **self._options
        )["QueryExecutionId"]
        while True:
            found = self._client.get_query_execution(QueryExecutionId=query)["QueryExecution"]
            state = found["Status"]["State"]
            if state not in ("QUEUED", "RUNNING"):
                break
            time.sleep(_POLL_SECONDS)
        if state != "SUCCEEDED":
            reason = found["Status"].get("StateChangeReason", "")
            raise StatementError(f"{sql}: {state} {reason}".strip())
        statistics = found.get("Statistics", {})
        return Answer(
            self._rows(query) if sql.startswith("SELECT") else [],
            statistics.get("DataScannedInBytes", 0),
            statistics.get("EngineExecutionTimeInMillis", 0),
        )

    def _rows(self, query: str) -> list[list[str | None]]:
        pages = self._client.get_paginator("get_query_results").paginate(QueryExecutionId=query)
        rows = [
            [value.get("VarCharValue") for value in row["Data"]]
            for page in pages
            for row in page["ResultSet"]["Rows"]
        ]
        return rows[1:]  # the first has the columns' names
