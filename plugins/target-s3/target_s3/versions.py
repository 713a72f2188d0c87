"""Versions of rows by key: which is the newest, which changed, which are gone. Arrow only.

A row's version is told from the others of its stream by its `_sdc_sequence`, which is unique.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from columnar_singer.metadata import DELETED_AT, SEQUENCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LAKE_SEQUENCE = "_lake_sequence"
LAKE_IS_LIVE = "_lake_is_live"
SENT_SEQUENCE = "_sent_sequence"

_REDUCE_ROWS = 1_000_000


def newest_versions(parts: Iterable[pa.Table], keys: Sequence[str]) -> pa.Table:
    """Find the newest version of each key.

    Args:
        parts: Rows with the columns `keys`, `_sdc_sequence` and `_sdc_deleted_at`, in any order.
        keys: Names of the key columns. NULL is a value like any other.

    Returns:
        One row for each key, with the same columns. Memory goes with the number of keys, not
        with the number of versions.
    """
    newest: pa.Table | None = None
    waiting: list[pa.Table] = []
    for part in parts:
        waiting.append(part)
        # As many new rows as there are keys already: the work stays in proportion.
        if sum(each.num_rows for each in waiting) >= max(
            _REDUCE_ROWS, newest.num_rows if newest else 0
        ):
            newest, waiting = _newest([*([newest] if newest else []), *waiting], keys), []
    return _newest([*([newest] if newest else []), *waiting], keys)


def match_versions(lake: pa.Table, sent: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Put the newest version in the lake and the newest one sent of each key side by side.

    Args:
        lake: Result of `newest_versions` for the lake.
        sent: Result of `newest_versions` for what was sent.
        keys: Names of the key columns.

    Returns:
        One row for each key of either: `keys`, LAKE_SEQUENCE (NULL: not in the lake),
        LAKE_IS_LIVE (NULL: not in the lake) and SENT_SEQUENCE (NULL: not sent).
    """
    # A grouping and not a join, for which NULL keys would never match.
    lake_side = lake.select(list(keys)).append_column(LAKE_SEQUENCE, lake[SEQUENCE])
    lake_side = lake_side.append_column(LAKE_IS_LIVE, pc.is_null(lake[DELETED_AT]))
    sent_side = sent.select(list(keys)).append_column(SENT_SEQUENCE, sent[SEQUENCE])
    both = pa.concat_tables([lake_side, sent_side], promote_options="default")
    matched = both.group_by(list(keys)).aggregate(
        [(LAKE_SEQUENCE, "max"), (LAKE_IS_LIVE, "max"), (SENT_SEQUENCE, "max")]
    )
    return matched.rename_columns([*keys, LAKE_SEQUENCE, LAKE_IS_LIVE, SENT_SEQUENCE])


def gone_keys(matched: pa.Table, keys: Sequence[str], first_sequence: int | None) -> pa.Table:
    """Find the keys that are alive in the lake and no longer in the source.

    Args:
        matched: Result of `match_versions`.
        keys: Names of the key columns.
        first_sequence: Versions from here on were sent in this run and committed before.

    Returns:
        The key columns, one row for each such key.
    """
    is_gone = pc.and_(pc.is_null(matched[SENT_SEQUENCE]), _filled(matched[LAKE_IS_LIVE], False))
    if first_sequence is not None:
        is_gone = pc.and_(is_gone, pc.less(_filled(matched[LAKE_SEQUENCE], 0), first_sequence))
    return matched.filter(is_gone).select(list(keys))


def is_changed(
    sent: pa.Table, lake: pa.Table, matched: pa.Table, columns: Sequence[str]
) -> pa.ChunkedArray:
    """Tell which of the rows sent are to be appended.

    Args:
        sent: Rows sent, with `columns`, `_sdc_sequence` and `_sdc_deleted_at`.
        lake: At least the rows of the lake that these replace, with `columns` and
            `_sdc_sequence`.
        matched: Result of `match_versions`.
        columns: Names of the columns whose values make a version.

    Returns:
        One boolean for each row of `sent`: it is the newest one sent of its key, and it is not
        in the lake yet, or deleted there, or has another value in some column.
    """
    place = pc.index_in(sent[SEQUENCE], value_set=matched[SENT_SEQUENCE])
    lake_sequence = matched[LAKE_SEQUENCE].take(place)
    lake_is_live = matched[LAKE_IS_LIVE].take(place)
    changed = pc.not_equal(_filled(lake_is_live, False), pc.is_null(sent[DELETED_AT]))
    changed = pc.or_(changed, pc.is_null(lake_sequence))
    before = lake.take(pc.index_in(lake_sequence, value_set=lake[SEQUENCE]))
    for name in columns:
        changed = pc.or_(changed, _differs(sent[name], before[name]))
    return pc.and_(changed, pc.is_valid(place))


def _newest(parts: list[pa.Table], keys: Sequence[str]) -> pa.Table:
    rows = pa.concat_tables(parts)
    newest = rows.group_by(list(keys)).aggregate([(SEQUENCE, "max")])
    return rows.filter(pc.is_in(rows[SEQUENCE], value_set=newest[f"{SEQUENCE}_max"]))


def _differs(new: pa.ChunkedArray, old: pa.ChunkedArray) -> pa.Array:
    """Compare value by value; NULL equals NULL and NaN equals NaN."""
    if pa.types.is_floating(new.type):
        # By bits: NaN is itself, and 0 is not -0.
        bits = pa.int64() if new.type == pa.float64() else pa.int32()
        new, old = (array.combine_chunks().view(bits) for array in (new, old))
    both_null = pc.and_(pc.is_null(new), pc.is_null(old))
    return pc.invert(pc.or_(both_null, _filled(pc.equal(new, old), False)))


def _filled(array: pa.Array | pa.ChunkedArray, value: object) -> pa.Array | pa.ChunkedArray:
    return pc.fill_null(array, value)
