"""Runs Athena's statements on DuckDB and the lake."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import duckdb
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
from orchestrate.local_athena.model import Cancellation, QueryError, QueryRequest, QueryResult

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrate.local_stack.settings import LakeSettings


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

    def close(self) -> None:
        """Let go of DuckDB."""
        self._duck.close()

    def execute(self, request: QueryRequest, cancellation: Cancellation) -> QueryResult:
        """Run one statement to its end.

        Raises:
            QueryError: It is wrong, refused or was stopped.
        """
        try:
            with self._duck.cursor(cancellation, request.bytes_limit) as cursor:
                session = Session(request, self._metastore, cursor, cancellation)
                result = statements.run(session)
                return replace(result, scanned_bytes=cursor.scanned_bytes)
        except duckdb.Error as error:
            raise query_errors.of_duckdb(error, stopped=cancellation.is_asked) from error
        except EntityNotFound as error:
            raise QueryError("TABLE_NOT_FOUND", str(error)) from None
        except AlreadyExists as error:
            raise QueryError("TABLE_ALREADY_EXISTS", str(error)) from None
        except InvalidInput as error:
            raise QueryError("INVALID_ARGUMENTS", str(error)) from None
        except (OSError, RequestException, RESTError) as error:
            raise query_errors.of_lake(error) from error
