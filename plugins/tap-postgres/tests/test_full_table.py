"""A table that is sent as a whole is sent when it has changed, and only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Run, Source

STREAM = "public-bookings"


@pytest.fixture
def bookings(source: Source) -> Source:
    source.execute(
        "create table bookings (id int primary key, note text)",
        "insert into bookings values (1, 'a'), (2, null), (3, '')",
    )
    return source


def kinds(run: Run) -> list[str]:
    return [message["type"] for message in run.messages]


def test_f04_deleted_rows_show_because_the_rest_is_sent_with_a_new_version(
    bookings: Source,
) -> None:
    first = bookings.run()
    assert kinds(first) == ["SCHEMA", "BATCH", "ACTIVATE_VERSION", "STATE"]
    assert first.values(STREAM, "id") == [1, 2, 3]
    bookings.execute("delete from bookings where id = 2")
    second = bookings.run(state=first.state)
    assert kinds(second) == ["STATE", "SCHEMA", "BATCH", "ACTIVATE_VERSION", "STATE"]
    assert second.values(STREAM, "id") == [1, 3]
    [one], [two] = first.of("ACTIVATE_VERSION"), second.of("ACTIVATE_VERSION")
    assert two["version"] > one["version"]


def test_an_unchanged_table_sends_nothing_but_the_state(bookings: Source) -> None:
    first = bookings.run()
    # The same rows in another place of the heap.
    bookings.execute("update bookings set note = 'b'", "update bookings set note = 'a'")
    bookings.execute("update bookings set note = null where id = 2")
    bookings.execute("update bookings set note = '' where id = 3")
    second = bookings.run(state=first.state)
    assert kinds(second) == ["STATE", "SCHEMA", "STATE"]
    assert second.bookmark(STREAM)["rows_read"] == 0
    assert second.bookmark(STREAM)["source_time"] > first.bookmark(STREAM)["source_time"]


@pytest.mark.parametrize(
    "change",
    [
        "update bookings set note = '' where id = 2",
        "update bookings set note = 'a ' where id = 1",
        "insert into bookings values (4, null)",
        "alter table bookings add column more int",
        "alter table bookings alter column id type bigint",
        "alter table bookings rename column note to remark",
    ],
)
def test_any_change_sends_the_table_again(bookings: Source, change: str) -> None:
    first = bookings.run()
    bookings.execute(change)
    second = bookings.run(state=first.state)
    assert second.of("ACTIVATE_VERSION")
    assert second.bookmark(STREAM)["rows_read"] == bookings.value("select count(*) from bookings")


def test_f09_an_emptied_table_is_sent_as_empty_once(bookings: Source) -> None:
    first = bookings.run()
    bookings.execute("truncate bookings")
    second = bookings.run(state=first.state)
    assert kinds(second) == ["STATE", "SCHEMA", "ACTIVATE_VERSION", "STATE"]
    assert not bookings.run(state=second.state).of("ACTIVATE_VERSION")


def test_records_carry_the_version_that_is_activated(bookings: Source) -> None:
    run = bookings.run(batch_config=None)
    assert kinds(run) == ["SCHEMA", "RECORD", "RECORD", "RECORD", "ACTIVATE_VERSION", "STATE"]
    assert len({message["version"] for message in run.messages if "version" in message}) == 1


def test_all_streams_are_read_in_one_snapshot(bookings: Source) -> None:
    bookings.execute("create table zz (id int)")

    def change() -> None:
        bookings.execute("insert into bookings values (9)", "insert into zz values (9)")

    run = bookings.run(after_snapshot=change)
    assert run.values(STREAM, "id") == [1, 2, 3]
    assert run.values("public-zz", "id") == []
