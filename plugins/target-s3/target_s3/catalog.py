"""The connection to the catalog, and commits to its tables that survive passing faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from columnar_singer.errors import UserError
from columnar_singer.retry import retry
from pyarrow.fs import AwsStandardS3RetryStrategy
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import (
    BadRequestError,
    CommitFailedException,
    ForbiddenError,
    NoSuchTableError,
    NotInstalledError,
    UnauthorizedError,
    ValidationException,
)

from target_s3.errors import is_busy, passes

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyiceberg.catalog import Catalog
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from target_s3.settings import LakeSettings

HTTP_TIMEOUT_SECONDS = 60.0
COMMIT_ATTEMPTS = 8
"""Half a minute in all, for a compaction that commits at the same time or a catalog that restarts.
"""
_REFUSALS = (
    BadRequestError,
    CommitFailedException,
    ForbiddenError,
    NoSuchTableError,
    NotInstalledError,
    UnauthorizedError,
    ValidationException,
)
"""Answers that say that a commit was not made."""

S3_ATTEMPTS = 5
"""About ten seconds in all for each call."""


class UnknownOutcomeError(UserError):
    """The catalog gave no answer to a commit, which may or may not be in the table."""


class PatientS3Retry(AwsStandardS3RetryStrategy):  # type: ignore[misc]
    """Tries an S3 call that was not answered again; pyiceberg makes one by its name."""

    def __init__(self) -> None:
        """Set the number of attempts; the pauses double."""
        super().__init__(max_attempts=S3_ATTEMPTS)


def connect(settings: LakeSettings) -> Catalog:
    """Connect to the catalog.

    Args:
        settings: Where it is.

    Returns:
        The catalog; no request to it, nor to S3, waits for ever.
    """
    properties = {
        **settings.catalog_properties(),
        "s3.connect-timeout": "10",
        "s3.request-timeout": str(HTTP_TIMEOUT_SECONDS),
        "s3.retry-strategy-impl": f"{PatientS3Retry.__module__}.{PatientS3Retry.__name__}",
    }
    if settings.catalog_type == "glue":
        return _glue_catalog(settings)("lake", **properties)
    catalog = retry(
        lambda: load_catalog("lake", **properties),
        what="connect to the catalog",
        passes=is_busy,
    )
    if settings.catalog_type == "rest":
        _set_timeout(catalog)
    return catalog


def _glue_catalog(settings: LakeSettings) -> type[Catalog]:
    # Only here: they need boto3.
    try:
        from target_s3.glue import DescribedGlueCatalog
        from target_s3.hive import HiveCatalog
    except ModuleNotFoundError as error:
        raise NotInstalledError(str(error)) from error
    return HiveCatalog if settings.is_hive else DescribedGlueCatalog


def append(
    table: Table,
    files: list[DataFile],
    summary: dict[str, str],
    check: Callable[[], None] = lambda: None,
) -> None:
    """Make files visible in one snapshot, on top of whatever others commit meanwhile.

    Args:
        table: The table.
        files: Complete files, each in no snapshot yet.
        summary: Goes into the snapshot's summary.
        check: Raises if the commit may not follow what the table has got meanwhile.

    Raises:
        UnknownOutcomeError: The files may be in the table.
        Exception: The files are not in the table.
    """
    tried: list[int] = []
    without_answer = False

    def attempt() -> None:
        nonlocal without_answer
        if tried:
            if _has_snapshot(table, tried):
                return
            check()
        # Each attempt is based on what was read after the one before, so that the catalog takes
        # at most one of two attempts that are under way at once. pyiceberg's own repetition
        # would not look for the earlier ones.
        table.metadata = table.metadata.model_copy(
            update={"properties": {**table.properties, "commit.retry.num-retries": "0"}}
        )
        transaction = table.transaction()
        update = transaction.update_snapshot(snapshot_properties=summary).merge_append()
        for file in files:
            update.append_data_file(file)
        update.commit()
        tried.append(update.snapshot_id)
        try:
            transaction.commit_transaction()
        except _REFUSALS:
            raise
        except Exception:
            without_answer = True
            raise

    name = ".".join(table.name())
    try:
        retry(
            attempt,
            what=f"commit to {name}",
            passes=lambda error: isinstance(error, CommitFailedException) or passes(error),
            attempts=COMMIT_ATTEMPTS,
        )
    except Exception as error:
        if not without_answer:
            raise
        if not _is_there_after_all(table, tried):
            message = (
                f"the catalog gave no clear answer to a commit to {name} "
                f"({type(error).__name__}), which may or may not have been made; run again: rows "
                "that come twice do no harm"
            )
            raise UnknownOutcomeError(message) from error


def _has_snapshot(table: Table, ids: list[int]) -> bool:
    table.refresh()
    return any(table.snapshot_by_id(each) is not None for each in ids)


def _is_there_after_all(table: Table, ids: list[int]) -> bool:
    try:
        return _has_snapshot(table, ids)
    # The first error is the one to tell.
    except Exception:
        return False


def _set_timeout(catalog: Catalog) -> None:
    """Give a REST catalog's requests a time-out, for which pyiceberg has no setting."""
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        def send(self, request: Any, **options: Any) -> Any:  # type: ignore[override]  # noqa: ANN401
            options["timeout"] = options.get("timeout") or HTTP_TIMEOUT_SECONDS
            return super().send(request, **options)

    session = catalog._session  # type: ignore[attr-defined]
    for prefix in ("http://", "https://"):
        session.mount(prefix, Adapter())
