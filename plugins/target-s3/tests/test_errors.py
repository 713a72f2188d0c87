"""What is wrong is told in one line that names the setting or right to change, and no secret."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import pytest
from columnar_singer.errors import UserError
from columnar_singer.retry import retry
from target_s3.errors import lake_errors
from target_s3.settings import LakeSettings

from tests.faults.proxy import HttpProxy

SECRET = "s3cret-that-nobody-may-see"


@pytest.fixture
def messages(players):
    return [players.schema(), players.batch([{"id": 1, "name": "a"}]), players.state(at=1)]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"catalog_uri": "http://127.0.0.1:9"}, ["http://127.0.0.1:9", "'catalog_uri'"]),
        ({"catalog_type": "hive"}, ["'hive'", "rest", "glue"]),
        ({"namespace": "a b"}, ["'namespace'", "a b"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_f38_the_command_line_fails_with_one_line(settings, messages, tmp_path, wrong, words):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**settings, "aws_secret_access_key": SECRET, **wrong}))
    process = subprocess.run(
        [sys.executable, "-m", "target_s3", "--config", str(config)],
        input="".join(f"{json.dumps(message)}\n" for message in messages),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert process.stdout == ""
    assert "Traceback" not in process.stderr
    assert SECRET not in process.stderr
    line = process.stderr.strip().splitlines()[-1]
    assert [word for word in words if word not in line] == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"catalog_uri": "127.0.0.1:9"}, ["127.0.0.1:9", "http://host:port"]),
        ({"catalog_uri": ""}, ["'catalog_uri'", "rest"]),
        ({"catalog_credential": f"x:{SECRET}"}, ["refused the login", "'catalog_credential'"]),
        ({"warehouse": "s3://no-such-bucket"}, ["s3://no-such-bucket", "'warehouse'"]),
        ({"aws_secret_access_key": SECRET}, ["refused the access key", "'aws_secret_access_key'"]),
        ({"aws_access_key_id": ""}, ["only one of", "'aws_access_key_id'"]),
        ({"s3_endpoint_url": "http://127.0.0.1:9"}, ["http://127.0.0.1:9", "'s3_endpoint_url'"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_f38_a_wrong_setting_is_named_and_no_secret_told(
    run, caplog, messages, monkeypatch, wrong, words
):
    monkeypatch.setattr("target_s3.catalog.S3_ATTEMPTS", 1)
    monkeypatch.setattr("target_s3.lease.retry", partial(retry, attempts=1))
    caplog.set_level("DEBUG")
    outcome = run(messages, **wrong)
    assert outcome.states == []
    assert "\n" not in str(outcome.error)
    assert [word for word in words if word not in str(outcome.error)] == []
    assert SECRET not in str(outcome.error) + caplog.text


@pytest.fixture
def denying_endpoint(settings) -> Iterator[str]:
    """S3 as it answers an identity that may read and not write."""
    with HttpProxy(int(settings["s3_endpoint_url"].rpartition(":")[2])) as proxy:
        proxy.fail_next(1000, status=403, request=rb"^(PUT|POST) ")
        yield proxy.url


def test_no_right_to_write_names_bucket_action_and_right(run, reader, messages, denying_endpoint):
    run([messages[0], messages[-1]])  # the table is there
    line = str(run(messages, s3_endpoint_url=denying_endpoint).error)
    bucket = reader.table("players").location().split("/")[2]
    for word in (f"bucket '{bucket}'", "grant s3:PutObject", "Upload"):
        assert word in line
    assert reader.rows("players") == []
    assert [row["rows_committed"] for row in reader.load_log()] == [0]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ACCESS_DENIED during GetObject operation: no", ["s3:GetObject"]),
        ("NO_SUCH_BUCKET during PutObject operation: no", ["has no bucket 'b'"]),
        ("REQUEST_TIME_TOO_SKEWED during PutObject operation: no", ["clock", "NTP"]),
        ("SLOW_DOWN during PutObject operation: too fast", ["SLOW_DOWN", "run again"]),
    ],
)
def test_other_answers_of_s3(code, words):
    text = f"When reading key 'k' in bucket 'b': AWS Error {code}"
    with pytest.raises(UserError) as raised, lake_errors(LakeSettings("s3://b"), "read raw.t"):
        raise OSError(text)
    assert str(raised.value).startswith("cannot read raw.t: ")
    assert [word for word in words if word not in str(raised.value)] == []


def test_f38_settings_do_not_show_their_secrets():
    settings = LakeSettings(
        "s3://b",
        catalog_credential=SECRET,
        aws_access_key_id=SECRET,
        aws_secret_access_key=SECRET,
    )
    assert SECRET not in repr(settings)


def test_what_nobody_can_put_right_passes_as_it_is():
    with pytest.raises(ZeroDivisionError), lake_errors(LakeSettings("s3://b"), "divide"):
        raise ZeroDivisionError
