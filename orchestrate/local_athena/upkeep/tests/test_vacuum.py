"""What `VACUUM` removes, and what it must not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyiceberg.catalog.rest import RestCatalog

from orchestrate.local_athena.model import Cancellation, QueryError
from orchestrate.local_athena.upkeep import vacuum as vacuum_module
from orchestrate.local_athena.upkeep.optimize import optimize
from orchestrate.local_athena.upkeep.reachable import place as place_of
from orchestrate.local_athena.upkeep.tests.conftest import Place, rows
from orchestrate.local_athena.upkeep.vacuum import VacuumResult, vacuum
from tests.lake_tables import files_in_place, files_named

NOW = datetime.now(tz=UTC)
IN_A_WEEK = NOW + timedelta(days=7)


@pytest.fixture
def table(place: Place) -> Any:
    """Five appends and an `OPTIMIZE`: six snapshots."""
    table = place.create()
    for first in range(0, 25, 5):
        table.append(rows(range(first, first + 5)))
    optimize(place.load(), Cancellation())
    return table.refresh()


def test_within_the_retention_nothing_goes_and_time_travel_works(place: Place, table: Any) -> None:
    assert vacuum(place.load(), NOW, Cancellation()) == VacuumResult()
    first = table.snapshots()[0].snapshot_id
    assert table.scan(snapshot_id=first).to_arrow().num_rows == 5


def test_f34_after_it_only_the_newest_snapshot_and_its_files_are_left(
    place: Place, table: Any
) -> None:
    result = vacuum(place.load(), IN_A_WEEK, Cancellation())
    assert result.expired_snapshots == 5
    assert len(table.refresh().snapshots()) == 1
    assert files_in_place(table) == files_named(table)
    assert place.ids() == list(range(25))


def test_the_table_says_how_many_snapshots_stay_and_how_old(place: Place, table: Any) -> None:
    with table.transaction() as transaction:
        transaction.set_properties({"vacuum_min_snapshots_to_keep": "3"})
    assert vacuum(place.load(), IN_A_WEEK, Cancellation()).expired_snapshots == 3
    with table.refresh().transaction() as transaction:
        transaction.set_properties({"vacuum_max_snapshot_age_seconds": str(8 * 86_400)})
        transaction.set_properties({"vacuum_min_snapshots_to_keep": "1"})
    assert vacuum(place.load(), IN_A_WEEK, Cancellation()) == VacuumResult()
    with table.refresh().transaction() as transaction:
        transaction.set_properties({"vacuum_max_snapshot_age_seconds": "a day"})
    with pytest.raises(QueryError, match="vacuum_max_snapshot_age_seconds is 'a day'"):
        vacuum(place.load(), IN_A_WEEK, Cancellation())


def test_what_a_tag_names_stays(place: Place, table: Any) -> None:
    tagged = table.snapshots()[1].snapshot_id
    table.manage_snapshots().create_tag(tagged, "audit").commit()
    vacuum(place.load(), IN_A_WEEK, Cancellation())
    assert len(table.refresh().snapshots()) == 2
    assert table.scan(snapshot_id=tagged).to_arrow().num_rows == 10
    assert files_in_place(table) == files_named(table)


def test_a_short_retention_frees_the_place_at_once(place: Place, table: Any) -> None:
    with table.transaction() as transaction:
        transaction.set_properties(
            {
                "vacuum_max_snapshot_age_seconds": "0",
                "vacuum_max_metadata_files_to_keep": "1",
            }
        )
    vacuum(place.load(), datetime.now(tz=UTC) + timedelta(seconds=1), Cancellation())
    data = {each for each in files_in_place(table) if "/data/" in each}
    assert data == {each for each in files_named(table) if "/data/" in each}


def test_a_file_written_and_not_committed_yet_stays(place: Place, table: Any) -> None:
    with table.transaction() as transaction:
        transaction.set_properties({"vacuum_max_snapshot_age_seconds": "0"})
    transaction = table.transaction()
    transaction.append(rows(range(25, 30)))  # its files lie there, the catalog knows nothing
    vacuum(place.load(), datetime.now(tz=UTC) + timedelta(seconds=1), Cancellation())
    transaction.commit_transaction()
    assert place.ids() == list(range(30))


def test_a_commit_while_it_looks_stays(
    place: Place, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_files = vacuum_module._list_files

    def list_and_append(found: Any) -> Any:
        listed = list_files(found)
        place.load().append(rows(range(25, 30)))
        return listed

    monkeypatch.setattr(vacuum_module, "_list_files", list_and_append)
    vacuum(place.load(), IN_A_WEEK, Cancellation())
    assert place.ids() == list(range(30))


def test_metadata_that_the_catalog_removes_meanwhile_is_no_fault(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    properties = {
        "write.metadata.delete-after-commit.enabled": "true",
        "write.metadata.previous-versions-max": "1",
    }
    place.create("busy", properties=properties).append(rows(range(5)))
    list_files = vacuum_module._list_files

    def commit_and_list(found: Any) -> Any:
        for first in (5, 10):
            place.load("busy").append(rows(range(first, first + 5)))
        return list_files(found)

    monkeypatch.setattr(vacuum_module, "_list_files", commit_and_list)
    vacuum(place.load("busy"), IN_A_WEEK, Cancellation())
    assert place.ids("busy") == list(range(15))


def test_two_tables_in_one_place_are_refused(
    place: Place, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.create("other")
    monkeypatch.setattr(type(table), "location", lambda self: "s3://lake/one/place")
    with pytest.raises(QueryError, match="other lies in the same place"):
        vacuum_module._refuse_shared_place(table)


def test_a_listing_with_other_names_removes_nothing(
    place: Place, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vacuum_module, "_list_files", lambda _: {})
    with pytest.raises(QueryError, match="no file is removed"):
        vacuum(place.load(), IN_A_WEEK, Cancellation())
    assert place.ids() == list(range(25))


def test_a_neighbour_that_is_dropped_meanwhile_is_no_fault(
    place: Place, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [(place.namespace, "t"), (place.namespace, "t__dbt_tmp")]
    monkeypatch.setattr(RestCatalog, "list_tables", lambda *_: listed)
    assert vacuum(place.load(), IN_A_WEEK, Cancellation()).expired_snapshots == 5
    assert place.ids() == list(range(25))


def test_an_address_with_two_slashes_is_that_with_one() -> None:
    assert place_of("s3://lake/raw/t//data/a.parquet") == place_of(
        "s3a://lake/raw/t/data/a.parquet"
    )
