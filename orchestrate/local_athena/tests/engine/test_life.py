"""Many queries at once, queries that are stopped, an engine that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestrate.local_athena.metastore.catalog import Metastore
from orchestrate.local_athena.model import Cancellation, QueryError
from orchestrate.local_athena.tests.engine.helpers import Athena
from orchestrate.local_stack.settings import PROJECT_ROOT, StackSettings

LONG = "select 1 as a from ({n}) a cross join ({n}) b cross join ({n}) c"


def test_queries_at_once(athena: Athena) -> None:
    """Writers of tables of their own, writers of one table, and readers; each count is exact."""
    athena.run("create table shared with (table_type = 'ICEBERG') as select -1 as n")

    def work(number: int) -> list[int]:
        athena.run(
            f"create table own_{number} with (table_type = 'ICEBERG') as {athena.numbers(1000)}"
        )
        athena.run(f"insert into shared values ({number})")
        return [athena.scanned(f"select sum(n) from own_{number}") for _ in range(3)]

    with ThreadPoolExecutor(4) as pool:
        scanned = list(pool.map(work, range(4)))
    assert {each for row in scanned for each in row} == {scanned[0][0]}
    assert athena.rows("select n from shared order by n") == [(-1,), (0,), (1,), (2,), (3,)]


def test_a_query_that_is_stopped(athena: Athena) -> None:
    cancellation = Cancellation()
    timer = threading.Timer(0.5, cancellation.ask)
    timer.start()
    long = LONG.format(n=athena.numbers(100_000))
    athena.fails(
        f"create table stopped with (table_type = 'ICEBERG') as {long}",
        "QUERY_CANCELLED",
        cancellation=cancellation,
    )
    timer.join()
    athena.fails("select * from stopped", "TABLE_NOT_FOUND")
    athena.fails("select 1", "QUERY_CANCELLED", cancellation=cancellation)


_CHILD = """
import sys
from pathlib import Path
from orchestrate.local_athena.tests.engine.helpers import Athena
from orchestrate.local_stack.settings import StackSettings
athena = Athena.__new__(Athena)
from orchestrate.local_athena.engine.duck_engine import DuckEngine
from orchestrate.local_athena.metastore.catalog import Metastore
lake = StackSettings.from_environment().lake
directory, athena.database, sql = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
athena.lake, athena.metastore = lake, Metastore(lake, directory)
athena.engine = DuckEngine(lake, directory, athena.metastore)
print("ready", flush=True)
athena.run(sql)
print("done", flush=True)
"""


@pytest.mark.parametrize("seconds", [0.2, 0.6, 1.0])
def test_killed_while_it_creates_a_table(
    athena: Athena,
    session_stack: StackSettings,
    tmp_path_factory: pytest.TempPathFactory,
    seconds: float,
) -> None:
    directory = tmp_path_factory.mktemp("killed")
    environment = {**os.environ, **stack_variables(session_stack)}
    sql = f"create table cut with (table_type = 'ICEBERG') as {athena.numbers(400_000)}"
    athena.run("drop table if exists cut")
    arguments = [sys.executable, "-c", _CHILD, str(directory), athena.database, sql]
    with subprocess.Popen(
        arguments, cwd=PROJECT_ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(seconds)
        child.send_signal(signal.SIGKILL)
    there = "cut" in athena.metastore.names(athena.database)
    if there:  # killed after its commit
        assert athena.rows("select count(*) from cut") == [(400_000,)]
    else:
        athena.fails("select * from cut", "TABLE_NOT_FOUND")
    athena.run("drop table if exists cut")
    athena.run(sql)
    assert athena.rows("select count(*) from cut") == [(400_000,)]


def stack_variables(settings: StackSettings) -> dict[str, str]:
    lake = settings.lake
    return {
        "LOCAL_STACK_DIR": str(settings.directory),
        lake.s3_port.variable: str(lake.s3_port.number),
        lake.catalog_port.variable: str(lake.catalog_port.number),
        lake.internal_port.variable: str(lake.internal_port.number),
    }


def test_a_new_engine_finds_all_again(
    athena: Athena, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("again")
    (directory / "spill").mkdir()
    left = directory / "spill" / "duckdb_temp_storage_DEFAULT-0.tmp"  # by one that was killed
    left.touch()
    first = Athena(athena.lake, directory)
    assert not left.exists()
    place = first.place()
    first.run(f"create table files with (external_location = '{place}', partitioned_by = "
              "ARRAY['p']) as select 1 as a, 'x' as p")  # fmt: skip
    first.run("create view seen as select a from files")
    first.run("prepare kept from select * from seen where a = ?")
    first.close()
    second = Athena.__new__(Athena)
    second.__dict__.update(first.__dict__)
    second.metastore = Metastore(athena.lake, directory)
    from orchestrate.local_athena.engine.duck_engine import DuckEngine

    second.engine = DuckEngine(athena.lake, directory, second.metastore)
    assert second.rows("execute kept using 1") == [(1,)]
    assert second.rows("show partitions files") == [("p=x",)]
    second.close()


def test_a_lake_that_does_not_answer_is_told(
    session_stack: StackSettings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from dataclasses import replace

    nobody = session_stack.lake.s3_port._replace(number=1)
    dead = replace(session_stack.lake, catalog_port=nobody)
    with pytest.raises(QueryError) as caught:
        Athena(dead, tmp_path_factory.mktemp("dead"))
    assert caught.value.category == "1"
