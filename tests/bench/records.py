"""RECORD messages of a foreign tap, into our targets and into today's."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.bench import singer
from tests.bench.data import row_count
from tests.bench.ours import Ours
from tests.bench.peers import SCRIPTS, Peers
from tests.bench.processes import Program, Sample, run, secret_file
from tests.bench.rows import RECORDS_SHARE
from tests.bench.workplace import PEERS, Workplace, check_rows

_TABLE = "lineitem_tenth"


@dataclass(frozen=True)
class Messages:
    """A file of messages, and how many of them are RECORDs."""

    file: Path
    count: int


class Records:
    """RECORD messages into a target alone."""

    def __init__(self, workplace: Workplace, ours: Ours, peers: Peers) -> None:
        """The files are made when the first is asked for."""
        self._workplace = workplace
        self._ours = ours
        self._peers = peers

    def records(self) -> Messages:
        """What the MeltanoLabs tap sends for a part of the table."""
        return self._files[0]

    def no_records(self) -> Messages:
        """The same without a RECORD: what start and end cost."""
        return self._files[1]

    def to_lake(self, messages: Messages) -> Sample:
        """Our target-s3."""
        namespace = self._workplace.unused_name()
        sample = singer.load(
            self._ours.target_s3(namespace), messages.file, self._workplace.log("records-s3")
        )
        if messages.count:
            found = self._workplace.lake_rows(namespace, _TABLE)
            check_rows(f"the lake's table {namespace}.{_TABLE}", found, messages.count)
        return sample

    def rows_to_arrow(self, messages: Messages) -> Sample:
        """The stand-in for crowemi's target-s3."""
        log = self._workplace.log("records-rows-to-arrow")
        prefix = self._workplace.unused_name()
        config = {**self._workplace.s3, "prefix": prefix}
        with secret_file(log.with_suffix(".json"), config) as path:
            script = SCRIPTS / "rows_to_arrow_target.py"
            program = Program(
                "rows-to-arrow", (str(PEERS / "python"), str(script), "--config", str(path))
            )
            sample = run(program, log=log, stdin=messages.file)
        if messages.count:
            found = self._workplace.parquet_rows(prefix)
            check_rows(f"the prefix {prefix}", found, messages.count)
        return sample

    def to_database(self, messages: Messages) -> Sample:
        """Our target-postgres."""
        schema = self._workplace.unused_name()
        return self._load(self._ours.target_postgres(schema), schema, messages)

    def meltanolabs(self, messages: Messages) -> Sample:
        """The MeltanoLabs target-postgres."""
        schema = self._workplace.unused_name()
        return self._load(self._peers.target(schema), schema, messages)

    def _load(self, target: singer.Plugin, schema: str, messages: Messages) -> Sample:
        self._workplace.settle()
        log = self._workplace.log(f"records-{target.role}")
        sample = singer.load(target, messages.file, log)
        if messages.count:
            with closing(self._workplace.servers.database_connection()) as connection:
                found = row_count(connection, _TABLE, schema)
            check_rows(f"{schema}.{_TABLE}", found, messages.count)
        self._workplace.drop_schema(schema)
        return sample

    @cached_property
    def _files(self) -> tuple[Messages, Messages]:
        database = self._workplace.data.lineitem()
        whole = self._workplace.folder / "messages.jsonl"
        self._peers.extract(database, _TABLE, whole)
        limit = self._workplace.rows(database, _TABLE) // RECORDS_SHARE
        some, none = (whole.with_name(name) for name in ("records.jsonl", "no-records.jsonl"))
        records = 0
        with whole.open() as lines, some.open("w") as with_records, none.open("w") as without:
            for line in lines:
                kind = json.loads(line)["type"]
                if kind == "RECORD":
                    records += 1
                    if records <= limit:
                        with_records.write(line)
                elif kind in {"SCHEMA", "STATE"}:
                    with_records.write(line)
                    without.write(line)
        whole.unlink()
        return Messages(some, min(records, limit)), Messages(none, 0)
