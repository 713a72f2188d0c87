"""connectorx on two connections into Arrow, then one Parquet file on the object store."""

import json
import sys
import time
from pathlib import Path

import connectorx
import pyarrow.parquet
from pyarrow.fs import S3FileSystem


def main() -> None:
    settings = json.loads(Path(sys.argv[1]).read_text())
    s3, source = settings["s3"], settings["source"]
    began = time.monotonic()
    table = connectorx.read_sql(
        f"postgresql://{source['user']}:{source['password']}@{source['host']}:{source['port']}"
        f"/{source['database']}",
        f"select * from {settings['table']}",
        return_type="arrow",
        partition_on=settings["partition_on"],
        partition_num=2,
    )
    filesystem = S3FileSystem(
        access_key=s3["key_id"],
        secret_key=s3["secret"],
        region=s3["region"],
        endpoint_override=s3["endpoint"],
    )
    pyarrow.parquet.write_table(
        table,
        f"{s3['bucket']}/{settings['prefix']}.parquet",
        filesystem=filesystem,
        compression="zstd",
    )
    print(json.dumps({"seconds": time.monotonic() - began, "rows": table.num_rows}))


main()
