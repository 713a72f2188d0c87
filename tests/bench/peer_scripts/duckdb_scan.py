"""DuckDB's PostgreSQL scanner into one Parquet file on the object store."""

import importlib.util
import json
import sys
import time
from pathlib import Path

import duckdb


def main() -> None:
    settings = json.loads(Path(sys.argv[1]).read_text())
    s3, source = settings["s3"], settings["source"]
    connection = duckdb.connect(config={"threads": settings["threads"]})
    for name in ("httpfs", "postgres_scanner"):
        # The wheel's file: INSTALL would fetch one from outside.
        package = importlib.util.find_spec(f"duckdb_extension_{name}")
        (folder,) = package.submodule_search_locations
        (extension,) = Path(folder).rglob("*.duckdb_extension")
        connection.execute(f"load '{extension}'")
    connection.execute(
        f"create secret (type s3, key_id '{s3['key_id']}', secret '{s3['secret']}',"
        f" region '{s3['region']}', endpoint '{s3['endpoint'].removeprefix('http://')}',"
        " url_style 'path', use_ssl false)"
    )
    words = " ".join(
        f"{name}='{source[key]}'"
        for name, key in (
            ("host", "host"),
            ("port", "port"),
            ("user", "user"),
            ("password", "password"),
            ("dbname", "database"),
        )
    ).replace("'", "''")
    # An array column whose number of dimensions is not declared has no type in DuckDB.
    connection.execute("set pg_array_as_varchar = true")
    began = time.monotonic()
    connection.execute(f"attach '{words}' as source (type postgres, read_only)")
    rows = connection.execute(
        f"copy (select * from source.public.{settings['table']})"
        f" to 's3://{s3['bucket']}/{settings['prefix']}.parquet'"
        " (format parquet, compression zstd)"
    ).fetchone()[0]
    print(json.dumps({"seconds": time.monotonic() - began, "rows": rows}))


main()
