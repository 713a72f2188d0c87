"""The lake's Iceberg tables, through the REST catalog."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import (
    NamespaceAlreadyExistsError,
    NoSuchNamespaceError,
    NoSuchTableError,
)
from requests.adapters import HTTPAdapter

from orchestrate.local_athena.model import take_effect

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table
    from requests import PreparedRequest, Response, Session

    from orchestrate.local_stack.settings import LakeSettings


_CONNECT_SECONDS = 10
_REQUEST_SECONDS = 60
_CHANGES = frozenset({"POST", "PUT", "DELETE"})


class _Http(HTTPAdapter):
    """No request waits for ever; one that changes something tells the query on whose behalf."""

    def __init__(self, token_uri: str) -> None:
        super().__init__()
        self._token_uri = token_uri

    def send(self, request: PreparedRequest, *given: Any, **options: Any) -> Response:  # noqa: ANN401 - as its base
        if request.method in _CHANGES and request.url != self._token_uri:
            take_effect()
        options["timeout"] = options.get("timeout") or (_CONNECT_SECONDS, _REQUEST_SECONDS)
        return super().send(request, *given, **options)


class _Rest(RestCatalog):
    """pyiceberg's, which has no setting for time-outs."""

    def _config_headers(self, session: Session) -> None:
        # The first that is done to a new session, before it asks for a token. The catalog is on
        # this machine: no proxy is looked for, which takes longer than the request.
        session.trust_env = False
        session.mount(self.properties["uri"], _Http(self.properties["oauth2-server-uri"]))
        super()._config_headers(session)


class IcebergCatalog:
    """Namespaces and tables; nothing is kept, so that what others commit is seen at once."""

    def __init__(self, settings: LakeSettings) -> None:
        """Remember where the lake is."""
        self._settings = settings
        self._lock = threading.Lock()
        self._catalog: Catalog | None = None
        self._client: Any = None

    @property
    def catalog(self) -> Catalog:
        """The connection, made at the first use."""
        with self._lock:
            if self._catalog is None:
                timeouts = {
                    "s3.connect-timeout": str(_CONNECT_SECONDS),
                    "s3.request-timeout": str(_REQUEST_SECONDS),
                }
                self._catalog = _Rest("lake", **self._settings.catalog_properties(), **timeouts)
            return self._catalog

    @property
    def bucket(self) -> str:
        """The bucket of all Iceberg tables."""
        return self._settings.bucket

    @property
    def files_bucket(self) -> str:
        """The bucket of all other files."""
        return self._settings.files_bucket

    def files(self) -> S3FileSystem:
        """The lake's S3."""
        from pyarrow.fs import S3FileSystem

        lake = self._settings
        return S3FileSystem(
            access_key=lake.access_key_id,
            secret_key=lake.secret_access_key,
            region=lake.region,
            endpoint_override=lake.s3_endpoint,
            connect_timeout=_CONNECT_SECONDS,
            request_timeout=_REQUEST_SECONDS,
        )

    def namespaces(self) -> list[str]:
        """Names of all namespaces, sorted."""
        return sorted(".".join(each) for each in self.catalog.list_namespaces())

    def namespace(self, name: str) -> dict[str, Any] | None:
        """Properties of a namespace, None if there is none."""
        try:
            return dict(self.catalog.load_namespace_properties(name))
        except NoSuchNamespaceError:
            return None

    def create_namespace(self, name: str, properties: dict[str, str]) -> bool:
        """Create a namespace; returns whether there was none."""
        try:
            self.catalog.create_namespace(name, properties)
        except NamespaceAlreadyExistsError:
            return False
        return True

    def update_namespace(self, name: str, removed: set[str], properties: dict[str, str]) -> None:
        """Take properties of a namespace away, and set others."""
        self.catalog.update_namespace_properties(name, removed, properties)

    def drop_namespace(self, name: str) -> None:
        """Drop an empty namespace; none is no error."""
        try:
            self.catalog.drop_namespace(name)
        except NoSuchNamespaceError:
            return

    def names(self, namespace: str) -> list[str]:
        """Tables of a namespace, sorted; none if there is no such namespace."""
        try:
            return sorted(each[-1] for each in self.catalog.list_tables(namespace))
        except NoSuchNamespaceError:
            return []

    def table(self, namespace: str, name: str) -> Table | None:
        """A table as it is now, None if there is none."""
        try:
            return self.catalog.load_table((namespace, name))
        except (NoSuchTableError, NoSuchNamespaceError):
            return None

    def rename(self, namespace: str, name: str, new_namespace: str, new_name: str) -> None:
        """Give a table another name."""
        self.catalog.rename_table((namespace, name), (new_namespace, new_name))

    def drop(self, namespace: str, name: str, *, purge: bool) -> None:
        """Drop a table, and with `purge` then its files; a kill in between leaves orphans only."""
        table = self.table(namespace, name)
        if table is None:
            return
        location = table.location()
        self.catalog.drop_table((namespace, name))
        if purge:
            self._delete_below(location)

    @property
    def _s3(self) -> Any:  # noqa: ANN401 - botocore has no types
        with self._lock:
            if self._client is None:
                self._client = boto3.session.Session().client(
                    "s3",
                    **self._settings.client_arguments(self._settings.owner_key),
                    config=Config(
                        proxies={},
                        connect_timeout=_CONNECT_SECONDS,
                        read_timeout=_REQUEST_SECONDS,
                    ),
                )
            return self._client

    def _delete_below(self, location: str) -> None:
        # Not with Arrow, which makes the directory anew behind the last file: SeaweedFS refuses
        # that in a bucket of tables.
        parts = urlsplit(location)
        s3 = self._s3
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=parts.netloc, Prefix=f"{parts.path.strip('/')}/"
        )
        for page in pages:
            keys = [{"Key": each["Key"]} for each in page.get("Contents", [])]
            if not keys:
                continue
            answer = s3.delete_objects(Bucket=parts.netloc, Delete={"Objects": keys, "Quiet": True})
            if answer.get("Errors"):
                raise OSError(f"files of {location} were not deleted: {answer['Errors'][0]}")
