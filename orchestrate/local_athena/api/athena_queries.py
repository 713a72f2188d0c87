"""Athena's operations on queries: start, watch, stop, read.

https://docs.aws.amazon.com/athena/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import hashlib
import json
import re
import time
import uuid
from collections.abc import Mapping

from sqlglot import exp

from orchestrate.local_athena.api import tokens
from orchestrate.local_athena.api.athena_groups import WorkGroups, position
from orchestrate.local_athena.api.errors import ApiError, invalid_request
from orchestrate.local_athena.api.shapes import Answer, Parameters
from orchestrate.local_athena.model import Column, Identity
from orchestrate.local_athena.queries.history import Execution, History, State
from orchestrate.local_athena.queries.results import Results, Row
from orchestrate.local_athena.queries.runs import Queries
from orchestrate.local_athena.queries.values import parse_type

# How long GetQueryExecution waits for the end of a query: a client that polls sleeps none.
LONG_POLL_SECONDS = 20.0
_MAX_RESULTS = 1000
_MAX_IDS = 50
_ENGINE_VERSION = {
    "SelectedEngineVersion": "Athena engine version 3",
    "EffectiveEngineVersion": "Athena engine version 3",
}
CATALOG = "AwsDataCatalog"
_LOCATION = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?", re.DOTALL)

_Type = exp.DataType.Type
# Of ColumnInfo: its name of a type (where not the type's own) and the precision it states.
_COLUMN_TYPES: Mapping[object, tuple[str, int]] = {  # by sqlglot's types
    _Type.TINYINT: ("tinyint", 3),
    _Type.SMALLINT: ("smallint", 5),
    _Type.INT: ("integer", 10),
    _Type.BIGINT: ("bigint", 19),
    _Type.FLOAT: ("float", 17),
    _Type.DOUBLE: ("double", 17),
    _Type.VARCHAR: ("varchar", 2_147_483_647),
    _Type.VARBINARY: ("varbinary", 1_073_741_824),
    _Type.STRUCT: ("row", 0),
}
_OF_TEXT = {"varchar", "char", "string"}


class AthenaQueries:
    """The operations on queries and their results."""

    def __init__(
        self, queries: Queries, history: History, results: Results, groups: WorkGroups
    ) -> None:
        """Take what runs queries, remembers them, holds their results and limits them."""
        self._queries = queries
        self._history = history
        self._results = results
        self._groups = groups

    def start_query_execution(self, identity: Identity, parameters: Parameters) -> Answer:
        """Start a query; a second request with one token gives the first one's id."""
        sql = str(parameters["QueryString"])
        context = parameters.get("QueryExecutionContext", {})
        group = self._groups.enabled(parameters.get("WorkGroup", "primary"))
        arguments = tuple(parameters.get("ExecutionParameters", ()))
        folder = group.output_folder(parameters.get("ResultConfiguration", {}))
        if not _LOCATION.fullmatch(folder):
            raise invalid_request(
                f"outputLocation is not a valid S3 path: {folder!r}; give s3://bucket/prefix/"
            )
        self._results.verify(identity, folder)
        _refuse_result_reuse(parameters.get("ResultReuseConfiguration", {}))
        request = [sql, context, group.name, arguments, folder]
        fingerprint = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
        token = parameters.get("ClientRequestToken")
        execution = Execution(
            id=_identifier(identity, token),
            sql=sql,
            catalog=str(context.get("Catalog", CATALOG)),
            database=str(context.get("Database", "default")).lower(),
            work_group=group.name,
            output_folder=folder if folder.endswith("/") else f"{folder}/",
            parameters=arguments,
            submitted=time.time(),
            fingerprint=fingerprint,
        )
        if not self._queries.start(execution, identity, group.bytes_limit):
            known = self._execution(execution.id)
            if known.fingerprint != fingerprint:
                raise invalid_request("Idempotent parameters do not match")
        return {"QueryExecutionId": execution.id}

    def get_query_execution(self, _: Identity, parameters: Parameters) -> Answer:
        """A query, once it has ended or after 20 seconds."""
        identifier = parameters["QueryExecutionId"]
        found = self._queries.wait(identifier, LONG_POLL_SECONDS)
        if found is None:
            raise _unknown(identifier)
        return {"QueryExecution": _described(found)}

    def batch_get_query_execution(self, _: Identity, parameters: Parameters) -> Answer:
        """Several queries as they are."""
        found, missing = [], []
        for identifier in parameters["QueryExecutionIds"]:
            execution = self._queries.find(identifier)
            if execution is not None:
                found.append(_described(execution))
            else:
                error = _unknown(identifier)
                missing.append(
                    {
                        "QueryExecutionId": identifier,
                        "ErrorCode": error.details["AthenaErrorCode"],
                        "ErrorMessage": error.message,
                    }
                )
        return {"QueryExecutions": found, "UnprocessedQueryExecutionIds": missing}

    def list_query_executions(self, _: Identity, parameters: Parameters) -> Answer:
        """Ids of the queries of a work group, newest first."""
        group = self._groups.require(parameters.get("WorkGroup", "primary"))
        before = position(group.name, parameters)
        count = min(parameters.get("MaxResults", _MAX_IDS), _MAX_IDS)
        names, following = self._history.newest(group.name, before, count)
        return {"QueryExecutionIds": names} | _next_token(group.name, following)

    def stop_query_execution(self, _: Identity, parameters: Parameters) -> Answer:
        """Stop a query; one that has ended stays as it is."""
        self._execution(parameters["QueryExecutionId"])
        self._queries.stop(parameters["QueryExecutionId"])
        return {}

    def get_query_results(self, identity: Identity, parameters: Parameters) -> Answer:
        """A page of a result; the first row of a SELECT's is the header, as with Athena."""
        execution = self._execution(parameters["QueryExecutionId"])
        if not execution.is_final:
            raise invalid_request(
                f"Query has not yet finished. Current state: {execution.state.value}"
            )
        if execution.state is not State.SUCCEEDED or execution.location is None:
            raise invalid_request(
                f"Query did not finish successfully. Final query state: {execution.state.value}"
            )
        count = parameters.get("MaxResults", _MAX_RESULTS)
        if count > _MAX_RESULTS:
            raise invalid_request(f"MaxResults is {count}: give {_MAX_RESULTS} or less")
        offset = position(execution.id, parameters) or 0
        rows: list[Row] = []
        following = None
        if execution.location.endswith((".csv", ".txt")):
            rows, following = self._results.page(
                identity,
                execution.location,
                len(execution.columns),
                offset,
                count,
            )
        is_text = execution.location.endswith(".txt")
        columns = [column_info(column, is_text=is_text) for column in execution.columns]
        return {
            "UpdateCount": execution.update_count or 0,
            "ResultSet": {
                "Rows": [{"Data": [_datum(value) for value in row]} for row in rows],
                "ResultSetMetadata": {"ColumnInfo": columns},
            },
        } | _next_token(execution.id, following)

    def get_query_runtime_statistics(self, _: Identity, parameters: Parameters) -> Answer:
        """Times and sizes of a query that has ended; no stages, since DuckDB has none."""
        execution = self._execution(parameters["QueryExecutionId"])
        if not execution.is_final:
            raise invalid_request(
                f"Query has not yet finished. Current state: {execution.state.value}"
            )
        return {
            "QueryRuntimeStatistics": {
                "Timeline": _times(execution),
                "Rows": {
                    "InputBytes": execution.scanned_bytes,
                    "OutputBytes": execution.output_bytes,
                    "OutputRows": execution.row_count,
                },
            }
        }

    def _execution(self, identifier: str) -> Execution:
        found = self._queries.find(identifier)
        if found is None:
            raise _unknown(identifier)
        return found


def column_info(column: Column, *, is_text: bool = False) -> Answer:
    """Athena's `ColumnInfo`; DDL and utility statements (`is_text`) give strings only."""
    name, precision, scale = ("string", 0, 0) if is_text else _column_type(column.type)
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": column.name,
        "Label": column.name,
        "Type": name,
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": name in _OF_TEXT,
    }


def _column_type(name: str) -> tuple[str, int, int]:
    kind = parse_type(name)
    own = name.partition("(")[0].partition("<")[0].strip().lower()
    if name.lower().endswith(") with time zone"):
        own = f"{own} with time zone"
    sizes = [] if kind.is_type("array", "map", "struct") else [e.name for e in kind.expressions]
    numbers = [int(size) for size in sizes if size.isdigit()]
    if own.startswith(("timestamp", "time")):
        return own, numbers[0] if numbers else 3, 0
    if own == "decimal":
        return own, *(numbers or (38, 0))[:2]
    own, precision = _COLUMN_TYPES.get(kind.this, (own, 0))
    return own, numbers[0] if numbers else precision, 0


def _described(execution: Execution) -> Answer:
    """Athena's `QueryExecution`."""
    status: Answer = {
        "State": execution.state.value,
        "SubmissionDateTime": execution.submitted,
    }
    if execution.completed is not None:
        status["CompletionDateTime"] = execution.completed
    if execution.reason is not None:
        status["StateChangeReason"] = execution.reason
    if execution.error_category is not None:
        status["AthenaError"] = {
            "ErrorCategory": int(execution.error_category.value),
            "ErrorType": _error_type(execution.reason or ""),
            "Retryable": False,
            "ErrorMessage": execution.reason,
        }
    statistics = _times(execution) | {
        "DataScannedInBytes": execution.scanned_bytes,
        "ResultReuseInformation": {"ReusedPreviousResult": False},
    }
    if execution.manifest_location is not None:
        statistics["DataManifestLocation"] = execution.manifest_location
    found: Answer = {
        "QueryExecutionId": execution.id,
        "Query": execution.sql,
        "ResultConfiguration": {"OutputLocation": execution.location or execution.output_folder},
        "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
        "QueryExecutionContext": {"Database": execution.database, "Catalog": execution.catalog},
        "Status": status,
        "Statistics": statistics,
        "WorkGroup": execution.work_group,
        "EngineVersion": _ENGINE_VERSION,
    }
    if execution.parameters:
        found["ExecutionParameters"] = list(execution.parameters)
    if execution.kind is not None:
        found["StatementType"] = execution.kind
        found["SubstatementType"] = execution.sub_kind
    return found


def _times(execution: Execution) -> Answer:
    """Times of a query in milliseconds, as far as it has come."""
    end = execution.completed or time.time()
    began = execution.started or end
    return {
        "QueryQueueTimeInMillis": round((began - execution.submitted) * 1000),
        "EngineExecutionTimeInMillis": round((end - began) * 1000),
        "TotalExecutionTimeInMillis": round((end - execution.submitted) * 1000),
    }


# https://docs.aws.amazon.com/athena/latest/ug/error-reference.html
_ERROR_TYPES: Mapping[str, int] = {
    "SYNTAX_ERROR": 1006,
    "TABLE_NOT_FOUND": 1301,
    "SCHEMA_NOT_FOUND": 1301,
    "PERMISSION_DENIED": 1101,
}
_GENERIC_ERROR_TYPE = 1  # general


def _error_type(reason: str) -> int:
    return _ERROR_TYPES.get(reason.partition(":")[0], _GENERIC_ERROR_TYPE)


def _identifier(identity: Identity, token: str | None) -> str:
    """A query's id: that of the token, so that a request sent twice starts one query."""
    if token is None:
        return str(uuid.uuid4())
    digest = hashlib.sha256(f"{identity.access_key_id}\n{token}".encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def _refuse_result_reuse(configuration: Parameters) -> None:
    """Results are never reused, which a client may allow but not demand: nothing to refuse.

    Athena, too, runs the query where it has no result young enough. A request malformed is told.
    """
    by_age = configuration.get("ResultReuseByAgeConfiguration", {})
    minutes = by_age.get("MaxAgeInMinutes", 60)
    if not 0 <= minutes <= 10_080:
        raise invalid_request(f"MaxAgeInMinutes is {minutes}: give 0 to 10080")


def _unknown(identifier: str) -> ApiError:
    return invalid_request(f"QueryExecution {identifier} was not found")


def _datum(value: str | None) -> Answer:
    return {} if value is None else {"VarCharValue": value}


def _next_token(scope: str, following: int | None) -> Answer:
    return {} if following is None else {"NextToken": tokens.write(scope, following)}
