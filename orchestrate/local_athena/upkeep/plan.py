"""Which files `OPTIMIZE` rewrites, and which of them together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.upkeep.live import LiveFiles, in_order_of_arrival

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile, ManifestEntry
    from pyiceberg.typedef import Record

DEFAULT_TARGET_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True)
class Thresholds:
    """Athena's table properties for `OPTIMIZE`, sizes in bytes.

    https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-creating-tables.html

    Attributes:
        target: Size of the files written.
        small: Smaller files are rewritten.
        large: Larger ones too.
        data_files: So many of a partition must need it.
        delete_files: With so many delete files a data file is rewritten.
    """

    target: int
    small: int
    large: int
    data_files: int
    delete_files: int

    @classmethod
    def of(cls, properties: Mapping[str, str]) -> Thresholds:
        """Take them out of a table's properties.

        Raises:
            QueryError: One is no number.
        """

        def number(name: str, default: int) -> int:
            return read_number(properties, name, default)

        # Iceberg's own name counts where Athena's is not set.
        target = number(
            "write_target_data_file_size_bytes",
            number("write.target-file-size-bytes", DEFAULT_TARGET_BYTES),
        )
        return cls(
            target=target,
            small=number("optimize_rewrite_min_data_file_size_bytes", target * 3 // 4),
            large=number("optimize_rewrite_max_data_file_size_bytes", target * 9 // 5),
            data_files=number("optimize_rewrite_data_file_threshold", 5),
            delete_files=number("optimize_rewrite_delete_file_threshold", 2),
        )


def read_number(properties: Mapping[str, str], name: str, default: int) -> int:
    """Give a table property that is a number.

    Raises:
        QueryError: It is none.
    """
    text = properties.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise QueryError(
            "INVALID_TABLE_PROPERTY", f"table property {name} is '{text}': give a whole number"
        )
    return int(text)


@dataclass(frozen=True)
class Source:
    """A data file to be rewritten, and the delete files that apply to it."""

    entry: ManifestEntry
    deletes: frozenset[DataFile]

    @property
    def file(self) -> DataFile:
        """The data file."""
        return self.entry.data_file


@dataclass(frozen=True)
class Group:
    """Files of one partition that are rewritten together, in the order of their arrival."""

    spec_id: int
    partition: Record
    sources: list[Source]

    @property
    def bytes(self) -> int:
        """Size of the files."""
        return sum(source.file.file_size_in_bytes for source in self.sources)


def plan(
    live: LiveFiles,
    thresholds: Thresholds,
    is_selected: Callable[[DataFile], bool],
    sequence_field: int | None,
) -> list[Group]:
    """Choose what is to be rewritten.

    Args:
        live: The table's files.
        thresholds: What counts as small.
        is_selected: Whether the statement's WHERE lets a file be rewritten.
        sequence_field: Id of the column that numbers the rows, None for a table without.
    """
    partitions: dict[tuple[int, Record], list[Source]] = defaultdict(list)
    for entry in in_order_of_arrival(live.data, sequence_field):
        file = entry.data_file
        if is_selected(file):
            source = Source(entry, live.deletes_of(entry))
            partitions[file.spec_id, file.partition].append(source)
    groups = []
    for (spec_id, partition), sources in partitions.items():
        chosen = _choose(sources, thresholds)
        if chosen:
            groups.append(Group(spec_id, partition, chosen))
    return groups


def _choose(sources: list[Source], thresholds: Thresholds) -> list[Source]:
    def must(source: Source) -> bool:
        is_large = source.file.file_size_in_bytes > thresholds.large
        return is_large or len(source.deletes) >= thresholds.delete_files

    chosen = [
        source
        for source in sources
        if must(source) or source.file.file_size_in_bytes < thresholds.small
    ]
    # One small file alone would be written as it is.
    is_worth_it = len(chosen) >= max(2, thresholds.data_files) or any(map(must, chosen))
    return chosen if is_worth_it else []
