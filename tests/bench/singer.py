"""Singer plugins as programs: ours and the peers'."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.errors import BenchError
from tests.bench.processes import Program, Sample, run, secret_file


@dataclass(frozen=True)
class Plugin:
    """A plugin and its settings.

    Attributes:
        role: What it is called in the figures.
        program: Its executable.
        config: Its settings, secrets included.
    """

    role: str
    program: Path
    config: Mapping[str, Any]


@dataclass(frozen=True)
class Stream:
    """What of the source is read, and how.

    Attributes:
        name: Of the stream.
        replication_key: The column whose growth is followed; None to read the whole table.
    """

    name: str
    replication_key: str | None = None


def discover(tap: Plugin, log: Path) -> dict[str, Any]:
    """Ask a tap which streams there are.

    Raises:
        BenchError: It failed, or printed no catalog.
    """
    with _config(tap, log) as config:
        sample = run(
            Program(tap.role, (str(tap.program), "--config", str(config), "--discover")), log=log
        )
    try:
        return dict(json.loads(sample.output))
    except ValueError:
        raise BenchError(f"{tap.role} printed no catalog (see {log})") from None


def select(catalog: Mapping[str, Any], stream: Stream) -> dict[str, Any]:
    """The catalog with one stream only, selected with all its columns.

    Raises:
        BenchError: There is no such stream.
    """
    found = [entry for entry in catalog["streams"] if entry["tap_stream_id"] == stream.name]
    if not found:
        raise BenchError(f"there is no stream {stream.name}")
    entry = json.loads(json.dumps(found[0]))
    method = "INCREMENTAL" if stream.replication_key else "FULL_TABLE"
    entry |= {"replication_method": method, "replication_key": stream.replication_key}
    for item in entry["metadata"]:
        item["metadata"]["selected"] = True
        if not item["breadcrumb"]:
            item["metadata"] |= {
                "replication-method": method,
                "replication-key": stream.replication_key,
            }
    return {"streams": [entry]}


def extract(tap: Plugin, catalog: Mapping[str, Any], log: Path, to: Path) -> Sample:
    """Run a tap alone.

    Args:
        tap: Which.
        catalog: Of `select`.
        log: See `run`.
        to: Where its messages go.
    """
    with _tap(tap, catalog, None, log) as program:
        return run(program, log=log, stdout=to)


def load(target: Plugin, messages: Path, log: Path) -> Sample:
    """Run a target alone on messages of a file."""
    with _config(target, log) as config:
        program = Program(target.role, (str(target.program), "--config", str(config)))
        return run(program, log=log, stdin=messages)


def move(
    tap: Plugin,
    target: Plugin,
    catalog: Mapping[str, Any],
    log: Path,
    state: Mapping[str, Any] | None = None,
) -> tuple[Sample, dict[str, Any]]:
    """Run a tap into a target.

    Args:
        tap: Which.
        target: Which.
        catalog: Of `select`.
        log: See `run`.
        state: Where to go on from.

    Returns:
        Time and memory, and the last state that the target wrote.

    Raises:
        BenchError: One of them failed, or the target wrote no state.
    """
    with ExitStack() as stack:
        source = stack.enter_context(_tap(tap, catalog, state, log))
        config = stack.enter_context(_config(target, log))
        sink = Program(target.role, (str(target.program), "--config", str(config)))
        sample = run(source, sink, log=log)
    lines = sample.output.strip().splitlines()
    if not lines:
        raise BenchError(f"{target.role} wrote no state (see {log})")
    return sample, json.loads(lines[-1])


@contextmanager
def _config(plugin: Plugin, log: Path) -> Iterator[Path]:
    with secret_file(log.with_name(f"{log.stem}.{plugin.role}.json"), plugin.config) as path:
        yield path


@contextmanager
def _tap(
    tap: Plugin, catalog: Mapping[str, Any], state: Mapping[str, Any] | None, log: Path
) -> Iterator[Program]:
    with ExitStack() as stack:
        words = ["--config", stack.enter_context(_config(tap, log))]
        for option, content in (("catalog", catalog), ("state", state)):
            if content is not None:
                path = log.with_name(f"{log.stem}.{option}.json")
                words += [f"--{option}", stack.enter_context(secret_file(path, content))]
        yield Program(tap.role, (str(tap.program), *map(str, words)))
