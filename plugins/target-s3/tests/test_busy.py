"""What S3 or the catalog refuse for a moment is asked again."""

from __future__ import annotations

import pytest

from tests.faults.proxy import HttpProxy

ROWS = 300


def _load(players):
    rows = [{"id": number, "name": "x" * number} for number in range(ROWS)]
    return [players.schema(), players.batch(rows), players.state(rows_read=ROWS)]


def _proxy(address: str) -> HttpProxy:
    return HttpProxy(int(address.rpartition(":")[2]))


@pytest.mark.parametrize("request_line", [rb"^PUT ", rb"^POST .*\?uploads ", rb"^GET "])
def test_an_upload_survives_that_s3_is_busy(run, players, reader, settings, request_line):
    """The AWS SDK tries again by itself: with the checksum of the content that it sends again."""
    with _proxy(settings["s3_endpoint_url"]) as s3:
        s3.fail_next(2, status=503, request=request_line)
        outcome = run(_load(players), s3_endpoint_url=s3.url)
    assert outcome.error is None
    assert len(reader.rows("players")) == ROWS


def test_a_catalog_that_is_busy_at_the_start_is_asked_again(run, players, reader, settings):
    with _proxy(settings["catalog_uri"]) as catalog:
        catalog.fail_next(2, status=503)
        catalog.lose_answer(b"^GET ")
        outcome = run(_load(players), catalog_uri=catalog.url)
    assert outcome.error is None
    assert len(reader.rows("players")) == ROWS


def test_a_lease_whose_answer_is_lost_is_held_all_the_same(run, players, reader, settings):
    """Asked again, its own lease is no other run's."""
    with _proxy(settings["catalog_uri"]) as catalog:
        catalog.lose_answer(rb"^POST \S*/tables/load_leases ", times=2)
        outcome = run(_load(players), catalog_uri=catalog.url)
    assert outcome.error is None
    assert len(reader.rows("players")) == ROWS
