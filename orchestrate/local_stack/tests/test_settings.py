"""Settings: pure, no server."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg.conninfo
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrate.local_stack.errors import StackError
from orchestrate.local_stack.settings import DEFAULTS, PROJECT_ROOT, StackSettings

printable = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=15)


def test_defaults() -> None:
    settings = StackSettings.from_environment({})
    assert settings.backend.url == "postgresql://trackman:trackman@127.0.0.1:15432/trackman_backend"
    assert settings.dataengineering.url == (
        "postgresql://dataengineering:dataengineering@127.0.0.1:15433/dataengineering"
    )
    assert settings.lake.catalog_properties() == {
        "type": "rest",
        "uri": "http://127.0.0.1:18181",
        "warehouse": "s3://trackman-lake",
        "oauth2-server-uri": "http://127.0.0.1:18181/v1/oauth/tokens",
        "credential": "trackman-lake:trackman-lake-local",
        "s3.endpoint": "http://127.0.0.1:18333",
        "s3.access-key-id": "trackman-lake",
        "s3.secret-access-key": "trackman-lake-local",
        "s3.region": "us-east-1",
    }
    assert settings.directory == PROJECT_ROOT / ".local"


def test_a_relative_directory_starts_at_the_project_root(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = StackSettings.from_environment({"LOCAL_STACK_DIR": "here"})
    assert settings.directory == PROJECT_ROOT / "here"


def test_an_empty_variable_takes_its_default() -> None:
    assert (
        StackSettings.from_environment({"TRACKMAN_BACKEND_PORT": ""}).backend.port.number == 15432
    )


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("TRACKMAN_BACKEND_PORT", "abc", "1 to 65535"),
        ("TRACKMAN_BACKEND_PORT", "0", "1 to 65535"),
        ("DATAENGINEERING_DB_PORT", "65536", "1 to 65535"),
        ("DATAENGINEERING_DB_PORT", "-1", "1 to 65535"),
        ("TRACKMAN_LAKE_S3_PORT", "1" * 5000, "1 to 65535"),
        ("TRACKMAN_LAKE_CATALOG_PORT", "²", "1 to 65535"),
        ("TRACKMAN_LAKE_CATALOG_PORT", " 80", "1 to 65535"),
        # The last of nine ports in a row must be a port too.
        ("TRACKMAN_LAKE_INTERNAL_PORT", "65528", "1 to 65527"),
        ("LOCAL_ATHENA_PORT", "x", "1 to 65535"),
        ("LOCAL_ATHENA_BYTES_LIMIT", "10 GB", "10000000 or more"),
        ("LOCAL_ATHENA_BYTES_LIMIT", "9999999", "10000000 or more"),
        ("TRACKMAN_LAKE_DBT_ACCESS_KEY_ID", "trackman-lake", "two different keys"),
        ("TRACKMAN_BACKEND_HOST", "db.example.com", "127.0.0.1"),
        ("TRACKMAN_BACKEND_USER", "a\nb", "printable"),
        ("DATAENGINEERING_DB_DATABASE", "d" * 64, "63 bytes"),
    ],
)
def test_a_malformed_value_is_named_in_one_line(variable: str, value: str, allowed: str) -> None:
    with pytest.raises(StackError) as raised:
        StackSettings.from_environment({variable: value})
    message = str(raised.value)
    assert variable in message
    assert repr(value) in message
    assert allowed in message
    assert "\n" not in message


def test_a_malformed_secret_is_not_shown() -> None:
    with pytest.raises(StackError) as raised:
        StackSettings.from_environment({"TRACKMAN_BACKEND_PASSWORD": "hush\thush"})
    assert "TRACKMAN_BACKEND_PASSWORD" in str(raised.value)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    ("variable", "value", "other"),
    [
        ("DATAENGINEERING_DB_PORT", "15432", "TRACKMAN_BACKEND_PORT"),
        ("TRACKMAN_LAKE_S3_PORT", "19345", "TRACKMAN_LAKE_INTERNAL_PORT"),
    ],
)
def test_a_port_claimed_twice_names_both_variables(variable: str, value: str, other: str) -> None:
    with pytest.raises(StackError, match=value) as raised:
        StackSettings.from_environment({variable: value})
    assert variable in str(raised.value)
    assert other in str(raised.value)


def test_no_secret_in_repr() -> None:
    settings = StackSettings.from_environment(
        {
            "TRACKMAN_BACKEND_PASSWORD": "hush-1",
            "DATAENGINEERING_DB_PASSWORD": "hush-2",
            "TRACKMAN_LAKE_SECRET_ACCESS_KEY": "hush-3",
            "TRACKMAN_LAKE_DBT_SECRET_ACCESS_KEY": "hush-4",
        }
    )
    assert "hush" not in repr(settings)
    assert "hush-1" in settings.backend.url


@given(user=printable, password=printable, database=printable)
def test_the_url_says_what_was_set(user: str, password: str, database: str) -> None:
    settings = StackSettings.from_environment(
        {
            "TRACKMAN_BACKEND_USER": user,
            "TRACKMAN_BACKEND_PASSWORD": password,
            "TRACKMAN_BACKEND_DATABASE": database,
        }
    )
    understood = psycopg.conninfo.conninfo_to_dict(settings.backend.url)
    assert understood["user"] == user
    assert understood["password"] == password
    assert understood["dbname"] == database


def test_the_readme_lists_every_variable_with_its_default() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    listed = dict(re.findall(r"^\| `([A-Z0-9_]+)` \| `([^`]+)` \|", readme, re.MULTILINE))
    assert listed == dict(DEFAULTS)
