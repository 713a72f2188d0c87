"""The SDK's own tests of any target.

All are run. One is turned round: it sends the character U+0000, which PostgreSQL holds in no
text; the stream fails with one line instead of losing the character without a word.

https://sdk.meltano.com/en/latest/testing.html
"""

from __future__ import annotations

import pytest
from columnar_singer.errors import UserError
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

    def test_target_encoded_string_data(self, config, resource, runner):
        with pytest.raises(UserError, match="0x00"):
            super().test_target_encoded_string_data(config, resource, runner)
