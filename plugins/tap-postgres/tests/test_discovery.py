"""Each kind of relation and each resolution of a type."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from columnar_singer.errors import UserError
from tap_postgres.tap import TapPostgres

if TYPE_CHECKING:
    from .conftest import Source


def discovered(source: Source, **config: Any) -> dict[str, dict[str, Any]]:
    text = TapPostgres(config={**source.config, **config}).catalog_json_text
    return {entry["tap_stream_id"]: entry for entry in json.loads(text)["streams"]}


def datatypes(entry: dict[str, Any]) -> dict[str, str]:
    return {
        name: schema["x-sql-datatype"] for name, schema in entry["schema"]["properties"].items()
    }


def root_metadata(entry: dict[str, Any]) -> dict[str, Any]:
    return next(item["metadata"] for item in entry["metadata"] if not item["breadcrumb"])


def test_each_kind_of_relation_is_a_stream_and_partitions_are_not(source: Source) -> None:
    source.execute(
        "create table plain (id int primary key)",
        "create table parent (id int primary key) partition by range (id)",
        "create table child partition of parent for values from (0) to (10)",
        "create table base (id int)",
        "create table derived (more int) inherits (base)",
        "create view seen as select * from plain",
        "create materialized view stored as select * from plain",
        "create foreign data wrapper nothing",
        "create server nowhere foreign data wrapper nothing",
        "create foreign table far (id int) server nowhere",
        "create temporary table passing (id int)",
        "create table without_columns ()",
        "create schema sales",
        'create table sales."Odd ""name""" ("a b" int)',
    )
    assert set(discovered(source)) == {
        "public-plain",
        "public-parent",
        "public-base",
        "public-derived",
        "public-seen",
        "public-stored",
        "public-far",
        'sales-Odd "name"',
    }
    assert set(discovered(source, filter_schemas=["sales"])) == {'sales-Odd "name"'}


def test_types_are_resolved_to_built_in_ones(source: Source) -> None:
    source.execute(
        "create type mood as enum ('glad', 'sad')",
        "create type pair as (a int, b text)",
        "create type span as range (subtype = float8)",
        "create domain score as numeric(3,1)",
        "create domain high_score as score check (value > 5)",
        "create domain scores as numeric(4,2)[]",
        """
        create table t (
            i smallint, n numeric, p numeric(12,2), v varchar(10), c char(3), ts timestamp(3),
            tz timestamptz, a int[], e mood, ea mood[], co pair, coa pair[], ra span, d score,
            dd high_score, da high_score[], ds scores, m money, r regclass, iv interval day to hour,
            bits bit(8), j jsonb
        )
        """,
    )
    assert datatypes(discovered(source)["public-t"]) == {
        "i": "smallint",
        "n": "numeric",
        "p": "numeric(12,2)",
        "v": "character varying(10)",
        "c": "character(3)",
        "ts": "timestamp(3) without time zone",
        "tz": "timestamp with time zone",
        "a": "integer[]",
        "e": "text",
        "ea": "text[]",
        "co": "text",
        "coa": "text[]",
        "ra": "text",
        "d": "numeric(3,1)",
        "dd": "numeric(3,1)",
        "da": "numeric(3,1)[]",
        "ds": "numeric(4,2)[]",
        "m": "numeric(19,2)",
        "r": "text",
        "iv": "interval day to hour",
        "bits": "bit(8)",
        "j": "jsonb",
    }


def test_resolved_types_are_read(source: Source) -> None:
    source.execute(
        "create type mood as enum ('glad', 'sad')",
        "create type pair as (a int, b text)",
        "create domain score as numeric(3,1)",
        "create table t (e mood, ea mood[], co pair, coa pair[], d score, da score[], m money,"
        " r regclass)",
        "insert into t values ('glad', '{sad,NULL}', '(1,\"a b\")', array[row(1, 'x')::pair],"
        " 1.5, '{2.5}', 1234.56, 'pg_class')",
    )
    [row] = source.run().rows["public-t"]
    assert {name: str(value) for name, value in row.items()} == {
        "e": "glad",
        "ea": "{sad,NULL}",
        "co": '(1,"a b")',
        "coa": '{"(1,x)"}',
        "d": "1.5",
        "da": "{2.5}",
        "m": "1234.56",
        "r": "pg_class",
    }


def test_source_and_owner_are_told(source: Source) -> None:
    source.execute(
        "create table t (id int primary key)",
        'create role "owner of t"',
        'alter table t owner to "owner of t"',
    )
    [message] = source.run().of("SCHEMA")
    database = source.value("select current_database()")
    assert message["schema"]["x-source"] == f"{database}.public.t (PostgreSQL, tap-postgres)"
    assert message["schema"]["x-owner"] == "owner of t"


def test_keys_nullability_and_comments_are_told(source: Source) -> None:
    source.execute(
        """
        create table t (
            b int, a int, id int generated always as identity, twice int generated always as
            (a * 2) stored, note text not null, primary key (a, b)
        )
        """,
        "comment on table t is 'What it is.'",
        "comment on column t.note is 'A remark.'",
        "create table by_index (a int not null, b int, c int not null, d int)",
        "create unique index on by_index (b)",
        "create unique index on by_index (c) where c > 0",
        "create unique index on by_index ((c + 1))",
        "create unique index on by_index (c, a) include (d)",
        "create table keyless (a int)",
    )
    streams = discovered(source)
    entry = streams["public-t"]
    assert entry["key_properties"] == ["a", "b"]
    assert entry["schema"]["description"] == "What it is."
    properties = entry["schema"]["properties"]
    assert properties["note"] == {
        "type": "string",
        "description": "A remark.",
        "x-sql-datatype": "text",
    }
    assert properties["twice"]["type"] == ["integer", "null"]
    assert properties["id"]["type"] == "integer"
    root = root_metadata(entry)
    assert root["table-key-properties"] == ["a", "b"]
    assert root["valid-replication-keys"] == ["b", "a", "id", "twice", "note"]
    assert root["schema-name"] == "public"
    inclusion = {
        item["breadcrumb"][-1]: item["metadata"]["inclusion"]
        for item in entry["metadata"]
        if item["breadcrumb"]
    }
    assert inclusion["a"] == inclusion["b"] == "automatic"
    assert inclusion["note"] == "available"
    assert streams["public-by_index"]["key_properties"] == ["c", "a"]
    assert streams["public-keyless"]["key_properties"] == []


def test_two_tables_are_never_one_stream(source: Source) -> None:
    source.execute(
        "create schema a",
        'create schema "a-b"',
        'create table a."b-c" (id int)',
        'create table "a-b".c (id int)',
    )
    with pytest.raises(UserError, match="two tables would both be the stream a-b-c"):
        discovered(source)
    assert list(discovered(source, filter_schemas=["a"])) == ["a-b-c"]


def test_what_has_no_order_is_no_replication_key(source: Source) -> None:
    source.execute("create table t (j json, d daterange, a timestamp[], b bool, ok date)")
    entry = discovered(source)["public-t"]
    assert root_metadata(entry)["valid-replication-keys"] == ["ok"]
