"""A Singer target that does what crowemi/target-s3 1.0.7 does by default, written anew.

That target is not on the package index and asks for pyarrow 10 and a Python below 3.12. What is
kept of its approach: a sink of the Meltano SDK that collects 10,000 records, turns each of their
fields into a list, has pyarrow infer the types, and writes the batch as one Parquet file,
compressed by gzip, named after the clock, through pyarrow's S3 filesystem.
https://github.com/crowemi/target-s3/blob/main/target_s3/formats/format_parquet.py
"""

from datetime import UTC, datetime

import pyarrow as pa
from pyarrow.fs import S3FileSystem
from pyarrow.parquet import ParquetWriter
from singer_sdk import Target
from singer_sdk import typing as th
from singer_sdk.sinks import BatchSink


class RowsToArrowSink(BatchSink):
    max_size = 10_000

    def process_batch(self, context: dict) -> None:
        s3 = self.config
        records = context["records"]
        names = set().union(*(record.keys() for record in records))
        table = pa.Table.from_pydict(
            {name: [record.get(name) for record in records] for name in names}
        )
        filesystem = S3FileSystem(
            access_key=s3["key_id"],
            secret_key=s3["secret"],
            region=s3["region"],
            endpoint_override=s3["endpoint"],
        )
        clock = datetime.now(tz=UTC).strftime("%Y%m%d-%H%M%S%f")
        path = f"{s3['bucket']}/{s3['prefix']}/{self.stream_name}/{clock}.parquet"
        with ParquetWriter(path, table.schema, compression="gzip", filesystem=filesystem) as writer:
            writer.write_table(table)


class RowsToArrowTarget(Target):
    name = "rows-to-arrow"
    default_sink_class = RowsToArrowSink
    config_jsonschema = th.PropertiesList(
        *(
            th.Property(name, th.StringType, required=True)
            for name in ("endpoint", "region", "key_id", "secret", "bucket", "prefix")
        )
    ).to_dict()


RowsToArrowTarget.cli()
