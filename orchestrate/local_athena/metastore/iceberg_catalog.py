"""The lake's Iceberg tables, through the REST catalog."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import (
    NamespaceAlreadyExistsError,
    NoSuchNamespaceError,
    NoSuchTableError,
)

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

    from orchestrate.local_stack.settings import LakeSettings


_DELETING = 8


class IcebergCatalog:
    """Namespaces and tables; nothing is kept, so that what others commit is seen at once."""

    def __init__(self, settings: LakeSettings) -> None:
        """Remember where the lake is."""
        self._settings = settings
        self._lock = threading.Lock()
        self._catalog: Catalog | None = None

    @property
    def catalog(self) -> Catalog:
        """The connection, made at the first use."""
        with self._lock:
            if self._catalog is None:
                self._catalog = load_catalog("lake", **self._settings.catalog_properties())
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
            connect_timeout=10,
            request_timeout=60,
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

    def _delete_below(self, location: str) -> None:
        from pyarrow.fs import FileSelector, FileType

        parts = urlsplit(location)
        files = self.files()
        # Not by directory: that would ask for the directory itself, which SeaweedFS refuses.
        below = FileSelector(parts.netloc + parts.path, allow_not_found=True, recursive=True)
        found = files.get_file_info(below)
        with ThreadPoolExecutor(_DELETING) as pool:
            paths = (each.path for each in found if each.type == FileType.File)
            list(pool.map(files.delete_file, paths))
