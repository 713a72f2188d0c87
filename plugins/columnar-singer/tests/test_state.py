"""The ledger lets no bookmark out before its rows are committed."""

from __future__ import annotations

from columnar_singer.state import StateLedger
from hypothesis import given
from hypothesis import strategies as st


def bookmarks(**streams):
    return {"bookmarks": streams}


def test_covered_state_passes_once():
    ledger = StateLedger()
    ledger.receive(bookmarks(a=1), set())
    assert ledger.release(set()) == bookmarks(a=1)
    assert ledger.release(set()) is None


def test_withheld_stream_keeps_its_last_covered_bookmark():
    ledger = StateLedger()
    ledger.receive(bookmarks(a=1, b=1), set())
    ledger.receive(bookmarks(a=2, b=2), {"a"})
    assert ledger.release({"a"}) == bookmarks(a=1, b=2)
    assert ledger.release(set()) == bookmarks(a=2, b=2)


def test_withheld_stream_without_a_covered_bookmark_has_none():
    ledger = StateLedger()
    ledger.receive(bookmarks(a=1, b=1), {"a"})
    assert ledger.release({"a"}) == bookmarks(b=1)


def test_nothing_is_written_where_all_is_withheld():
    ledger = StateLedger()
    ledger.receive(bookmarks(a=1), {"a"})
    assert ledger.release({"a"}) is None


def test_empty_state_replaces_nothing():
    """Failure 11."""
    ledger = StateLedger()
    ledger.receive(bookmarks(a=1), set())
    for empty in ({}, bookmarks()):
        ledger.receive(empty, set())
    assert ledger.release(set()) == bookmarks(a=1)


def test_state_in_another_form_is_whole_or_not_written():
    ledger = StateLedger()
    ledger.receive({"position": 1}, {"a"})
    assert ledger.release({"a"}) is None
    assert ledger.release(set()) == {"position": 1}


def test_other_keys_of_a_state_stay():
    ledger = StateLedger()
    ledger.receive({**bookmarks(a=1), "currently_syncing": "a"}, set())
    assert ledger.release(set()) == {**bookmarks(a=1), "currently_syncing": "a"}


def test_a_state_about_other_streams_is_no_news():
    ledger = StateLedger()
    assert not ledger.has_news("a")
    ledger.receive(bookmarks(a=1, b=1), set())
    ledger.receive(bookmarks(a=1, b=2), {"a", "b"})
    assert not ledger.has_news("a")
    assert ledger.has_news("b")
    assert not ledger.has_news("c")
    ledger.receive({"position": 1}, {"a"})
    assert ledger.has_news("a")


_STREAMS = st.sampled_from("abc")
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("row"), _STREAMS),
        st.tuples(st.just("state"), st.none()),
        st.tuples(st.just("commit"), st.sets(_STREAMS)),
    )
)


@given(_STEPS)
def test_no_bookmark_goes_out_before_its_rows(steps):
    """Failure 5, for any order of messages and commits."""
    ledger = StateLedger()
    received = dict.fromkeys("abc", 0)
    committed = dict.fromkeys("abc", 0)

    def withheld():
        return {stream for stream in received if committed[stream] < received[stream]}

    for step, argument in steps:
        if step == "row":
            received[argument] += 1
        elif step == "state":
            ledger.receive(bookmarks(**received), withheld())
        else:
            for stream in argument:
                committed[stream] = received[stream]
            written = ledger.release(withheld())
            for stream, rows in (written or bookmarks())["bookmarks"].items():
                assert rows <= committed[stream]
