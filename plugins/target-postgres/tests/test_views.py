"""Views on a column that becomes wider are there before, during and after, and unchanged."""

from __future__ import annotations

import json
import threading

import psycopg
import pytest
from columnar_singer.errors import UserError
from psycopg.conninfo import conninfo_to_dict

NARROW = {"id": "integer", "v": "integer", "w": "character varying(3)"}
WIDE = {"id": "bigint", "v": "numeric", "w": "text"}

# Everything about views that a user could notice, but for their queries and types.
_STATE = """
select view.oid::regclass::text, relkind, reloptions, relowner::regrole::text,
    obj_description(view.oid, 'pg_class'),
    array(select aclexplode(coalesce(relacl, acldefault('r', relowner)))::text order by 1),
    array(
        select row(attname, attacl, col_description(attrelid, attnum))::text
        from pg_attribute where attrelid = view.oid order by attnum
    )
from pg_class as view where relnamespace in ('raw'::regnamespace, 'staging'::regnamespace)
    and relkind in ('v', 'm') order by 1
"""
_TYPES = """
select attrelid::regclass::text || '.' || attname, format_type(atttypid, atttypmod)
from pg_attribute join pg_class as view on view.oid = attrelid
where relkind = 'v' and relnamespace = 'staging'::regnamespace order by 1
"""


@pytest.fixture
def narrow(loaded, stream):
    """The table with a row, and a schema for views on it."""
    a = stream("public-a", NARROW)
    loaded.run(a.schema(), a.record(id=1, v=7, w="x"))
    loaded.execute("create schema staging")
    yield loaded
    loaded.execute("drop schema staging cascade")


@pytest.fixture
def roles(loaded):
    """Two roles that own nothing yet; names that have to be quoted."""
    names = [f"{name} {conninfo_to_dict(loaded.url)['dbname']}" for name in ("Owner", "Reader")]
    for name in names:
        loaded.execute(f"create role \"{name}\" login password 'secret'")
    loaded.execute(f'grant create, usage on schema public to "{names[0]}"')
    yield [f'"{name}"' for name in names]
    for name in names:
        loaded.execute(f'drop owned by "{name}" cascade')
        loaded.execute(f'drop role "{name}"')


def widen(loaded, stream, row_id=2):
    a = stream("public-a", WIDE)
    loaded.run(a.schema(), a.record(id=row_id, v="1.5", w="wider"))


def last_changes(loaded):
    return json.loads(loaded.log("schema_changes")[-1][0])


def test_chain_of_views_is_put_back_as_it_was(narrow, stream, roles):
    owner, reader = roles
    narrow.execute(f"grant usage, create on schema staging to {owner}")
    narrow.execute(f"grant usage on schema raw to {owner}; grant select on raw.a to {owner}")
    # What a new view would get by default, and none of these has.
    narrow.execute(
        f"alter default privileges in schema staging grant insert, delete on tables to {reader}"
    )
    narrow.execute(
        """
        create view staging.stg_a with (security_barrier, check_option = local) as
            select id, v, w, w || '%s {}' as "Odd % name" from raw.a where v > 0;
        comment on view staging.stg_a is 'It''s a';
        comment on column staging.stg_a."Odd % name" is 'odd';
        alter view staging.stg_a rename column v to vee;
        create view staging.plain as select v from raw.a;
        create view staging."Top; view" with (security_invoker = true) as
            select one.id, two.v from staging.stg_a as one, staging.plain as two;
        create view staging.no_columns as select from staging."Top; view";
        create view staging.not_concerned as select _sdc_sequence from raw.a;
        """
    )
    for statement in (
        "revoke all on all tables in schema staging from {reader}",
        "alter view staging.stg_a owner to {owner}",
        "revoke update on staging.stg_a from {owner}",
        "grant select on staging.stg_a to {reader} with grant option",
        "grant select, trigger on staging.stg_a to public",
        'grant update (id, "Odd % name") on staging.stg_a to {reader}',
        'grant select (id) on staging."Top; view" to {reader} with grant option',
        "revoke all on staging.plain from current_user",
    ):
        narrow.execute(statement.format(owner=owner, reader=reader))
    untouched = "select 'staging.not_concerned'::regclass::oid"
    before, oid = narrow.query(_STATE), narrow.query(untouched)

    widen(narrow, stream)

    assert narrow.query(_STATE) == before
    assert narrow.query(untouched) == oid
    types = dict(narrow.query(_TYPES))
    assert types["staging.stg_a.id"] == "bigint"
    assert types["staging.stg_a.vee"] == types["staging.plain.v"] == "numeric"
    assert types["staging.stg_a.w"] == "text"
    names = 'select vee, "Odd % name" from staging.stg_a order by id'
    assert narrow.query(names) == [(7, "x%s {}"), (1.5, "wider%s {}")]
    reported = last_changes(narrow)
    assert reported[:3] == [
        "widened column id from integer to bigint",
        "widened column v from integer to numeric",
        "widened column w from character varying(3) to text",
    ]
    views = ["stg_a", "plain", "Top; view", "no_columns"]
    assert sorted(reported[3:]) == sorted(f"re-created view staging.{view}" for view in views)
    assert reported[5:] == [
        "re-created view staging.Top; view",
        "re-created view staging.no_columns",
    ]


def test_default_rights_stay_the_default(narrow, stream):
    narrow.execute("create view staging.on_a as select id from raw.a")
    widen(narrow, stream)
    acl = "select relacl from pg_class where oid = 'staging.on_a'::regclass"
    assert narrow.query(acl) == [(None,)]


def test_new_column_alone_leaves_views_alone(narrow, stream):
    narrow.execute("create view staging.on_a as select id from raw.a")
    oid = narrow.query("select 'staging.on_a'::regclass::oid")
    a = stream("public-a", {**NARROW, "more": "text"})
    narrow.run(a.schema(), a.record(id=1, v=1, w="x", more="y"))
    assert narrow.query("select 'staging.on_a'::regclass::oid") == oid
    assert last_changes(narrow) == ["added column more text"]


def test_reader_never_finds_a_view_missing(narrow, stream):
    narrow.execute(
        "create view staging.on_a as select id, v from raw.a;"
        "create view staging.top as select * from staging.on_a where v > 0"
    )
    types = ("integer", "bigint", "numeric(20,0)", "numeric(24,2)", "numeric")
    is_over, has_read = threading.Event(), threading.Event()
    counts, errors = [], []

    def read():
        with psycopg.connect(narrow.url, autocommit=True) as connection:
            while not is_over.is_set():
                try:
                    for view in ("top", "on_a"):
                        count = connection.execute(f"select count(*) from staging.{view}")
                        counts.append(count.fetchone())
                except psycopg.Error as error:
                    errors.append(error)
                has_read.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for row_id, datatype in enumerate(types, start=1):
            has_read.clear()
            assert has_read.wait(60)
            a = stream("public-a", {"id": "integer", "v": datatype})
            narrow.run(a.schema(), a.record(id=row_id, v=row_id))
    finally:
        is_over.set()
        reader.join()
    assert errors == []
    assert {(1,), (len(types) - 1,)} <= set(counts)
    assert last_changes(narrow)[1:] == [
        "re-created view staging.on_a",
        "re-created view staging.top",
    ]


def test_reader_that_holds_a_view_only_delays(narrow, stream, start):
    """Failure 29: others read while the change is tried again, and no deadlock ends them.

    So the views are locked in the order in which a reader locks them.
    """
    narrow.execute(
        "create view staging.on_a as select id from raw.a;"
        "create view staging.top as select id from staging.on_a"
    )
    locked = (
        "select relation::regclass::text from pg_locks join pg_stat_activity using (pid) "
        "where application_name = 'target-postgres' and granted and mode = 'AccessExclusiveLock'"
    )
    wide = stream("public-a", WIDE)
    process = start()
    with psycopg.connect(narrow.url) as reader:
        reader.execute("select from staging.on_a")
        process.send(wide.schema(), wide.record(id=2**40, v="1", w="x"))
        process.end_input()
        narrow.wait_until_blocked()
        assert narrow.query(locked) == [("staging.top",)]
        process.wait_for_log("the next is in")
        assert narrow.query("select id from staging.top") == [(1,)]
    status, _, _ = process.finish()
    assert status == 0
    assert narrow.query("select id from staging.top order by 1") == [(1,), (2**40,)]


def test_views_changed_while_the_lock_is_waited_for(narrow, stream, start):
    """As dbt does: a new view takes the name of the old one, which is dropped later."""
    narrow.execute("create view staging.on_a as select id from raw.a")
    wide = stream("public-a", WIDE)
    process = start()
    with psycopg.connect(narrow.url) as builder:
        builder.execute(
            "create view staging.on_a_tmp as select id, v from raw.a;"
            "alter view staging.on_a rename to on_a_backup;"
            "alter view staging.on_a_tmp rename to on_a;"
            "create view staging.late as select id from raw.a"
        )
        process.send(wide.schema(), wide.record(id=2**40, v="1", w="x"))
        process.end_input()
        narrow.wait_until_blocked()
    status, _, log = process.finish()
    assert (status, "Traceback" in log) == (0, False)
    assert narrow.query("select id, v from staging.on_a order by 1") == [(1, 7), (2**40, 1)]
    assert narrow.query("select id from staging.late order by 1") == [(1,), (2**40,)]
    assert {each for each in last_changes(narrow) if "view" in each} == {
        f"re-created view staging.{view}" for view in ("on_a", "on_a_backup", "late")
    }


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"id": 2, "v": "1"}, r"view staging\.top cannot be created again.*half\(numeric\)"),
        ({"id": None, "v": "1"}, '"id"'),
    ],
)
def test_failure_leaves_everything_as_it_was(narrow, stream, record, message):
    """In the middle of the views, and after them in the merge."""
    narrow.execute("create view staging.on_a as select id, v from raw.a")
    narrow.execute("grant select on staging.on_a to public")
    if record["id"]:
        narrow.execute(
            "create function staging.half(integer) returns integer language sql as 'select $1 / 2';"
            "create view staging.top as select staging.half(v) from staging.on_a"
        )
    oids = "select oid, relname, relacl from pg_class where relkind = 'v' order by oid"
    before = narrow.query(oids), narrow.query("select * from raw.a"), narrow.log("run_id")
    a = stream("public-a", WIDE)
    with pytest.raises(UserError, match=message) as caught:
        narrow.run(a.schema(), a.record(id=9, v="1", w="x"), a.record(**record, w="x"))
    assert "\n" not in str(caught.value)
    after = narrow.query(oids), narrow.query("select * from raw.a"), narrow.log("run_id")
    assert after == before
    assert dict(narrow.query(_TYPES))["staging.on_a.v"] == "integer"


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (
            "create materialized view staging.m as select id from staging.on_a",
            r"materialized view staging\.m depends on column id of view staging\.on_a .*; drop it",
        ),
        (
            "create materialized view public.m as select id from raw.a",
            r"materialized view public\.m depends on column id of table raw\.a",
        ),
        (
            "create function staging.f() returns trigger language plpgsql as 'begin end';"
            "create trigger t instead of insert on staging.on_a "
            "for each row execute function staging.f()",
            r"trigger t on view staging\.on_a",
        ),
        ("create rule r as on insert to staging.on_a do instead nothing", "rule r on view"),
        ("create rule r as on delete to raw.a do also select old.v", r"rule r on table raw\.a"),
        ("alter view staging.on_a alter v set default 5", "default value for column v of view"),
        (
            "create function staging.f() returns integer begin atomic "
            "select max(id) from staging.on_a; end",
            r"function staging\.f\(\) depends on",
        ),
        (
            "create function staging.f() returns setof staging.on_a language sql "
            "as 'select * from staging.on_a'",
            r"function staging\.f\(\) depends on type staging\.on_a",
        ),
        (
            "create table staging.t (list staging.on_a[])",
            r"column list of table staging\.t depends on type staging\.on_a\[\]",
        ),
        (
            "alter table raw.a add twice integer generated always as (v * 2) stored",
            r"column twice of table raw\.a depends on column v",
        ),
        ("create policy p on raw.a using (v > 0)", r"policy p on table raw\.a"),
        ("alter extension plpgsql add view staging.on_a", "belongs to extension plpgsql"),
        (
            "create view staging.b as select id from staging.on_a;"
            "create or replace view staging.on_a as select id, v from raw.a "
            "where id in (select id from staging.b)",
            r"staging\.on_a, staging\.b select from each other",
        ),
    ],
)
def test_what_could_not_be_put_back_is_refused(narrow, stream, statements, message):
    narrow.execute("create view staging.on_a as select id, v from raw.a")
    narrow.execute(statements)
    before = narrow.query(_STATE)
    try:
        with pytest.raises(UserError, match=message) as caught:
            widen(narrow, stream)
        assert "\n" not in str(caught.value)
        assert narrow.query(_STATE) == before
        assert narrow.query("select id from raw.a") == [(1,)]
    finally:
        if "extension" in statements:
            narrow.execute("alter extension plpgsql drop view staging.on_a")


def test_refusal_comes_before_rows_are_staged(narrow, stream, start, state_of, tmp_path):
    narrow.execute("create materialized view staging.m as select id from raw.a")
    a = stream("public-a", WIDE)
    process = start()
    process.send(a.schema(), a.batch(tmp_path, [{"id": 2, "v": "1", "w": "x"}]), state_of(a={}))
    status, states, log = process.finish()
    assert (status, states) == (1, [])
    assert "rows staged" not in log
    assert "materialized view staging.m" in log.strip().splitlines()[-1]
    assert "Traceback" not in log


def test_rights_that_another_than_the_owner_gave_are_refused(narrow, stream, roles):
    giver, reader = roles
    narrow.execute("create view staging.on_a as select id from raw.a")
    narrow.execute(f"grant select on staging.on_a to {giver} with grant option")
    with psycopg.connect(narrow.url) as connection:
        connection.execute(f"grant usage on schema staging to {giver}")
        connection.execute(f"set role {giver}")
        connection.execute(f"grant select on staging.on_a to {reader}")
    before = narrow.query(_STATE)
    with pytest.raises(UserError, match=f"rights that {giver} gave"):
        widen(narrow, stream)
    assert narrow.query(_STATE) == before


def test_temporary_view_of_another_session_is_refused(narrow, stream):
    with psycopg.connect(narrow.url, autocommit=True) as other:
        other.execute("create temporary view mine as select id from raw.a")
        with pytest.raises(UserError, match=r"view pg_temp_\d+\.mine is temporary"):
            widen(narrow, stream)
        assert other.execute("select id from mine").fetchall() == [(1,)]
        # Not left to the end of the session, which goes on for a moment after it is closed.
        other.execute("drop view mine")
    widen(narrow, stream)


def test_view_of_a_role_that_the_loader_is_no_member_of(narrow, stream, roles):
    loader, other = roles
    narrow.execute(f"grant usage, create on schema raw, staging to {loader}, {other}")
    for table in ("a", "load_log"):
        narrow.execute(f"alter table raw.{table} owner to {loader}")
    narrow.execute("create view staging.on_a as select id from raw.a")
    narrow.execute(f"alter view staging.on_a owner to {other}")
    before = narrow.query(_STATE)
    narrow.settings = {"user": loader.strip('"'), "password": "secret"}
    with pytest.raises(UserError, match=f"belongs to {other} .*; give.*grant {other} to {loader}"):
        widen(narrow, stream)
    assert narrow.query(_STATE) == before
    narrow.execute(f"grant {other} to {loader}")
    narrow.execute(f"revoke create on schema staging from {other}")
    with pytest.raises(UserError, match=r"view staging\.on_a .*denied for schema staging"):
        widen(narrow, stream)
    assert narrow.query(_STATE) == before
    narrow.execute(f"grant create on schema staging to {other}")
    widen(narrow, stream)
    assert narrow.query(_STATE) == before


def test_view_that_an_event_trigger_changes_is_refused(narrow, stream):
    narrow.execute("create view staging.on_a as select id from raw.a")
    narrow.execute(
        "create function staging.f() returns event_trigger language plpgsql as "
        "$$ begin comment on view staging.on_a is 'new'; end $$;"
        "create event trigger every on ddl_command_end when tag in ('CREATE VIEW') "
        "execute function staging.f()"
    )
    before = narrow.query(_STATE)
    with pytest.raises(UserError, match=r"view staging\.on_a.*event trigger"):
        widen(narrow, stream)
    assert narrow.query(_STATE) == before
