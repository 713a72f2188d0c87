"""The law of a refresh: what is appended makes the lake's current rows those of the source."""

from __future__ import annotations

import itertools
import math

import pyarrow as pa
import pytest
from columnar_singer.metadata import DELETED_AT, SEQUENCE
from hypothesis import given
from hypothesis import strategies as st
from target_s3.columns import lake_name
from target_s3.versions import gone_keys, is_changed, match_versions, newest_versions

KEYS = ["a", "b"]
SCHEMA = pa.schema(
    [
        ("a", pa.int64()),
        ("b", pa.string()),
        ("text", pa.string()),
        ("number", pa.float64()),
        (SEQUENCE, pa.int64()),
        (DELETED_AT, pa.timestamp("us", "UTC")),
    ]
)
key = st.tuples(st.none() | st.integers(0, 2), st.sampled_from([None, "", "x"]))
value = st.tuples(
    st.sampled_from([None, "", "é"]), st.none() | st.sampled_from([0.0, -0.0, 1.5, math.nan])
)
source = st.dictionaries(key, value)


def _table(rows):
    return pa.Table.from_pylist(
        [dict(zip(SCHEMA.names, row, strict=True)) for row in rows], schema=SCHEMA
    )


def _current(rows):
    newest = {}
    for row in sorted(rows, key=lambda row: row[4]):
        newest[row[:2]] = row
    return {key: repr(row[2:4]) for key, row in newest.items() if row[5] is None}


def _rows(table):
    return [tuple(row.values()) for row in table.to_pylist()]


@given(st.lists(source, max_size=4), st.integers(1, 4))
def test_after_each_refresh_the_lake_is_the_source(sources, parts):
    lake, sequence = [], itertools.count(1)
    for rows in sources:
        sent = [(*key, *value, next(sequence), None) for key, value in rows.items()]
        table = _table(lake)
        newest = newest_versions(
            [table.slice(start, parts) for start in range(0, max(1, len(lake)), parts)], KEYS
        )
        matched = match_versions(newest, newest_versions([_table(sent)], KEYS), KEYS)
        mask = is_changed(_table(sent), table, matched, ["text", "number"])
        appended = _rows(_table(sent).filter(mask))
        gone = [
            (row["a"], row["b"], None, None, next(sequence), 1)
            for row in gone_keys(matched, KEYS, None).to_pylist()
        ]
        before = _current(lake)
        lake += [*appended, *_rows(_table(gone))]
        assert _current(lake) == {key: repr(value) for key, value in rows.items()}
        unchanged = [key for key, value in rows.items() if before.get(key) == repr(value)]
        assert len(appended) == len(rows) - len(unchanged)


def test_rows_committed_earlier_in_the_run_are_not_gone():
    matched = match_versions(
        newest_versions(
            [_table([(1, "", None, None, 5, None), (2, "", None, None, 9, None)])], KEYS
        ),
        newest_versions([_table([])], KEYS),
        KEYS,
    )
    assert gone_keys(matched, KEYS, 9).to_pylist() == [{"a": 1, "b": ""}]


@pytest.mark.parametrize(
    ("table_name", "expected"),
    [("strokes", "strokes"), ("TestCamel", "testcamel"), ("sales_a b!ö", "sales_a_b__")],
)
def test_f28_tables_have_names_that_athena_allows(table_name, expected):
    assert lake_name(table_name) == expected
