"""The measurements by name, and the rounds in which they are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tests.bench.changes import Changes
from tests.bench.errors import BenchError
from tests.bench.meltano_runs import MeltanoRuns
from tests.bench.ours import Ours
from tests.bench.peers import Peers
from tests.bench.processes import Sample
from tests.bench.records import Records
from tests.bench.workplace import Workplace

# Indexed and growing, as a table of this size would have one.
LINEITEM_KEY = "l_orderkey"
STROKES_KEY = "updated_at"

# What a measurement's name ends with, and the table it reads.
_LINEITEM = {
    "-empty": "lineitem_none",
    "-hundredth": "lineitem_hundredth",
    "-tenth": "lineitem_tenth",
    "": "lineitem",
}

Measures = Mapping[str, Callable[[], Sample]]


def measures(workplace: Workplace) -> Measures:
    """All measurements."""
    data, ours, peers = workplace.data, Ours(workplace), Peers(workplace)
    changes = Changes(workplace, ours)
    runs = MeltanoRuns(workplace, peers)
    records = Records(workplace, ours, peers)
    found: dict[str, Callable[[], Sample]] = {}

    for suffix, table in _LINEITEM.items():
        found |= {
            f"lake{suffix}": _of(data.lineitem, ours.to_lake, table, LINEITEM_KEY),
            f"db{suffix}": _of(data.lineitem, ours.to_database, table, LINEITEM_KEY),
            f"meltanolabs-tap{suffix}": _of(data.lineitem, peers.extract, table),
            f"meltanolabs{suffix}": _of(data.lineitem, peers.pair, table),
        }
    found |= {
        "duckdb": _of(data.lineitem, peers.duckdb, "lineitem"),
        "copy": _of(data.lineitem, peers.copy_to_nothing, "lineitem"),
        "copy-copy": _of(data.lineitem, peers.copy_to_copy, "lineitem"),
        "lake-full-table": _of(data.lineitem, ours.to_lake, "lineitem", None),
        "connectorx": _of(data.lineitem, peers.connectorx, "lineitem", LINEITEM_KEY),
        "dlt-connectorx": _of(data.lineitem, peers.dlt, "lineitem", "connectorx"),
        "dlt-pyarrow": _of(data.lineitem, peers.dlt, "lineitem", "pyarrow"),
        "meltanolabs-copy": _of(data.lineitem, peers.pair_with_copy, "lineitem_tenth"),
        "lake-tenfold": _of(data.tenfold, ours.to_lake, "lineitem", LINEITEM_KEY),
        "db-tenfold": _of(data.tenfold, ours.to_database, "lineitem", LINEITEM_KEY),
        "changes": changes.change_and_move,
        "changes-none": changes.move_nothing,
        "changes-by-hand": changes.by_hand,
        "meltano": runs.ours_to_database,
        "meltano-meltanolabs": runs.meltanolabs,
        "meltano-lake": runs.ours_to_lake,
        "strokes-duckdb": _of(data.strokes, peers.duckdb, "bench_strokes"),
        "strokes-copy-copy": _of(data.strokes, peers.copy_to_copy, "bench_strokes"),
    }
    for suffix, table in (("-empty", "bench_strokes_none"), ("", "bench_strokes")):
        found |= {
            f"strokes-lake{suffix}": _of(data.strokes, ours.to_lake, table, STROKES_KEY),
            f"strokes-db{suffix}": _of(data.strokes, ours.to_database, table, STROKES_KEY),
        }
    for suffix, messages in (("-empty", records.no_records), ("", records.records)):
        found |= {
            f"records-lake{suffix}": _of(messages, records.to_lake),
            f"records-rows-to-arrow{suffix}": _of(messages, records.rows_to_arrow),
            f"records-db{suffix}": _of(messages, records.to_database),
            f"records-meltanolabs{suffix}": _of(messages, records.meltanolabs),
        }
    return found


def _of(
    data: Callable[[], object], work: Callable[..., Sample], *more: object
) -> Callable[[], Sample]:
    """Work on data that is made when it is first needed."""
    return lambda: work(data(), *more)


def take(
    available: Measures, names: Sequence[str], rounds: int, say: Callable[[str], None]
) -> tuple[dict[str, list[Sample]], dict[str, str]]:
    """Make the measurements in turn, round after round, so that a busy moment hits all alike.

    Args:
        available: Of `measures`.
        names: Which to make, in the order of each round.
        rounds: How often each.
        say: Told of each measurement.

    Returns:
        The samples of the measurements that were made every time, and for the others why not.
        One that has failed is not tried again; the rest go on.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    failures: dict[str, str] = {}
    for number in range(1, rounds + 1):
        for name in [name for name in samples if name not in failures]:
            try:
                sample = available[name]()
            except Exception as error:  # a peer may raise anything, and stops no other
                reason = " ".join(str(error).split())
                expected = isinstance(error, BenchError)
                failures[name] = reason if expected else f"{type(error).__name__}: {reason}"
                say(f"round {number} of {rounds}  {name:<30}   FAILED: {failures[name]}")
                continue
            samples[name].append(sample)
            memory = ", ".join(f"{role} {mib:.0f} MiB" for role, mib in sample.peak_mib.items())
            say(f"round {number} of {rounds}  {name:<30} {sample.seconds:8.2f} s  {memory}")
    return {name: taken for name, taken in samples.items() if name not in failures}, failures
