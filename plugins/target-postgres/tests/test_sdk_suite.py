"""The SDK's own tests of any target.

All are run.

https://sdk.meltano.com/en/latest/testing.html
"""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict
from singer_sdk.testing import get_target_test_class
from target_postgres.target import TargetPostgres

_config: dict[str, object] = {}

_Suite = get_target_test_class(TargetPostgres, config=_config)


class TestSdkSuite(_Suite):  # type: ignore[misc, valid-type]
    """One database for the suite, whose tests are generated when the class is made."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _database(cls, make_database):
        parts = conninfo_to_dict(make_database())
        _config.update(
            host=parts["host"],
            port=int(parts["port"]),
            user=parts["user"],
            password=parts.get("password"),
            database=parts["dbname"],
        )
