"""target-s3: every stream becomes one Iceberg table on S3, to which all row versions are added."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from columnar_singer.destination import CommitResult
from columnar_singer.target import TARGET_SETTINGS, ColumnarTarget
from singer_sdk import typing as th

from target_s3.lake import Lake
from target_s3.layout import LAYOUT_SETTINGS
from target_s3.settings import LAKE_SETTINGS, LakeSettings
from target_s3.sink import LakeSink

if TYPE_CHECKING:
    from columnar_singer.load_log import LoadLogRow


class TargetS3(ColumnarTarget):
    """Singer target for Apache Iceberg tables on S3."""

    name = "target-s3"
    config_jsonschema = th.PropertiesList(
        *LAKE_SETTINGS, *LAYOUT_SETTINGS, *TARGET_SETTINGS
    ).to_dict()
    default_sink_class = LakeSink

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401
        """Start with settings, as the SDK's `Target`."""
        super().__init__(**kwargs)
        # The AWS SDK in pyarrow 24 puts a wrong checksum behind an upload that it makes again, so
        # that none would survive a busy S3 (https://github.com/aws/aws-sdk-cpp/issues/3903, right
        # from 1.11.740 on). This leaves out the checksums that S3 does not ask for.
        os.environ.setdefault("AWS_REQUEST_CHECKSUM_CALCULATION", "WHEN_REQUIRED")

    @cached_property
    def lake(self) -> Lake:
        """The lake, connected to when the first stream asks for it.

        Raises:
            UserError: It cannot be reached or refuses.
        """
        return Lake(LakeSettings.from_config(self.config), self.config["run_id"])

    def write_quiet(self, rows: list[LoadLogRow]) -> None:
        """Append the load log rows of the streams that had no rows."""
        self.lake.write_load_log([row.finished(CommitResult(rows_committed=0)) for row in rows])

    def close(self) -> None:
        """Delete the staged files of a run that ends before their commit, and let others load."""
        for sink in self._sinks.values():
            if isinstance(sink, LakeSink):
                sink.abandon()
        if "lake" in self.__dict__:
            self.lake.leases.release()
