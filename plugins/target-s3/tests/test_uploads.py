"""Uploads that S3 refuses for a moment are made again."""

from __future__ import annotations

import pytest

from tests.faults.proxy import HttpProxy


@pytest.mark.parametrize("request_line", [rb"^PUT ", rb"^POST .*\?uploads ", rb"^GET "])
def test_an_upload_survives_that_s3_is_busy(run, players, reader, settings, request_line):
    """The AWS SDK tries again by itself: with the checksum of the content that it sends again."""
    port = int(settings["s3_endpoint_url"].rpartition(":")[2])
    with HttpProxy(port) as s3:
        s3.fail_next(2, status=503, request=request_line)
        outcome = run(
            [
                players.schema(),
                players.batch([{"id": number, "name": "x" * number} for number in range(300)]),
                players.state(rows_read=300),
            ],
            s3_endpoint_url=s3.url,
        )
    assert outcome.error is None
    assert len(reader.rows("players")) == 300
