"""What the parts of the local Athena hand to one another.

The server (HTTP) hands a request to one of the APIs (Athena, Glue, STS). Athena's hands a query to
`queries` (history, states, threads), and that to the engine (DuckDB). Glue's and the engine share
the metastore (databases, tables, views, partitions).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa


class ErrorCategory(StrEnum):
    """Whose fault a failed query is, as numbers of the field `ErrorCategory` of `AthenaError`.

    https://docs.aws.amazon.com/athena/latest/APIReference/API_AthenaError.html
    """

    SYSTEM = "1"
    USER = "2"
    OTHER = "3"


class QueryError(Exception):
    """A query that fails, told the way Athena tells it: `SYNTAX_ERROR: line 1:8: …`.

    Attributes:
        name: Trino's name of the error, as `TABLE_NOT_FOUND`; it starts the message.
        text: The message without it.
        category: Whose fault it is.
    """

    def __init__(self, name: str, text: str, category: ErrorCategory = ErrorCategory.USER) -> None:
        """Make the error from its name and one line of text."""
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text
        self.category = category


CANCELLED = "QUERY_CANCELLED"
"""Name of the error of a query that was stopped."""


class ScanLimitExceeded(QueryError):  # noqa: N818 (what Athena says)
    """A query that read more than its work group allows, for which Athena cancels it."""

    def __init__(self) -> None:
        """Say so as Athena does."""
        super().__init__("EXCEEDED_SCAN_LIMIT", "Bytes scanned limit was exceeded")


class StatementKind(StrEnum):
    """Athena's `StatementType`."""

    DDL = "DDL"
    DML = "DML"
    UTILITY = "UTILITY"


@dataclass(frozen=True)
class Column:
    """A column of a result; `type` is Athena's name, as `varchar` or `decimal(10,2)`."""

    name: str
    type: str


@dataclass(frozen=True)
class Identity:
    """Who asks: an access key, and the namespaces (databases) that it may only read."""

    access_key_id: str
    read_only_namespaces: frozenset[str] = frozenset()

    def may_write(self, namespace: str) -> bool:
        """Whether it may change data or tables of `namespace`."""
        return namespace.lower() not in self.read_only_namespaces


@dataclass(frozen=True)
class QueryRequest:
    """A query as `StartQueryExecution` hands it over.

    Attributes:
        id: Execution id, a UUID.
        sql: The text, as sent.
        database: Of names without one.
        output_location: `s3://bucket/prefix/` of the results.
        parameters: Values of the `?` in the text, SQL literals each.
        bytes_limit: The work group's `BytesScannedCutoffPerQuery`, None without.
        identity: Who asks.
    """

    id: str
    sql: str
    database: str
    output_location: str
    identity: Identity
    parameters: tuple[str, ...] = ()
    bytes_limit: int | None = None


@dataclass(frozen=True)
class QueryResult:
    """What a query gave.

    Attributes:
        kind: Athena's `StatementType`.
        sub_kind: Athena's `SubstatementType`, as `SELECT` or `CREATE_TABLE_AS_SELECT`.
        columns: Of `rows`, with Athena's types.
        rows: The rows, as DuckDB gave them; None for a statement without any. Batches keep a large
            result out of memory: they may raise QueryError, and are read to their end or closed.
        update_count: Rows written, None for a statement that writes none.
        scanned: Bytes of data files read, once the rows are.
        manifest_location: Of `UNLOAD` and CTAS: where the list of written files lies.
    """

    kind: StatementKind
    sub_kind: str
    columns: tuple[Column, ...] = ()
    rows: pa.Table | Generator[pa.RecordBatch] | None = None
    update_count: int | None = None
    scanned: Callable[[], int] = lambda: 0
    manifest_location: str | None = None


@dataclass
class Cancellation:
    """Whether a running query shall stop. The engine leaves what interrupts it.

    A query that waits for a server cannot be interrupted, but be left to itself as long as nobody
    sees anything of it: the engine says when that ends.
    """

    _event: threading.Event = field(default_factory=threading.Event)
    _callbacks: list[Callable[[], None]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _has_effect: bool = False

    @property
    def is_asked(self) -> bool:
        """Whether somebody called `ask`."""
        return self._event.is_set()

    def ask(self) -> None:
        """Stop the query."""
        with self._lock:
            self._event.set()
            callbacks = list(self._callbacks)
        for callback in callbacks:
            callback()

    def refuse_if_asked(self) -> None:
        """Stop here if asked to.

        Raises:
            QueryError: CANCELLED.
        """
        if self.is_asked:
            raise QueryError(CANCELLED, "Query cancelled")

    def take_effect(self) -> None:
        """Go on to what others will see; its end must be waited for from here on.

        Raises:
            QueryError: The query was asked to stop before.
        """
        with self._lock:
            if self._event.is_set() and not self._has_effect:
                raise QueryError(CANCELLED, "Query cancelled")
            self._has_effect = True

    @property
    def may_be_left(self) -> bool:
        """Whether the query was asked to stop, and neither has an effect nor will have one."""
        with self._lock:
            return self._event.is_set() and not self._has_effect

    def on_ask(self, callback: Callable[[], None]) -> None:
        """Call `callback` (a connection's `interrupt`) when asked to; at once if asked already."""
        with self._lock:
            if not self._event.is_set():
                self._callbacks.append(callback)
                return
        callback()


CURRENT: ContextVar[Cancellation | None] = ContextVar("CURRENT", default=None)
"""Of the query that runs in this thread, for those that change things on its behalf."""


def take_effect() -> None:
    """See `Cancellation.take_effect`; nothing for whom runs no query, as Glue's API.

    Raises:
        QueryError: The query was asked to stop before.
    """
    cancellation = CURRENT.get()
    if cancellation is not None:
        cancellation.take_effect()


class Engine(Protocol):
    """What runs queries; called from several threads at once."""

    def execute(self, request: QueryRequest, cancellation: Cancellation) -> QueryResult:
        """Run one statement to its end.

        Raises:
            QueryError: It is wrong, refused or was stopped.
        """
        ...
