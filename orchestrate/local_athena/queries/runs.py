"""Queries from their start to their end: states, threads, stopping."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from orchestrate.local_athena.model import (
    CANCELLED,
    Cancellation,
    Engine,
    ErrorCategory,
    Identity,
    QueryError,
    QueryRequest,
    ScanLimitExceeded,
)
from orchestrate.local_athena.queries.history import Execution, History, State
from orchestrate.local_athena.queries.results import Results

# More wait in the state QUEUED. DuckDB gives each all its threads.
CONCURRENT_QUERIES = 8
# How long a query that is stopped may take to say so before it is left to itself.
_GRACE_SECONDS = 1.0
_CLOSED = "the endpoint was stopped before the query had ended: start it again"

_log = logging.getLogger(__name__)


class Queries:
    """Runs queries, a thread each, and keeps their history."""

    def __init__(self, engine: Engine, history: History, results: Results) -> None:
        """Take what runs a query, what remembers it and what writes its result."""
        self._engine = engine
        self._history = history
        self._results = results
        self._pool = ThreadPoolExecutor(CONCURRENT_QUERIES, thread_name_prefix="query")
        self._changed = threading.Condition()
        self._live: dict[str, tuple[Execution, Cancellation]] = {}
        self._closing = False

    def start(self, execution: Execution, identity: Identity, bytes_limit: int | None) -> bool:
        """Run `execution` as soon as a thread is free; False if its id is known already."""
        cancellation = Cancellation()
        with self._changed:
            if not self._history.add(execution):
                return False
            self._live[execution.id] = (execution, cancellation)
        request = QueryRequest(
            id=execution.id,
            sql=execution.sql,
            database=execution.database,
            output_location=execution.output_folder,
            identity=identity,
            parameters=execution.parameters,
            bytes_limit=bytes_limit,
        )
        self._pool.submit(self._run, request, cancellation)
        return True

    @property
    def count(self) -> int:
        """How many have not ended."""
        with self._changed:
            return sum(not execution.is_final for execution, _ in self._live.values())

    def find(self, identifier: str) -> Execution | None:
        """The query with that id, as it is now."""
        with self._changed:
            live = self._live.get(identifier)
        return live[0] if live else self._history.find(identifier)

    def wait(self, identifier: str, seconds: float) -> Execution | None:
        """The query with that id once it has ended, or as it is after `seconds`."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._has_ended(identifier) or self._closing, timeout=seconds
            )
        return self.find(identifier)

    def _has_ended(self, identifier: str) -> bool:
        live = self._live.get(identifier)
        return live is None or live[0].is_final

    def stop(self, identifier: str) -> None:
        """Stop a query that has not ended; one that waits ends at once."""
        with self._changed:
            live = self._live.get(identifier)
            if live is not None and live[0].state is State.QUEUED:
                self._end(self._stopped(live[0]))
        if live is not None:
            live[1].ask()

    def close(self) -> None:
        """Stop all queries and wait for their ends."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            live = list(self._live)
        for identifier in live:
            self.stop(identifier)
        self._pool.shutdown()

    def _run(self, request: QueryRequest, cancellation: Cancellation) -> None:
        with self._changed:
            if self._has_ended(request.id):  # cancelled while it waited
                return
            execution = replace(self._live[request.id][0], state=State.RUNNING, started=time.time())
            self._live[request.id] = (execution, cancellation)
            self._save(execution)
        # A thread of its own, since it may wait for the lake and not hear that it shall stop.
        moved = threading.Event()
        outcome: list[Execution] = []

        def work() -> None:
            outcome.append(self._outcome(request, execution, cancellation))
            moved.set()

        thread = threading.Thread(target=work, name=f"query-{request.id}", daemon=True)
        thread.start()
        cancellation.on_ask(moved.set)
        moved.wait()
        thread.join(_GRACE_SECONDS)
        if thread.is_alive() and not cancellation.may_be_left:
            thread.join()
        with self._changed:
            self._end(outcome[0] if outcome else self._stopped(execution))

    def _outcome(
        self, request: QueryRequest, execution: Execution, cancellation: Cancellation
    ) -> Execution:
        try:
            return self._execute(request, execution, cancellation)
        except QueryError as error:
            return self._failed(execution, error, cancellation)
        except Exception as error:
            _log.exception("query %s", request.id)
            text = " ".join(f"{type(error).__name__}: {error}".split())
            internal = QueryError("GENERIC_INTERNAL_ERROR", text, ErrorCategory.SYSTEM)
            return self._failed(execution, internal, cancellation)

    def _execute(
        self, request: QueryRequest, execution: Execution, cancellation: Cancellation
    ) -> Execution:
        result = self._engine.execute(request, cancellation)
        written = self._results.write(request.identity, request.output_location, request.id, result)
        return replace(
            execution,
            state=State.SUCCEEDED,
            kind=result.kind.value,
            sub_kind=result.sub_kind,
            columns=written.columns,
            update_count=result.update_count,
            scanned_bytes=result.scanned(),
            manifest_location=result.manifest_location,
            location=written.location,
            row_count=written.row_count,
            output_bytes=written.size_bytes,
        )

    def _end(self, execution: Execution) -> None:
        """Keep how a query ended. The caller holds the lock."""
        ended = replace(execution, completed=time.time())
        if self._save(ended):
            del self._live[ended.id]
        else:  # whoever asks is told as long as the endpoint runs
            self._live[ended.id] = (ended, self._live[ended.id][1])
        self._changed.notify_all()

    def _save(self, execution: Execution) -> bool:
        """Keep how far a query has come; whether that was written (a disk may be full)."""
        try:
            self._history.save(execution)
        except sqlite3.Error:
            _log.exception("query %s", execution.id)
            return False
        return True

    def _failed(
        self, execution: Execution, error: QueryError, cancellation: Cancellation
    ) -> Execution:
        # How a commit failed is told even of a query that was to stop: it may have been made.
        if cancellation.may_be_left or (cancellation.is_asked and error.name == CANCELLED):
            return self._stopped(execution)
        is_over = isinstance(error, ScanLimitExceeded)
        return replace(
            execution,
            state=State.CANCELLED if is_over else State.FAILED,
            reason=error.text if is_over else str(error),
            error_category=error.category,
        )

    def _stopped(self, execution: Execution) -> Execution:
        if not self._closing:
            return replace(execution, state=State.CANCELLED, reason="Query was cancelled")
        return replace(
            execution,
            state=State.FAILED,
            reason=f"INTERNAL_ERROR: {_CLOSED}",
            error_category=ErrorCategory.SYSTEM,
        )
