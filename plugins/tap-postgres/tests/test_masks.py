"""Masked values never leave PostgreSQL: what is sent instead, and what is refused."""

from __future__ import annotations

import datetime as dt
import hmac
import json
import logging
import re
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from columnar_singer.errors import UserError
from tap_postgres import masks
from tap_postgres.masks import SHORTEST_SALT

if TYPE_CHECKING:
    from orchestrate.local_stack.settings import StackSettings

    from .conftest import Source

STREAM = "public-people"
SALT = "a salt with blanks, 'quotes', a \\ and é"

PLAIN = ["Ada Åström-Plain", "ada.plain@example.com", "1975-03-09", "31415926", "secretguest"]


def digest(text: str, salt: str = SALT) -> str:
    return hmac.new(salt.encode(), text.encode(), "sha256").hexdigest()


def rule(kind: str | None, *columns: str, stream: str = STREAM) -> dict[str, Any]:
    return {"stream": stream, "columns": list(columns), "kind": kind}


@pytest.fixture
def people(source: Source) -> Source:
    source.execute(
        "create type mood as enum ('happy', 'sad')",
        "create domain email as text check (value like '%@%')",
        "create table people (id int primary key, name text not null, email email,"
        " birth_date date not null, phone numeric, guests text[], seen timestamptz, mood mood,"
        " price money, updated_at timestamptz not null default now())",
        "comment on column people.name is 'Full name.'",
        "insert into people values (1, 'Ada Åström-Plain', 'ada.plain@example.com', '1975-03-09',"
        " 31415926, '{secretguest,null}', '2026-01-02 03:04:05.6+02', 'sad', 1234.5),"
        " (2, '', null, '1975-03-09', null, null, null, null, null)",
    )
    return source


def test_sha256_is_the_hmac_of_the_text_of_every_type(people: Source) -> None:
    columns = ["name", "email", "birth_date", "phone", "guests", "seen", "mood", "price"]
    run = people.run(mask=[rule("sha256", *columns)], mask_salt=SALT)
    assert run.error is None
    ada, nobody = sorted(run.rows[STREAM], key=lambda row: row["id"])
    assert {name: ada[name] for name in columns} == {
        "name": digest("Ada Åström-Plain"),
        "email": digest("ada.plain@example.com"),
        "birth_date": digest("1975-03-09"),
        "phone": digest("31415926"),
        "guests": digest("{secretguest,NULL}"),
        "seen": digest("2026-01-02 01:04:05.6+00"),
        "mood": digest("sad"),
        "price": digest("1234.50"),
    }
    assert nobody["name"] == digest("")
    assert nobody["birth_date"] == ada["birth_date"]
    assert {nobody[name] for name in columns} == {digest(""), digest("1975-03-09"), None}


@pytest.mark.parametrize("length", [16, 63, 64, 65, 200])
def test_salts_of_all_lengths_give_an_ordinary_hmac(people: Source, length: int) -> None:
    salt = ("é0123456789" * 20)[:length]
    run = people.run(mask=[rule("sha256", "phone")], mask_salt=salt)
    assert {row["phone"] for row in run.rows[STREAM]} == {digest("31415926", salt), None}


def test_the_server_may_have_another_encoding(people: Source) -> None:
    people.execute(
        "create database latin template template0 encoding latin1 locale_provider libc locale 'C'"
    )
    url = people.url.rpartition("/")[0] + "/latin"
    with psycopg.connect(url) as connection:
        connection.execute("create table people as select 1 id, 'Åström' as name")
    try:
        run = people.run(database="latin", mask=[rule("sha256", "name")], mask_salt=SALT)
        assert run.rows[STREAM][0]["name"] == digest("Åström")
    finally:
        people.execute("drop database latin with (force)")


def test_redact_and_null(people: Source) -> None:
    run = people.run(mask=[rule("redact", "name", "guests", "phone"), rule(None, "birth*")])
    assert run.error is None
    [schema] = run.of("SCHEMA")
    properties = schema["schema"]["properties"]
    assert [properties[name]["x-sql-datatype"] for name in ("name", "guests", "birth_date")] == [
        "text",
        "text",
        "date",
    ]
    assert "null" in properties["birth_date"]["type"]
    assert properties["name"]["description"] == "Full name. Masked: *** for any value."
    assert "Masked" in properties["birth_date"]["description"]
    assert "description" not in properties["email"]
    ada, nobody = sorted(run.rows[STREAM], key=lambda row: row["id"])
    assert (ada["name"], ada["guests"], ada["phone"]) == ("***", "***", "***")
    assert (nobody["name"], nobody["guests"], nobody["phone"]) == ("***", None, None)
    assert ada["birth_date"] is nobody["birth_date"] is None
    assert ada["email"] == "ada.plain@example.com"


def test_personal_data_are_marked_masked_or_not(
    people: Source, caplog: pytest.LogCaptureFixture
) -> None:
    marks = [
        {"stream": "*people", "columns": ["name", "birth*", "gone"]},
        {"stream": "no-such", "columns": ["name"]},
    ]
    run = people.run(mask=[rule("redact", "name", "phone")], personal_data=marks)
    assert run.error is None
    [schema] = run.of("SCHEMA")
    properties = schema["schema"]["properties"]
    marked = {name for name, column in properties.items() if column.get("x-personal-data")}
    assert marked == {"name", "birth_date", "phone"}
    assert {row["birth_date"] for row in run.rows[STREAM]} == {dt.date(1975, 3, 9)}
    assert "names the column 'gone' for the stream '*people'" in caplog.text
    assert "names the stream 'no-such'" in caplog.text
    with pytest.raises(UserError, match="the setting 'personal_data' has the entry"):
        people.catalog(personal_data=[{"stream": "people", "columns": []}])


ALL_MASKED = [
    rule("sha256", "name", "email", stream="*"),
    rule("redact", "guests", "phone"),
    rule("null", "birth_date"),
]


@pytest.mark.parametrize("incremental", [False, True])
@pytest.mark.parametrize("batches", [False, True])
def test_no_plain_value_in_messages_files_state_or_log(
    people: Source,
    caplog: pytest.LogCaptureFixture,
    *,
    incremental: bool,
    batches: bool,
) -> None:
    config: dict[str, Any] = {"mask": ALL_MASKED, "mask_salt": SALT}
    if incremental:
        config["default_replication_keys"] = ["updated_at"]
    if not batches:
        config["batch_config"] = None
    with caplog.at_level(logging.DEBUG):
        first = people.run(**config)
        second = people.run(state=first.state, **config)
    assert first.error is second.error is None
    assert len(first.rows[STREAM]) == 2
    assert second.rows[STREAM] == []
    written = first.lines + second.lines + caplog.text
    written += "".join(
        file.read_bytes().decode("utf-8", "replace")
        for file in people.directory.rglob("*")
        if file.is_file()
    )
    assert digest("ada.plain@example.com") in written
    secrets = [*PLAIN, SALT, json.dumps(SALT)[1:-1], *masks.session_settings(SALT).values()]
    assert [text for text in secrets if text in written] == []


def test_a_masked_table_that_is_compared_as_a_whole_is_sent_when_it_has_changed(
    people: Source,
) -> None:
    config: dict[str, Any] = {"mask": ALL_MASKED, "mask_salt": SALT}
    first = people.run(**config)
    people.execute("update people set birth_date = '2000-01-01', phone = 1 where id = 1")
    hidden = people.run(state=first.state, **config)
    assert hidden.rows[STREAM] == []
    people.execute("update people set email = 'other@example.com' where id = 1")
    seen = people.run(state=hidden.state, **config)
    assert {row["email"] for row in seen.rows[STREAM]} == {digest("other@example.com"), None}
    resalted = people.run(state=seen.state, mask=ALL_MASKED, mask_salt=SALT[::-1])
    assert len(resalted.rows[STREAM]) == 2


def test_f38_neither_salt_nor_paddings_in_the_servers_log_or_activity(
    people: Source, session_stack: StackSettings
) -> None:
    settings = {
        "log_statement": "all",
        "log_min_duration_statement": "0",
        "log_connections": "on",
        "log_min_messages": "debug5",
    }
    activity: list[tuple[Any, ...]] = []

    def look() -> None:
        activity.extend(people.connection.execute("select * from pg_stat_activity").fetchall())

    try:
        for name, value in settings.items():
            people.execute(f"alter system set {name} = '{value}'")
        people.execute("select pg_reload_conf()", "select pg_sleep(0.5)")
        run = people.run(mask=ALL_MASKED, mask_salt=SALT, after_snapshot=look)
        look()
    finally:
        people.execute("alter system reset all", "select pg_reload_conf()")
    assert run.error is None
    folder = session_stack.directory / "trackman-backend"
    logged = (folder / "server.log").read_text(errors="replace")
    assert "parameters: $1 = " in logged.lower()  # so it would show a salt sent as a parameter
    assert "current_setting('tap_postgres.mask_inner')" in logged
    assert "tap-postgres" in str(activity)
    secrets = [SALT, *masks.session_settings(SALT).values()]
    assert [text for text in secrets if text in logged + str(activity)] == []


def test_a_key_may_be_hashed_and_nothing_else(people: Source) -> None:
    hashed = people.run(mask=[rule("sha256", "id")], mask_salt=SALT)
    assert hashed.values(STREAM, "id") == sorted([digest("1"), digest("2")])
    [schema] = hashed.of("SCHEMA")
    assert schema["schema"]["properties"]["id"]["type"] == "string"
    for kind in ("null", "redact"):
        refused = people.run(mask=[rule(kind, "id")])
        assert refused.rows == {}
        assert "failed: public-people" in str(refused.error)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (rule("null", "id"), "column 'id' is part of the key"),
        (rule("redact", "updated_at"), "column 'updated_at' is the replication-key"),
        (rule("redact", "emial"), "names the column 'emial' for the stream 'public-people', which"),
    ],
)
def test_a_mask_that_cannot_be_applied_stops_its_stream_alone(
    people: Source, caplog: pytest.LogCaptureFixture, mask: dict[str, Any], words: str
) -> None:
    people.execute("create table other (id int primary key)", "insert into other values (1)")
    run = people.run(mask=[mask], default_replication_keys=["updated_at"])
    assert run.rows.keys() == {"public-other"}
    assert words in caplog.text
    assert "1 of 2 selected streams failed: public-people" in str(run.error)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"mask": [rule("redact", "name", stream="public-poeple")]},
            "names the stream 'public-poeple', which is none of those here (public-people)",
        ),
        ({"mask": [rule("sha256", "name")]}, "'mask_salt' has 0 characters"),
        (
            {"mask": [rule("sha256", "name")], "mask_salt": "s" * (SHORTEST_SALT - 1)},
            "'mask_salt' has 15 characters",
        ),
    ],
)
def test_a_wrong_mask_is_told_before_anything_is_read(
    people: Source, config: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError) as caught:
        people.catalog(**config)
    assert words in str(caught.value)
    assert "sssss" not in str(caught.value)


@pytest.mark.parametrize(
    "entry",
    [
        {"stream": STREAM, "columns": ["name"]},
        rule("md5", "name"),
        rule("redact"),
        {"stream": STREAM, "columns": "name", "kind": "redact"},
        "name",
    ],
)
def test_a_malformed_mask_is_told(entry: Any) -> None:
    with pytest.raises(UserError, match=re.escape(f"the setting 'mask' has the entry {entry!r}")):
        masks.rules({"mask": [entry]})


def test_two_kinds_for_one_column_are_refused(people: Source) -> None:
    run = people.run(mask=[rule("redact", "email"), rule("null", "*mail", stream="*")])
    assert run.rows == {}
    assert run.error is not None
