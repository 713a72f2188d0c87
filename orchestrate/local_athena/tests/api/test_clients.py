"""The clients that analysts use, on the endpoint of the stack with its real engine.

PyAthena's ArrowCursor is not among them: its S3 client takes no address. Nothing of the
others is changed: they find the endpoint by the environment variables of AWS's SDKs.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import awswrangler as wr
import boto3
import pandas as pd  # type: ignore[import-untyped]
import pyathena
import pytest
import sqlalchemy
from pyathena import aio_connect
from pyathena.async_cursor import AsyncCursor
from pyathena.cursor import DictCursor
from pyathena.pandas.cursor import PandasCursor
from pyathena.s3fs.cursor import S3FSCursor

from orchestrate.local_stack.settings import StackSettings

DATABASE = "clients"
ROWS = [
    (1, "a", Decimal("1.50"), 0.5, dt.date(2026, 11, 1), dt.datetime(2026, 11, 1, 2, 3, 4), True),
    (2, 'b,"\n', None, None, None, None, None),
]
SELECT = (
    "select * from (values "
    "(1, 'a', cast(1.5 as decimal(9,2)), 0.5e0, date '2026-11-01', "
    "timestamp '2026-11-01 02:03:04.000', true), "
    "(2, 'b,\"\n', null, null, null, null, null)) as t (i, s, n, f, d, m, b) order by i"
)


@pytest.fixture(scope="module", autouse=True)
def _environment(session_stack: StackSettings) -> Iterator[None]:
    key = session_stack.lake.owner_key
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", session_stack.athena.endpoint)
        patch.setenv("AWS_ENDPOINT_URL_S3", session_stack.lake.s3_endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", key.id)
        patch.setenv("AWS_SECRET_ACCESS_KEY", key.secret)
        patch.setenv("AWS_DEFAULT_REGION", session_stack.lake.region)
        boto3.setup_default_session()
        boto3.client("glue").create_database(DatabaseInput={"Name": DATABASE})
        yield
        boto3.DEFAULT_SESSION = None


@pytest.fixture
def place(session_stack: StackSettings) -> str:
    return f"s3://{session_stack.lake.files_bucket}/clients/"


@pytest.fixture
def connection(place: str) -> Iterator[Any]:
    with pyathena.connect(s3_staging_dir=place, schema_name=DATABASE) as found:
        yield found


def test_pyathena_cursor(connection: Any) -> None:
    cursor = connection.cursor()
    assert cursor.execute(SELECT).fetchall() == ROWS
    assert [column[:2] for column in cursor.description] == [
        ("i", "integer"),
        ("s", "varchar"),
        ("n", "decimal"),
        ("f", "double"),
        ("d", "date"),
        ("m", "timestamp"),
        ("b", "boolean"),
    ]
    assert cursor.execute("select ? as a", ["'x'"], paramstyle="qmark").fetchone() == ("x",)
    assert cursor.execute("select %(a)s as a", {"a": "it's"}).fetchone() == ("it's",)
    with pytest.raises(pyathena.error.OperationalError, match="does_not_exist"):
        cursor.execute("select * from does_not_exist")
    assert connection.cursor(DictCursor).execute("select 1 as a").fetchall() == [{"a": 1}]


def test_pyathena_dialect_of_sqlalchemy(connection: Any, place: str) -> None:
    engine = sqlalchemy.create_engine(
        f"awsathena+rest://@athena.eu-west-1.amazonaws.com:443/{DATABASE}?s3_staging_dir={place}"
    )
    cursor = connection.cursor()
    cursor.execute(
        f"create external table inspected (id int comment 'number', name string) "
        f"partitioned by (day string) stored as parquet location '{place}inspected/'"
    )
    cursor.execute("create or replace view inspected_view as select id from inspected")
    found = sqlalchemy.inspect(engine)
    assert DATABASE in found.get_schema_names()
    assert "inspected" in found.get_table_names()
    assert "inspected_view" in found.get_view_names()
    assert found.has_table("inspected") and not found.has_table("nothing")
    names = {column["name"]: str(column["type"]) for column in found.get_columns("inspected")}
    assert names == {"id": "INTEGER", "name": "VARCHAR", "day": "VARCHAR"}
    assert "select id from inspected" in found.get_view_definition("inspected_view").lower()
    with engine.connect() as asked:
        table = sqlalchemy.Table("inspected", sqlalchemy.MetaData(), autoload_with=engine)
        count = sqlalchemy.select(sqlalchemy.func.count()).select_from(table)
        assert asked.execute(count.where(table.c.id > 1)).scalar() == 0
        schemas = asked.exec_driver_sql("select schema_name from information_schema.schemata")
        assert (DATABASE,) in [tuple(row) for row in schemas]
    cursor.execute("drop view inspected_view")
    cursor.execute("drop table inspected")


def test_pyathena_reads_a_result_of_several_pages(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("select i from unnest(sequence(1, 2500)) as t (i) order by i")
    assert [row[0] for row in cursor] == list(range(1, 2501))


def test_pyathena_async_cursor(connection: Any) -> None:
    cursor = connection.cursor(AsyncCursor)
    _, future = cursor.execute(SELECT)
    assert future.result().fetchall() == ROWS
    cursor.close()


def test_pyathena_aio(place: str) -> None:
    async def ask() -> list[Any]:
        connection = await aio_connect(s3_staging_dir=place, schema_name=DATABASE)
        async with connection, connection.cursor() as cursor:
            await cursor.execute(SELECT)
            return list(await cursor.fetchall())

    assert asyncio.run(ask()) == ROWS


def test_pyathena_pandas_cursor(connection: Any) -> None:
    frame = connection.cursor(PandasCursor).execute(SELECT).as_pandas()
    assert list(frame["i"]) == [1, 2]
    assert list(frame["s"]) == ["a", 'b,"\n']
    assert frame["m"][0] == pd.Timestamp("2026-11-01 02:03:04")
    assert pd.isna(frame["n"][1])


def test_pyathena_s3fs_cursor(connection: Any) -> None:
    assert connection.cursor(S3FSCursor).execute(SELECT).fetchall() == ROWS


def test_pyathena_unloads(connection: Any) -> None:
    found = connection.cursor(PandasCursor, unload=True).execute(SELECT).as_pandas()
    assert sorted(found["i"]) == [1, 2]
    assert sorted(found["s"]) == ["a", 'b,"\n']


@pytest.mark.parametrize("kind", [None, PandasCursor, S3FSCursor])
def test_pyathena_runs_what_gives_no_rows(connection: Any, kind: Any) -> None:
    name = f"made_by_{kind.__name__ if kind else 'cursor'}".lower()
    cursor = connection.cursor(kind) if kind else connection.cursor()
    cursor.execute(f"create table {name} with (table_type = 'iceberg', is_external = false, "
                   f"location = 's3://trackman-lake/{DATABASE}/{name}') as {SELECT}")  # fmt: skip
    cursor.execute(f"insert into {name} select * from {name}")
    assert cursor.execute(f"select count(*) from {name}").fetchone() == (4,)
    assert name in [row[0] for row in cursor.execute("show tables").fetchall()]
    described = cursor.execute(f"describe {name}").fetchall()
    assert "i" in str(described[0])
    cursor.execute(f"drop table {name}")
    assert name not in [row[0] for row in cursor.execute("show tables").fetchall()]


def test_pyathena_asks_the_catalog(connection: Any) -> None:
    cursor = connection.cursor()
    assert DATABASE in [found.name for found in cursor.list_databases("AwsDataCatalog")]
    assert cursor.list_table_metadata(schema_name=DATABASE) == []


@pytest.mark.parametrize("ctas", [False, True])
def test_awswrangler_reads_a_query(place: str, ctas: bool) -> None:
    frame = wr.athena.read_sql_query(
        SELECT, database=DATABASE, s3_output=place, ctas_approach=ctas
    ).sort_values("i", ignore_index=True)
    assert list(frame["i"]) == [1, 2]
    assert list(frame["s"]) == ["a", 'b,"\n']
    assert frame["n"][0] == Decimal("1.50")
    assert frame["d"][0] == dt.date(2026, 11, 1)
    assert pd.isna(frame["f"][1])


def test_awswrangler_reads_in_chunks(place: str) -> None:
    chunks = wr.athena.read_sql_query(
        "select i from unnest(sequence(1, 25)) as t (i)",
        database=DATABASE,
        s3_output=place,
        ctas_approach=False,
        chunksize=10,
    )
    assert [len(chunk) for chunk in chunks] == [10, 10, 5]


def test_awswrangler_unloads(place: str) -> None:
    frame = wr.athena.read_sql_query(
        SELECT, database=DATABASE, s3_output=place + "unloaded/", ctas_approach=False,
        unload_approach=True,
    )  # fmt: skip
    assert sorted(frame["i"]) == [1, 2]


def test_awswrangler_writes_and_reads_the_catalog(place: str) -> None:
    frame = pd.DataFrame({"a": [1, 2, 3], "day": ["x", "x", "y"]})
    path = f"{place}written/"
    wr.s3.to_parquet(
        frame, path, dataset=True, database=DATABASE, table="written", partition_cols=["day"]
    )
    try:
        assert "written" in list(wr.catalog.tables(database=DATABASE)["Table"])
        assert wr.catalog.get_table_types(DATABASE, "written") == {"a": "bigint", "day": "string"}
        assert len(wr.catalog.get_partitions(DATABASE, "written")) == 2
        assert DATABASE in list(wr.catalog.databases()["Database"])
        found = wr.athena.read_sql_query(
            "select sum(a) as a from written where day = 'x'",
            database=DATABASE,
            s3_output=place,
            ctas_approach=False,
        )
        assert list(found["a"]) == [3]
        wr.s3.to_parquet(
            frame, path, dataset=True, database=DATABASE, table="written",
            partition_cols=["day"], mode="overwrite_partitions",
        )  # fmt: skip
    finally:
        assert wr.catalog.delete_table_if_exists(DATABASE, "written")


def test_awswrangler_writes_iceberg(place: str) -> None:
    wr.athena.to_iceberg(
        pd.DataFrame({"a": [1, 2]}),
        database=DATABASE,
        table="iced",
        temp_path=f"{place}temporary/",
        table_location=f"s3://trackman-lake/{DATABASE}/iced",
        s3_output=place,
        keep_files=False,
    )
    found = wr.athena.read_sql_query(
        "select count(*) as n from iced", database=DATABASE, s3_output=place, ctas_approach=False
    )
    assert list(found["n"]) == [2]


def test_awswrangler_prepares_statements(place: str) -> None:
    wr.athena.create_prepared_statement("select ? as a", "asked", workgroup="primary")
    assert "asked" in [
        each["StatementName"] for each in wr.athena.list_prepared_statements(workgroup="primary")
    ]
    found = wr.athena.read_sql_query(
        "execute asked",
        database=DATABASE,
        s3_output=place,
        ctas_approach=False,
        params=["7"],
        paramstyle="qmark",
    )
    assert list(found["a"]) == [7]
    wr.athena.delete_prepared_statement("asked", workgroup="primary")


def test_f14_dbts_key_does_not_write_raw_data(session_stack: StackSettings, place: str) -> None:
    key = session_stack.lake.dbt_key
    session = boto3.Session(key.id, key.secret, region_name=os.environ["AWS_DEFAULT_REGION"])
    with pyathena.connect(s3_staging_dir=place, session=session) as connection:
        cursor = connection.cursor()
        for statement in (
            "create table raw.mine with (table_type = 'iceberg', is_external = false, "
            "location = 's3://trackman-lake/raw/mine') as select 1 as a",
            "create schema raw",
            "drop schema raw cascade",
            "create view raw.v as select 1 as a",
        ):
            with pytest.raises(pyathena.error.OperationalError, match=r"(?i)denied|permission"):
                cursor.execute(statement)
