"""dlt's sql_database source into Parquet files on the object store."""

import json
import os
import sys
import time
from pathlib import Path

settings = json.loads(Path(sys.argv[1]).read_text())
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "WARNING"

import dlt  # noqa: E402 - it reads its settings when it is imported
from dlt.destinations import filesystem  # noqa: E402
from dlt.sources.sql_database import sql_table  # noqa: E402


def main() -> None:
    s3, source = settings["s3"], settings["source"]
    began = time.monotonic()
    table = sql_table(
        credentials=f"postgresql+psycopg2://{source['user']}:{source['password']}@{source['host']}"
        f":{source['port']}/{source['database']}",
        table=settings["table"],
        schema="public",
        backend=settings["backend"],
        chunk_size=100_000,
    )
    pipeline = dlt.pipeline(
        pipeline_name="bench",
        pipelines_dir=settings["folder"],
        destination=filesystem(
            bucket_url=f"s3://{s3['bucket']}/{settings['prefix']}",
            credentials={
                "aws_access_key_id": s3["key_id"],
                "aws_secret_access_key": s3["secret"],
                "endpoint_url": s3["endpoint"],
                "region_name": s3["region"],
            },
        ),
        dataset_name="bench",
    )
    pipeline.run(table, loader_file_format="parquet").raise_on_failed_jobs()
    seconds = time.monotonic() - began
    rows = pipeline.last_trace.last_normalize_info.row_counts[settings["table"]]
    print(json.dumps({"seconds": seconds, "rows": rows}))


main()
