"""Faults of S3 and the catalog that pass do no harm: nothing is lost and nothing comes twice."""

from __future__ import annotations

import pytest

from tests.faults.proxy import HttpProxy

ANN, BOB = {"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}


@pytest.fixture
def proxies(settings):
    """Proxies before S3 and the catalog, which the target's settings name."""
    s3_port, catalog_port = (
        int(settings[name].rpartition(":")[2]) for name in ("s3_endpoint_url", "catalog_uri")
    )
    with HttpProxy(s3_port) as s3, HttpProxy(catalog_port) as catalog:
        settings.update(s3_endpoint_url=s3.url, catalog_uri=catalog.url)
        yield s3, catalog


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr("columnar_singer.retry.random.uniform", lambda *_: 0.01)


def _load(run, players, rows, at):
    return run([players.schema(), players.batch(rows), players.state(at=at)])


@pytest.mark.parametrize("status", [500, 503])
def test_s3_that_answers_with_an_error_is_asked_again(run, reader, players, proxies, status):
    s3, _ = proxies
    _load(run, players, [ANN], 1)
    s3.fail_next(1, status=status, request=rb"^PUT .*/players/data/")
    s3.fail_next(1, status=status, request=rb"^PUT .*/players/metadata/")
    s3.fail_next(1, status=status, request=rb"^POST .*/players/data/")
    assert _load(run, players, [BOB], 2).error is None
    assert reader.rows("players", "name") == [("Ann",), ("Bob",)]


@pytest.mark.parametrize(
    ("status", "request_line"),
    [
        (500, rb"^POST .*/tables/players"),
        (502, rb"^GET .*/tables/players"),
        (503, rb"^POST .*/tables/players"),
        (504, rb"^GET .*/tables/players"),
    ],
)
def test_a_catalog_that_answers_with_an_error_is_asked_again(
    run, reader, players, proxies, status, request_line
):
    _, catalog = proxies
    _load(run, players, [ANN], 1)
    catalog.fail_next(2, status=status, request=request_line)
    assert _load(run, players, [BOB], 2).error is None
    assert reader.rows("players", "name") == [("Ann",), ("Bob",)]


def test_a_commit_whose_answer_is_lost_is_not_made_twice(run, reader, players, proxies):
    _, catalog = proxies
    _load(run, players, [ANN], 1)
    catalog.lose_answer(rb"^POST .*/tables/players ")
    outcome = _load(run, players, [BOB], 2)
    assert outcome.error is None
    assert outcome.states[-1]["bookmarks"] == {"public-players": {"at": 2}}
    assert reader.rows("players", "name") == [("Ann",), ("Bob",)]
    assert reader.snapshots("players") == 2


def test_a_catalog_that_is_busy_at_the_start_is_asked_again(run, reader, players, proxies):
    _, catalog = proxies
    catalog.fail_next(2, status=503)
    catalog.lose_answer(b"^GET ")
    assert _load(run, players, [ANN], 1).error is None
    assert reader.rows("players", "name") == [("Ann",)]


def test_a_lease_whose_answer_is_lost_is_held_all_the_same(run, reader, players, proxies):
    """Asked again, its own lease is no other run's."""
    _, catalog = proxies
    catalog.lose_answer(rb"^POST .*/tables/load_leases ", times=2)
    assert _load(run, players, [ANN], 1).error is None
    assert reader.rows("players", "name") == [("Ann",)]


def test_a_fault_that_lasts_fails_at_once(run, players, proxies, monkeypatch):
    _, catalog = proxies
    _load(run, players, [ANN], 1)
    asked = len(catalog.requests)
    catalog.fail_next(50, status=403, request=rb"/tables/players")
    outcome = _load(run, players, [BOB], 2)
    assert "forbids it" in str(outcome.error)
    assert outcome.states == []
    assert len([line for line in catalog.requests[asked:] if "players" in line]) <= 3
