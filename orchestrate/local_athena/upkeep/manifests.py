"""The manifests of a rewrite: new files, files that stay, files that are gone."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from pyiceberg.manifest import (
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    ManifestWriter,
    ManifestWriterV2,
)

if TYPE_CHECKING:
    from pyiceberg.avro.codecs import AvroCompressionCodec
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from orchestrate.local_athena.upkeep.live import LiveFiles

DEFAULT_MANIFEST_BYTES = 8 * 1024 * 1024
"""https://iceberg.apache.org/docs/latest/configuration/, commit.manifest.target-size-bytes."""

CODEC: AvroCompressionCodec = "deflate"


class _DeletesWriter(ManifestWriterV2):
    """A manifest of delete files, for which pyiceberg has no writer."""

    def content(self) -> Literal[ManifestContent.DELETES]:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


class ManifestFiles:
    """Writes the manifests of one snapshot.

    Attributes:
        paths: Of all that were written.
    """

    def __init__(self, table: Table, snapshot_id: int) -> None:
        """Write none yet."""
        self.paths: list[str] = []
        self._table = table
        self._snapshot_id = snapshot_id
        self._name = uuid.uuid4()
        self._bytes = int(
            table.properties.get("commit.manifest.target-size-bytes", DEFAULT_MANIFEST_BYTES)
        )

    def write(
        self, live: LiveFiles, removed: set[str], added: Iterable[DataFile]
    ) -> list[ManifestFile]:
        """Write the manifests of a snapshot that has other files than the one before.

        Small manifests become one, large ones in which nothing changes stay.

        Args:
            live: The files of the snapshot before.
            removed: Paths of the data and delete files that are gone.
            added: New data files.

        Returns:
            All manifests of the new snapshot.
        """
        new = [
            ManifestEntry.from_args(
                status=ManifestEntryStatus.ADDED,
                snapshot_id=self._snapshot_id,
                sequence_number=None,
                file_sequence_number=None,
                data_file=file,
            )
            for file in added
        ]
        result = list(self._pack(ManifestContent.DATA, new, ManifestWriter.add))
        for content in ManifestContent:
            stay: list[ManifestEntry] = []
            gone: list[ManifestEntry] = []
            for manifest, entries in live.manifests:
                if manifest.content != content:
                    continue
                removed_here = [each for each in entries if each.data_file.file_path in removed]
                if not removed_here and manifest.manifest_length >= self._bytes // 2:
                    result.append(manifest)
                    continue
                gone += removed_here
                stay += [each for each in entries if each.data_file.file_path not in removed]
            result += self._pack(content, stay, ManifestWriter.existing)
            result += self._pack(content, gone, ManifestWriter.delete)
        return result

    def _pack(
        self,
        content: ManifestContent,
        entries: list[ManifestEntry],
        write: Callable[[ManifestWriter, ManifestEntry], object],
    ) -> Iterator[ManifestFile]:
        by_spec: dict[int, list[ManifestEntry]] = defaultdict(list)
        for entry in entries:
            by_spec[entry.data_file.spec_id].append(entry)
        for spec_id, of_spec in by_spec.items():
            # Neighbours in the table become neighbours here, so that a reader skips manifests.
            waiting = sorted(of_spec, key=lambda each: _sort_key(each.data_file), reverse=True)
            while waiting:
                with self._new_writer(content, spec_id) as writer:
                    while waiting and writer.tell() < self._bytes:
                        write(writer, waiting.pop())
                yield writer.to_manifest_file()

    def _new_writer(self, content: ManifestContent, spec_id: int) -> ManifestWriter:
        kind = ManifestWriterV2 if content == ManifestContent.DATA else _DeletesWriter
        name = f"{self._name}-m{len(self.paths)}.avro"
        self.paths.append(self._table.location_provider().new_metadata_location(name))
        return kind(
            self._table.specs()[spec_id],
            self._table.schema(),
            self._table.io.new_output(self.paths[-1]),
            self._snapshot_id,
            CODEC,
        )


def _sort_key(file: DataFile) -> tuple[list[tuple[bool, str]], str]:
    """By partition; as text, for values may be NULL or of any type."""
    partition = [file.partition[number] for number in range(len(file.partition))]
    return [(value is None, str(value)) for value in partition], file.file_path
