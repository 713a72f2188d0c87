"""The SDK's own tests of a target."""

from __future__ import annotations

from typing import Any

import pytest
from singer_sdk.testing import get_target_test_class
from singer_sdk.testing.runners import TargetTestRunner
from target_s3.target import TargetS3

_Standard = get_target_test_class(TargetS3)


class TestTargetS3(_Standard):  # type: ignore[misc, valid-type]
    """The standard tests, in an empty namespace each."""

    @pytest.fixture
    def runner(self, lake: Any) -> TargetTestRunner:
        return TargetTestRunner(target_class=TargetS3, config=dict(lake.settings))
