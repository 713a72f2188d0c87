"""Runs Athena's statements on DuckDB and the lake."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
from pyiceberg.exceptions import RESTError
from requests import RequestException

from orchestrate.local_athena.engine import query_errors, statements
from orchestrate.local_athena.engine.duck import Duck
from orchestrate.local_athena.engine.statements.session import Session
from orchestrate.local_athena.metastore.catalog import (
    AlreadyExists,
    EntityNotFound,
    InvalidInput,
    Metastore,
)
from orchestrate.local_athena.model import (
    CURRENT,
    Cancellation,
    QueryError,
    QueryRequest,
    QueryResult,
)

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrate.local_stack.settings import LakeSettings


# The tree of a thousand conditions joined by OR is a thousand deep, with some calls a level.
_DEEPEST = 20_000


class DuckEngine:
    """The engine; see `model.Engine`."""

    def __init__(self, settings: LakeSettings, directory: Path, metastore: Metastore) -> None:
        """Make the engine; the lake is asked only when needed.

        Args:
            settings: The lake.
            directory: For what does not fit into memory.
            metastore: The catalog, shared with Glue's API.
        """
        self._duck = Duck(settings, directory)
        self._metastore = metastore
        sys.setrecursionlimit(max(sys.getrecursionlimit(), _DEEPEST))

    def close(self) -> None:
        """Let go of DuckDB."""
        self._duck.close()

    def execute(self, request: QueryRequest, cancellation: Cancellation) -> QueryResult:
        """Run one statement to its end.

        Raises:
            QueryError: It is wrong, refused or was stopped.
        """
        with ExitStack() as stack:
            stack.enter_context(_told(cancellation))
            stack.callback(CURRENT.set, None)
            CURRENT.set(cancellation)
            cursor = stack.enter_context(self._duck.cursor(cancellation, request.bytes_limit))
            session = Session(request, self._metastore, cursor, cancellation)
            result = replace(statements.run(session), scanned=lambda: cursor.scanned_bytes)
            if result.rows is not None and not isinstance(result.rows, pa.Table):
                return replace(result, rows=_to_the_end(result.rows, stack.pop_all()))
            return result


def _to_the_end(batches: Generator[pa.RecordBatch], stack: ExitStack) -> Generator[pa.RecordBatch]:
    """Keep the cursor open as long as its rows are read."""
    with stack, closing(batches):
        yield from batches


@contextmanager
def _told(cancellation: Cancellation) -> Iterator[None]:
    """Tell what fails as Athena would."""
    try:
        yield
    except duckdb.Error as error:
        is_interrupted = cancellation.is_asked and isinstance(error, duckdb.InterruptException)
        stopped = cancellation.may_be_left or is_interrupted
        raise query_errors.of_duckdb(error, stopped=stopped) from error
    except RecursionError:
        raise QueryError("STACK_OVERFLOW", "the statement is nested too deeply") from None
    except EntityNotFound as error:
        raise QueryError("TABLE_NOT_FOUND", str(error)) from None
    except AlreadyExists as error:
        raise QueryError("TABLE_ALREADY_EXISTS", str(error)) from None
    except InvalidInput as error:
        raise QueryError("INVALID_ARGUMENTS", str(error)) from None
    except (OSError, RequestException, RESTError) as error:
        raise query_errors.of_lake(error) from error
