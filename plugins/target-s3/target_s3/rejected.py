"""Values that the lake cannot hold: NULL in the table, their text in the quarantine."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from columnar_singer import quarantine
from columnar_singer.metadata import SEQUENCE
from columnar_singer.odd_values import OddValue

from target_s3.catalog import UnknownOutcomeError
from target_s3.reading import scan
from target_s3.staging import StagedFiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_s3.lake import Lake

FAR_YEAR = "its year is not in 1 to 9999, which is all that Athena and Python can read"
ODD_TEXT = "_odd_text"
"""Column of `odd_texts`: what a row has in the quarantine."""

_TEXT_COLUMNS = [SEQUENCE, "column_name", "original_text"]
_DAYS_IN_400_YEARS = 146_097
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = date(1, 1, 1)
_LAST_DAY = date(9999, 12, 31)


class Rejected:
    """What a stream brings that is on its way into the quarantine.

    Attributes:
        values: Their number.
    """

    def __init__(self, lake: Lake, run_id: str) -> None:
        """Start without any.

        Args:
            lake: Whose quarantine it is.
            run_id: Goes into the files' names.
        """
        self.values = 0
        self._lake = lake
        self._run_id = run_id
        self._staged: StagedFiles | None = None

    def add(self, rows: pa.Table) -> None:
        """Take rows for the quarantine."""
        self._staged = self._staged or StagedFiles(self._lake.quarantine, self._run_id)
        self._staged.write(rows)
        self.values += rows.num_rows

    def texts(self) -> pa.Table:
        """Give `odd_texts` of the values."""
        if self._staged is None:
            return odd_texts([])
        self._staged.close()
        return odd_texts(list(self._staged.read(_TEXT_COLUMNS)))

    def texts_in_lake(self, table_name: str) -> pa.Table:
        """Give `odd_texts` of what the quarantine has for a table already."""
        columns = ["table_name", *_TEXT_COLUMNS]
        parts = scan(self._lake.quarantine, columns, f"table_name = '{table_name}'")
        return odd_texts([rows.filter(pc.equal(rows["table_name"], table_name)) for rows in parts])

    def keep_only(self, sequences: pa.Array) -> None:
        """Drop the values of all other versions: their rows are not needed."""
        if self._staged is None:
            return
        all_values, self._staged, self.values = self._staged, None, 0
        for rows in all_values.read():
            kept = rows.filter(pc.is_in(rows[SEQUENCE], value_set=sequences))
            if kept.num_rows:
                self.add(kept)
        all_values.delete()

    def commit(self) -> int:
        """Append the values to the quarantine.

        Returns:
            Their number.
        """
        staged, self._staged = self._staged, None
        values, self.values = self.values, 0
        if staged is None:
            return 0
        try:
            self._lake.append_to_quarantine(staged.close())
        except UnknownOutcomeError:
            raise
        except BaseException:
            staged.delete()
            raise
        return values

    def abandon(self) -> None:
        """Drop the values."""
        if self._staged is not None:
            self._staged.delete()
        self._staged, self.values = None, 0


def reject_far_times(rows: pa.Table) -> tuple[pa.Table, list[OddValue]]:
    """Take dates and times out of a table that clients of the lake cannot read.

    Iceberg could hold them, but a single one makes Athena and pyiceberg fail on the whole table.

    Args:
        rows: Any rows.

    Returns:
        The rows with NULL there, and the values.
    """
    odd: list[OddValue] = []
    for number, field in enumerate(rows.schema):
        if pa.types.is_date(field.type):
            low, high = (pa.scalar(each, field.type) for each in (_FIRST_DAY, _LAST_DAY))
        elif pa.types.is_timestamp(field.type):
            zone = UTC if field.type.tz else None
            first = datetime(1, 1, 1, tzinfo=zone)
            last = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=zone)
            low, high = (pa.scalar(each, field.type) for each in (first, last))
        else:
            continue
        column = rows.column(number)
        bounds = pc.min_max(column)
        if not bounds["min"].is_valid or (
            pc.greater_equal(bounds["min"], low).as_py()
            and pc.less_equal(bounds["max"], high).as_py()
        ):
            continue
        far = pc.fill_null(pc.or_(pc.less(column, low), pc.greater(column, high)), False)
        places = pc.indices_nonzero(far)
        texts = [_text(each) for each in column.take(places)]
        odd += [
            OddValue(row, field.name, text, FAR_YEAR)
            for row, text in zip(places.to_pylist(), texts, strict=True)
        ]
        kept = pc.if_else(far, pa.scalar(None, field.type), column)
        rows = rows.set_column(number, field, kept)
    return rows, odd


def odd_texts(parts: Sequence[pa.Table]) -> pa.Table:
    """Give what each row has in the quarantine, so that two versions can be compared.

    Args:
        parts: Rows of the quarantine of one table.

    Returns:
        `_sdc_sequence` and ODD_TEXT, one row for each version that has a value there.
    """
    empty = quarantine.arrow_schema().empty_table()
    rows = pa.concat_tables(
        [part.select(_TEXT_COLUMNS) for part in (empty, *parts)], promote_options="permissive"
    ).group_by([SEQUENCE, "column_name"])
    # A value may be there twice: a run that was killed may have written it before.
    once = rows.aggregate([("original_text", "max")]).sort_by(
        [(SEQUENCE, "ascending"), ("column_name", "ascending")]
    )
    joined = pc.binary_join_element_wise(
        once["column_name"], once["original_text_max"], pa.scalar("=")
    )
    grouped = pa.table({SEQUENCE: once[SEQUENCE], "text": joined}).group_by(
        SEQUENCE, use_threads=False
    )
    lists = grouped.aggregate([("text", "list")])
    texts = pc.binary_join(lists["text_list"].combine_chunks(), "\n")
    return pa.table({SEQUENCE: lists[SEQUENCE], ODD_TEXT: texts})


def with_odd_text(rows: pa.Table, texts: pa.Table) -> pa.Table:
    """Append ODD_TEXT to rows, NULL for those that have nothing in the quarantine."""
    places = pc.index_in(rows[SEQUENCE], value_set=texts[SEQUENCE])
    return rows.append_column(ODD_TEXT, texts[ODD_TEXT].take(places))


def _text(value: pa.Scalar) -> str:
    """Print a date or time as PostgreSQL does, whatever its year."""
    if pa.types.is_date(value.type):
        days, clock, zone = value.value, "", ""
    else:
        days, microseconds = divmod(value.value, 24 * 60 * 60 * 10**6)
        time = (_EPOCH + timedelta(microseconds=microseconds)).time()
        clock = f" {time.isoformat()}"
        clock = clock.rstrip("0") if "." in clock else clock
        zone = "+00" if value.type.tz else ""
    # The calendar repeats after 400 years, so that Python's can be used for any.
    cycles, rest = divmod(days, _DAYS_IN_400_YEARS)
    moment = _EPOCH.date() + timedelta(days=rest)
    year = moment.year + 400 * cycles
    shown, era = (year, "") if year > 0 else (1 - year, " BC")
    return f"{shown:04d}-{moment.month:02d}-{moment.day:02d}{clock}{zone}{era}"
