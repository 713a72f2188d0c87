"""What the server sends is checked before it is used: whatever comes, it is read or told."""

from __future__ import annotations

import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from columnar_singer.errors import UserError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from tap_postgres import engine, kernels, numerics
from tap_postgres.blocks import Block
from tap_postgres.columns import wire_columns
from tap_postgres.copy_out import copy_statement

TYPES = {
    "i2": ("smallint", "-2"),
    "i4": ("integer", "-3"),
    "i8": ("bigint", "4"),
    "f4": ("real", "0.5"),
    "f8": ("double precision", "1e300"),
    "o": ("boolean", "t"),
    "d": ("date", "2024-02-29"),
    "s": ("timestamp without time zone", "infinity"),
    "z": ("timestamp with time zone", "2024-02-29 12:00+02"),
    "n5": ("numeric(5,2)", "-123.45"),
    "n38": ("numeric(38,10)", "-1234567890123456789012345678.0123456789"),
    "n": ("numeric", "-10000.00012"),
    "t": ("text", "añb"),
    "b": ("bytea", "\\x00ff"),
    "u": ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    "j": ("jsonb", '{"a": 1}'),
    "x": ("text", None),
}
DATATYPES = {name: datatype for name, (datatype, _) in TYPES.items()}


class Message(bytes):
    """Bytes that are never looked at beyond their end."""

    def __getitem__(self, at: Any) -> Any:
        end = at.stop if isinstance(at, slice) else at + 1
        assert 0 <= end <= len(self), "read beyond the end of the message"
        return super().__getitem__(at)


class Messages:
    """Stands in for a connection."""

    def __init__(self, messages: list[bytes]) -> None:
        self.messages = [Message(message) for message in messages]
        self.message: Message | None = None

    def fetch(self) -> int:
        if not self.messages:
            return -1
        self.message = self.messages.pop(0)
        return len(self.message)


def decode(messages: list[bytes], datatypes: dict[str, str]) -> tuple[int, list[pa.RecordBatch]]:
    block = Block(wire_columns(datatypes))
    source = Messages(messages)
    batches = []
    while True:
        code = kernels.read_rows(source, block.plan, block.buffers, block.state)
        if code not in {kernels.BATCH, kernels.END}:
            return code, batches
        if block.rows:
            batches.append(block.batch())
        if code == kernels.END:
            return code, batches
        block.next()


@pytest.fixture(scope="module")
def sent(make_database: Callable[[], str]) -> list[bytes]:
    """What a server sends for a row of each type."""
    columns = sql.SQL(", ").join(
        sql.SQL("{}::{} as {}").format(sql.Literal(value), sql.SQL(datatype), sql.Identifier(name))
        for name, (datatype, value) in TYPES.items()
    )
    statement = copy_statement(
        sql.SQL("select {} from generate_series(1, 2)").format(columns), DATATYPES
    )
    with (
        psycopg.connect(make_database()) as connection,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        return [bytes(message) for message in copy]


def test_what_a_server_sends_is_read(sent: list[bytes]) -> None:
    code, [batch] = decode(sent, DATATYPES)
    assert code == kernels.END
    row = batch.slice(1).to_pylist()[0]
    assert (row["i2"], row["t"], row["j"], row["x"]) == (-2, "añb", '{"a": 1}', None)
    assert row["n38"] == Decimal("-1234567890123456789012345678.0123456789")


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_numeric_is_read_exactly_or_not_at_all(data: st.DataObject) -> None:
    groups = data.draw(st.lists(st.sampled_from([0, 1, 10, 99, 100, 9900, 9999]), max_size=7))
    weight = data.draw(st.integers(-7, 7))
    precision = data.draw(st.integers(1, 18))
    scale = data.draw(st.integers(0, precision))
    message = Message(struct.pack(f">4h{len(groups)}h", len(groups), weight, 0, scale, *groups))
    limit = 10**precision - 1

    value = sum(group * Decimal(10_000) ** (weight - at) for at, group in enumerate(groups))
    exact = value.scaleb(scale) if value else Decimal(0)
    what, found = numerics.read_decimal(message, 0, len(message), scale, limit)
    if exact > limit or exact != int(exact):
        assert what == numerics.IS_BAD
    elif what == numerics.IS_VALUE:
        assert found == exact
    else:
        # A server sends no zeros at either end, so what has some may be refused.
        assert 0 in {groups[0], groups[-1]}


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_is_cut_or_garbled_is_never_read_beyond_its_end(
    sent: list[bytes], data: st.DataObject
) -> None:
    messages = [bytearray(message) for message in sent]
    message = messages[data.draw(st.integers(0, len(messages) - 1))]
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(message) - 1))
        message[at] = data.draw(st.sampled_from([0, 1, 0x40, 0x7F, 0x80, 0xC0, 0xFF]))
    if data.draw(st.booleans()):
        del message[data.draw(st.integers(0, len(message))) :]
    if data.draw(st.booleans()):
        message += b"\0" * data.draw(st.integers(1, 5))
    code, batches = decode([bytes(each) for each in messages if each], DATATYPES)
    assert code == kernels.END or kernels.BAD_HEADER <= code <= kernels.NO_TRAILER
    for batch in batches:
        for name in set(batch.schema.names) - {"t", "j"}:
            batch.column(name).validate(full=True)


HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)


def row(*values: bytes | None) -> bytes:
    fields = b"".join(
        struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
        for value in values
    )
    return struct.pack("!h", len(values)) + fields


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([], kernels.NO_TRAILER),
        ([b"COPY"], kernels.BAD_HEADER),
        ([HEADER[:15] + b"\0\0\0\x09"], kernels.BAD_HEADER),
        ([HEADER[:11] + b"\0\1\0\0" + bytes(4)], kernels.BAD_HEADER),
        ([HEADER + row(bytes(4))], kernels.NO_TRAILER),
        ([HEADER + row(bytes(4), bytes(4))], kernels.BAD_COUNT),
        ([HEADER + row(bytes(8))], kernels.BAD_LENGTH),
        ([HEADER + row(bytes(4)) + b"x"], kernels.TOO_LONG),
        ([HEADER + b"\xff\xff", row(bytes(4))], kernels.TOO_LONG),
        ([HEADER, row(bytes(4)), row(None), b"\xff\xff"], kernels.END),
        ([HEADER[:15] + b"\0\0\0\x02ab" + row(None), b"\xff\xff"], kernels.END),
    ],
)
def test_the_frame_is_checked(messages: list[bytes], code: int) -> None:
    assert decode(messages, {"i": "integer"})[0] == code


@pytest.mark.parametrize("datatype", ["numeric(4,1)", "numeric(30,1)", "numeric"])
@pytest.mark.parametrize(
    "value",
    [
        b"",
        bytes(7),
        struct.pack("!hhhh", 1, 0, 0, 0),  # a group is missing
        struct.pack("!hhhhh", 1, 0, 0, 0, 10_000),
        struct.pack("!hhhhh", 1, 0, 0, 0, -1),
        struct.pack("!hhHh", 0, 0, 0x1234, 0),
        struct.pack("!hhhh", -1, 0, 0, 0),
    ],
)
def test_a_malformed_numeric_is_told(datatype: str, value: bytes) -> None:
    code, _ = decode([HEADER + row(value), b"\xff\xff"], {"n": datatype})
    assert code == kernels.BAD_VALUE


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        ("numeric(4,1)", struct.pack("!hhhhh", 1, 0, 0, 0, 1000)),
        ("numeric(4,1)", struct.pack("!hhhhh", 1, -1, 0, 2, 100)),
        ("numeric(4,1)", struct.pack("!hhhhh", 1, 30000, 0, 0, 1)),
        ("numeric(38,0)", struct.pack("!hhhhh", 1, 10, 0, 0, 1)),
        ("numeric(38,0)", struct.pack("!hhhhh", 1, 30000, 0, 0, 1)),
    ],
)
def test_a_numeric_that_its_column_cannot_hold_is_told(datatype: str, value: bytes) -> None:
    code, _ = decode([HEADER + row(value), b"\xff\xff"], {"n": datatype})
    assert code == kernels.BAD_VALUE


def test_a_text_that_is_no_utf8_is_told(make_database: Callable[[], str]) -> None:
    url = make_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "create database any_bytes encoding sql_ascii locale_provider libc locale 'C'"
            " template template0"
        )
    try:
        with psycopg.connect(url.rpartition("/")[0] + "/any_bytes", autocommit=True) as connection:
            query = sql.SQL("select chr(233) as v")
            with pytest.raises(UserError, match="SQL_ASCII, and a text in it is no valid UTF-8"):
                list(engine.read(connection, query, {"v": "text"}))
            query = sql.SQL("select 'plain' as v")
            assert next(engine.read(connection, query, {"v": "text"})).num_rows == 1
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("drop database any_bytes")


def test_a_type_that_changed_since_discovery_is_converted_or_refused(
    make_database: Callable[[], str],
) -> None:
    with psycopg.connect(make_database(), autocommit=True) as connection:
        query = sql.SQL("select 7::bigint as v")
        assert next(engine.read(connection, query, {"v": "integer"})).to_pylist() == [{"v": 7}]
        with pytest.raises(psycopg.errors.CannotCoerce):
            list(engine.read(connection, query, {"v": "timestamp without time zone"}))
        # The connection can be used again.
        assert connection.execute("select 1").fetchone() == (1,)


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize(
    ("at_fault", "error"),
    [
        ("1 / (5000 - i)", psycopg.errors.DivisionByZero),
        # What a replica does to a query that stands in the way of its primary's VACUUM.
        (
            "case when i = 5000 then pg_cancel_backend(pg_backend_pid())::int end",
            psycopg.errors.QueryCanceled,
        ),
        (
            "case when i = 5000 then pg_terminate_backend(pg_backend_pid())::int end",
            psycopg.errors.AdminShutdown,
        ),
    ],
)
def test_f30_an_error_in_the_middle_of_a_read_is_told_as_the_server_tells_it(
    make_database: Callable[[], str], at_fault: str, error: type[Exception], is_large: bool
) -> None:
    with psycopg.connect(make_database(), autocommit=True) as connection:
        query = sql.SQL("select {} as v from generate_series(1, 10000) i").format(sql.SQL(at_fault))
        with pytest.raises(error):
            list(engine.read(connection, query, {"v": "integer"}, is_large=is_large))
        if error is not psycopg.errors.AdminShutdown:
            # The connection can be used again.
            assert connection.execute("select 1").fetchone() == (1,)
