"""A table follows its stream: nothing is lost, and each change is told."""

from __future__ import annotations

import json

import pytest
from columnar_singer import drift
from columnar_singer.destination import CREATED_TABLE
from columnar_singer.drift import Destination, plan_drift
from columnar_singer.errors import UserError
from hypothesis import given
from hypothesis import strategies as st

_ORDERS = (("smallint", "integer", "bigint", "numeric"), ("varchar", "text"))


def is_wider(wanted, found):
    return any(
        wanted in order and found in order and order.index(wanted) > order.index(found)
        for order in _ORDERS
    )


DESTINATION = Destination(is_wider, name_bytes=20)
FOLDING = Destination(is_wider, fold=str.lower, name_bytes=20)


def plan(wanted, found, destination=DESTINATION, **options):
    return plan_drift("raw.t", wanted, found, destination, **options)


def applied(found, plan):
    return {**(found or {}), **plan.widened, **plan.added}


def test_f24_table_that_is_not_there_takes_all_columns():
    new = plan({"a": "integer", "b": "text"}, None, mode=drift.BLOCK)
    assert new.added == {"a": "integer", "b": "text"}
    assert new.written == {"a": "a", "b": "b"}
    assert new.changes == [CREATED_TABLE]
    assert (new.widened, new.unwritten, new.warnings) == ({}, (), [])


def test_f24_columns_are_added_and_widened():
    change = plan({"a": "bigint", "b": "text"}, {"a": "integer", "old": "text"})
    assert change.written == {"a": "a", "b": "b"}
    assert change.added == {"b": "text"}
    assert change.widened == {"a": "bigint"}
    assert change.unwritten == ("old",)
    assert change.changes == ["widened column a from integer to bigint", "added column b text"]
    assert change.warnings == []


def test_f24_other_type_goes_to_a_new_column():
    change = plan({"price": "text"}, {"price": "integer"})
    assert change.written == {"price": "price__v2"}
    assert change.added == {"price__v2": "text"}
    assert change.unwritten == ("price",)
    assert change.changes == ["column price is now text: its values go to price__v2"]
    assert change.warnings == change.changes


def test_f24_next_run_goes_on_in_the_new_column():
    change = plan({"price": "varchar"}, {"price": "integer", "price__v2": "text"})
    assert change.written == {"price": "price__v2"}
    assert (change.changes, change.warnings) == ([], [])


def test_narrower_type_stays_where_it_fits():
    change = plan({"a": "smallint"}, {"a": "numeric"})
    assert change.written == {"a": "a"}
    assert (change.changes, change.unwritten) == ([], ())


def test_type_that_flips_back_goes_back_to_its_column_and_says_so():
    found = {"price": "integer", "price__v2": "text"}
    change = plan({"price": "integer"}, found)
    assert change.written == {"price": "price"}
    assert change.unwritten == ("price__v2",)
    assert change.changes == []
    assert change.warnings == [
        "column price is integer again: its values go to price, and price__v2 is NULL in new rows"
    ]


def test_version_that_can_be_widened_is():
    change = plan({"price": "bigint"}, {"price": "integer", "price__v2": "text"})
    assert change.widened == {"price": "bigint"}
    assert change.written == {"price": "price"}


def test_third_type_follows_the_greatest_number():
    found = {"a": "integer", "a__v2": "text", "a__v10": "boolean"}
    assert plan({"a": "date"}, found).written == {"a": "a__v11"}


def test_column_that_truly_has_such_a_name_is_no_version():
    found = {"x": "integer", "x__v2": "text"}
    change = plan({"x": "text", "x__v2": "text"}, found)
    assert change.written == {"x": "x__v3", "x__v2": "x__v2"}
    # Both new in one run.
    change = plan({"x": "text", "x__v2": "date"}, {"x": "integer"})
    assert change.written == {"x": "x__v3", "x__v2": "x__v2"}


def test_version_of_a_long_name_is_cut_and_stays_its_own():
    names = ["ä" * 9 + "x", "ä" * 9 + "y"]
    found = dict.fromkeys(names, "integer")
    first = plan(dict.fromkeys(names, "text"), found)
    assert len(set(first.added)) == 2
    assert all(len(name.encode()) <= 20 and name.endswith("__v2") for name in first.added)
    second = plan(dict.fromkeys(names, "text"), applied(found, first))
    assert second.written == first.written
    assert second.changes == []


@pytest.mark.parametrize("name", ["id", "_sdc_sequence"])
def test_fixed_column_is_widened_and_never_versioned(name):
    assert plan({name: "bigint"}, {name: "integer"}, fixed=[name]).widened == {name: "bigint"}
    with pytest.raises(UserError, match=rf"'{name}' of table raw.t is integer, .* text.*rename"):
        plan({name: "text"}, {name: "integer", f"{name}__v2": "text"}, fixed=[name])


def test_names_that_differ_in_case_where_the_destination_folds_it():
    change = plan({"Price": "text"}, {"price": "text"}, FOLDING)
    assert change.written == {"Price": "price"}
    assert change.changes == []
    change = plan({"Price": "text"}, {"price": "integer", "price__v2": "text"}, FOLDING)
    assert change.written == {"Price": "price__v2"}
    with pytest.raises(UserError, match=r"'Price' and 'price' .* one name in table raw\.t"):
        plan({"Price": "text", "price": "text"}, {}, FOLDING)
    assert plan({"Price": "text", "price": "text"}, {}).added == {"Price": "text", "price": "text"}


@pytest.mark.parametrize(
    ("mode", "wanted", "shown"),
    [
        ("add_columns", {"a": "bigint"}, "'a' is integer in table raw.t and bigint in the stream"),
        ("add_columns", {"a": "text"}, "'a' is integer in table raw.t and text in the stream"),
        ("block", {"a": "integer", "b": "text"}, "'b' is not in table raw.t and text in the"),
        ("block", {"a": "bigint"}, "'a' is integer in table raw.t and bigint in the stream"),
    ],
)
def test_f24_mode_refuses_in_one_line_that_says_what_to_do(mode, wanted, shown):
    with pytest.raises(UserError) as failure:
        plan(wanted, {"a": "integer"}, mode=mode)
    text = str(failure.value)
    assert shown in text
    assert f"'schema_drift' is '{mode}'" in text
    assert "set it to 'allow', or leave the column out" in text
    assert "\n" not in text


def test_f24_mode_lets_through_what_it_allows():
    assert plan({"b": "text"}, {"a": "text"}, mode="add_columns").added == {"b": "text"}
    assert plan({"a": "varchar"}, {"a": "text", "old": "text"}, mode="block").changes == []


_TYPES = st.sampled_from(["smallint", "integer", "bigint", "numeric", "varchar", "text", "date"])
_NAMES = st.sampled_from(["x", "X", "x__v2", "x__v3", "x__v2__v2", "é" * 10, "é" * 9 + "e", "id"])
_STREAMS = st.lists(st.dictionaries(_NAMES, _TYPES, min_size=1), max_size=8)


@given(_STREAMS)
def test_any_history_of_a_stream_loses_nothing(streams):
    found = None
    for wanted in streams:
        change = plan(wanted, found)
        before, found = found or {}, applied(found, change)

        written = list(change.written.values())
        assert list(change.written) == list(wanted)
        assert len(set(written)) == len(written)
        for name, column in change.written.items():
            assert found[column] == wanted[name] or is_wider(found[column], wanted[name])
        for column, datatype in before.items():
            assert found[column] == datatype or is_wider(found[column], datatype)
        assert set(change.unwritten) == set(before) - set(written)
        assert all(len(column.encode()) <= 20 for column in found)
        json.dumps(change.changes)

        again = plan(wanted, found, mode="block")
        assert again.written == change.written
        assert not again.changes
        assert not again.added
        assert not again.widened


@given(st.lists(_TYPES, min_size=1))
def test_any_history_of_a_column_makes_a_column_a_kind_at_most(types):
    found = None
    for datatype in types:
        found = applied(found, plan({"x": datatype}, found))
    assert len(found) <= 3
