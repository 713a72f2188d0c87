"""The laws of the bookmark; the names say which failure each rule prevents."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from tap_postgres.position import (
    MOST_CANDIDATES,
    START_REPORT_DELAY,
    WIDEST_ZONE,
    Candidate,
    Position,
    Settled,
    Transactions,
    next_ordered_value,
    next_time_value,
)

ZONED = "timestamp with time zone"
NAIVE = "timestamp without time zone"
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

times = st.datetimes(datetime(2024, 1, 1), datetime(2024, 12, 31), timezones=st.just(UTC))
lookbacks = st.timedeltas(timedelta(0), timedelta(days=1))


def transactions(
    oldest_start: datetime | None = None,
    oldest_prepared: datetime | None = None,
    blind_spot: str | None = None,
) -> Transactions:
    return Transactions(NOON, oldest_start, oldest_prepared, blind_spot)


@settings(deadline=None)
@given(st.none() | times, times, times, st.booleans(), lookbacks)
def test_the_bookmark_never_passes_the_start_of_the_oldest_open_transaction(
    previous: datetime | None,
    greatest: datetime,
    oldest_start: datetime,
    is_blind: bool,
    lookback: timedelta,
) -> None:
    unseen = transactions(min(oldest_start, NOON), blind_spot="no right" if is_blind else None)
    text = str(previous) if previous else None
    new = next_time_value(text, str(greatest), unseen, lookback, ZONED)
    assert new is not None
    reached = datetime.fromisoformat(str(new))
    if reached != previous:
        assert reached <= greatest
        assert reached <= oldest_start
        assert reached <= NOON - START_REPORT_DELAY
        assert not is_blind or reached <= NOON - lookback
    assert previous is None or reached >= previous


def test_a_bookmark_without_zone_stays_behind_the_westernmost_clock() -> None:
    new = next_time_value(None, "2024-05-01 11:59:00", transactions(), HOUR, NAIVE)
    assert new == str((NOON - START_REPORT_DELAY - WIDEST_ZONE).replace(tzinfo=None))


def test_a_date_bookmark_is_a_date() -> None:
    new = next_time_value(None, "2024-05-01", transactions(), HOUR, "date")
    assert new == str(date(2024, 4, 30))


def test_keys_that_python_has_no_time_for_do_not_stop_the_stream() -> None:
    limit = str(NOON - START_REPORT_DELAY)
    for greatest in ("infinity", "20000-01-01 00:00:00+00"):
        assert next_time_value(None, greatest, transactions(), HOUR, ZONED) == limit
    for greatest in ("-infinity", "0044-03-15 00:00:00+00 BC"):
        assert next_time_value(None, greatest, transactions(), HOUR, ZONED) == greatest


def test_a_prepared_transaction_holds_the_bookmark() -> None:
    prepared = transactions(oldest_prepared=NOON - HOUR)
    old = "2024-05-01 08:00:00+00"
    assert next_time_value(old, str(NOON), prepared, HOUR, ZONED) == old
    assert next_time_value(None, str(NOON), prepared, HOUR, ZONED) == str(NOON - 2 * HOUR)
    assert next_ordered_value(7, (), 9, prepared, HOUR) == (7, (Candidate(NOON, 9),))


def test_nothing_read_leaves_the_bookmark() -> None:
    assert next_time_value("2024-04-01", None, transactions(), HOUR, ZONED) == "2024-04-01"
    assert next_ordered_value(7, (), None, transactions(), HOUR) == (7, ())


def test_a_sequence_key_waits_for_the_oldest_open_transaction() -> None:
    history = (Candidate(NOON - 3 * HOUR, 10), Candidate(NOON - HOUR, 20))
    value, later = next_ordered_value(5, history, 30, transactions(NOON - 2 * HOUR), HOUR)
    assert value == 10
    assert later == (history[1], Candidate(NOON, 30))
    assert next_ordered_value(10, later, 30, transactions(), HOUR) == (30, ())


def test_a_sequence_key_of_unseen_transactions_waits_for_the_look_back() -> None:
    history = (Candidate(NOON - 3 * HOUR, 10), Candidate(NOON - HOUR, 20))
    blind = transactions(blind_spot="no right")
    assert next_ordered_value(5, history, 30, blind, 2 * HOUR)[0] == 10


def test_a_history_does_not_grow_without_end() -> None:
    history: tuple[Candidate, ...] = ()
    for number in range(3 * MOST_CANDIDATES):
        _, history = next_ordered_value(None, history, number, transactions(NOON - HOUR), HOUR)
    assert len(history) == MOST_CANDIDATES


@settings(deadline=None)
@given(
    st.builds(
        Position,
        value=st.none() | st.integers() | st.text(),
        settled=st.none() | st.builds(Settled, st.integers(), st.text(), st.integers()),
        history=st.lists(st.builds(Candidate, times, st.integers())).map(tuple),
        relations=st.lists(st.integers()).map(tuple),
    )
)
def test_a_position_comes_back_from_its_bookmark(position: Position) -> None:
    assert Position.from_bookmark(position.to_bookmark("id"), "id") == position
    assert Position.from_bookmark(position.to_bookmark("id"), "other") == Position()


def test_f01_the_bookmark_is_behind_a_start_that_a_column_of_whole_seconds_rounded() -> None:
    start = NOON - HOUR + timedelta(milliseconds=400)
    written = NOON - HOUR  # what timestamptz(0) keeps of it
    new = next_time_value(None, str(NOON), transactions(start), HOUR, "timestamp(0) with time zone")
    assert datetime.fromisoformat(str(new)) <= written
