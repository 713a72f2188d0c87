"""INSERT, UPDATE, DELETE, MERGE on Iceberg tables."""

from __future__ import annotations

import pytest

from orchestrate.local_athena.tests.engine.helpers import Athena

ROWS = "(values (1, 'a', 0), (2, 'b', 0), (3, 'c', 0)) as t(id, s, n)"


@pytest.fixture(autouse=True)
def _target(athena: Athena) -> None:
    athena.run("drop table if exists target")
    athena.run(f"create table target with (table_type = 'ICEBERG') as select * from {ROWS}")


def target(athena: Athena) -> list[tuple[object, ...]]:
    return athena.rows("select id, s, n from target order by id")


def test_insert(athena: Athena) -> None:
    assert athena.run("insert into target values (4, 'd', 1), (5, null, null)").update_count == 2
    athena.run('insert into "target" ("s", "id") ( select \'e\', 6 )')
    assert target(athena)[3:] == [(4, "d", 1), (5, None, None), (6, "e", None)]
    for query in ("select 'x', 'y', 1", "select 1, 'y'", "select 1, 2, 3", "values (1.5, 'x', 1)"):
        message = athena.fails(f"insert into target {query}", "TYPE_MISMATCH")
        assert "Table: [integer, varchar, integer]" in message
    athena.fails("insert into target (id, nothing) select 1, 2", "COLUMN_NOT_FOUND")
    assert len(target(athena)) == 6


def test_update_and_delete(athena: Athena) -> None:
    assert athena.run("update target set s = s || '!', n = n + 1 where id >= 2").update_count == 2
    assert athena.run(f"delete from {athena.database}.target where id = 3").update_count == 1
    assert target(athena) == [(1, "a", 0), (2, "b!", 1)]


def test_merge_of_one_update_and_an_insert(athena: Athena) -> None:
    result = athena.run(
        "merge into target as target using (select * from (values (1, 'A'), (9, 'N')) as t(id, s)) "
        "as src on (target.id = src.id) when matched and src.s <> 'x' then update set "
        '"s" = src."s" when not matched then insert ("id", "s") values (src."id", src."s")'
    )
    assert result.update_count == 2
    assert target(athena) == [(1, "A", 0), (2, "b", 0), (3, "c", 0), (9, "N", None)]


def test_merge_decides_by_the_first_clause_that_holds(athena: Athena) -> None:
    result = athena.run(
        "merge into target as t using (select * from (values (1, 'A', false), (2, 'B', true), "
        "(3, 'C', false), (8, 'X', true), (9, 'N', false)) as v(id, s, del)) as src "
        "on t.id = src.id "
        "when matched and src.del then delete "
        "when matched and t.s = 'c' then update set n = t.n + 10 "
        "when matched then update set s = src.s, n = t.n + 1 "
        "when not matched and src.del then insert (id) values (-src.id) "
        "when not matched then insert (id, s, n) values (src.id, src.s, 7)"
    )
    assert result.update_count == 5
    assert target(athena) == [(-8, None, None), (1, "A", 1), (3, "c", 10), (9, "N", 7)]


@pytest.mark.parametrize("action", ["update set s = src.s", "delete"])
def test_merge_refuses_two_source_rows_for_one(athena: Athena, action: str) -> None:
    source = "(select 1 as id, 'x' as s union all select 1, 'y')"
    athena.fails(
        f"merge into target using {source} as src on target.id = src.id when matched then {action}",
        "MERGE_TARGET_ROW_MULTIPLE_MATCHES",
    )
    assert target(athena) == [(1, "a", 0), (2, "b", 0), (3, "c", 0)]


def test_merge_from_a_view_of_the_table_itself(athena: Athena) -> None:
    athena.run("create or replace view doubled as select id, id * 2 as twice from target")
    athena.run(
        "merge into target using doubled as d on target.id = d.id "
        "when matched and d.twice > 4 then delete when matched then update set n = d.twice"
    )
    assert target(athena) == [(1, "a", 2), (2, "b", 4)]


def test_tables_of_files_are_not_changed(athena: Athena) -> None:
    place = athena.place()
    athena.run(f"create table flat with (external_location = '{place}') as select 1 as a")
    athena.fails("update flat set a = 2", "NOT_SUPPORTED")
    athena.fails("delete from flat", "NOT_SUPPORTED")


def test_a_hundred_partitions_and_no_more(athena: Athena) -> None:
    athena.run(
        "create table parts with (table_type = 'ICEBERG', partitioning = ARRAY['n']) as "
        + athena.numbers(100)
    )
    message = athena.fails(
        f"insert into parts {athena.numbers(101)}", "ICEBERG_TOO_MANY_OPEN_PARTITIONS"
    )
    assert "Exceeded limit of 100 open writers for partitions" in message
    assert athena.rows("select count(*) from parts") == [(100,)]
    athena.fails(
        "create table more with (table_type = 'ICEBERG', partitioning = ARRAY['n']) as "
        + athena.numbers(101),
        "ICEBERG_TOO_MANY_OPEN_PARTITIONS",
    )
    athena.fails(
        f"create table more with (external_location = '{athena.place()}', "
        f"partitioned_by = ARRAY['n']) as select 1 as a, n from ({athena.numbers(101)})",
        "HIVE_TOO_MANY_OPEN_PARTITIONS",
    )
    athena.fails("select * from more", "TABLE_NOT_FOUND")


def test_upkeep_changes_no_row(athena: Athena) -> None:
    for number in range(10, 16):
        athena.run(f"insert into target values ({number}, 'x', 0)")
    before = target(athena)
    athena.run("optimize target rewrite data using bin_pack")
    athena.run("vacuum target")
    assert target(athena) == before
    assert athena.rows('select count(*) from "target$files"') == [(1,)]
    athena.fails("optimize target rewrite data using bin_pack where s = 'a'", "NOT_SUPPORTED")


@pytest.mark.parametrize("condition", ["t.id = src.id and false", "t.id > 5 and t.id < 3"])
def test_a_merge_that_can_match_nothing_inserts(athena: Athena, condition: str) -> None:
    result = athena.run(
        f"merge into target as t using (select 9 as id, 'N' as s) as src on {condition} "
        "when matched then update set s = src.s "
        "when not matched then insert (id, s, n) values (src.id, src.s, 1)"
    )
    assert result.update_count == 1
    assert target(athena)[-1] == (9, "N", 1)


@pytest.mark.parametrize("change", ["update target set n = 1", "delete from target"])
@pytest.mark.parametrize("condition", ["false", "id > 5 and id < 3", "s = 'a' and 1 = 0"])
def test_a_change_of_no_row(athena: Athena, change: str, condition: str) -> None:
    before = target(athena)
    assert athena.run(f"{change} where {condition}").update_count == 0
    assert target(athena) == before
