"""Which rows there are: those of the specification, and others worth knowing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.bench.rows import Medians, Part, Row, allowed_memory

LAKE = "first load of {rows} lineitem rows into the lake, committed in Iceberg"
DATABASE = "first load of {rows} lineitem rows into dataengineering-db, primary key in place"
TAP_VERSION, TARGET_VERSION = "0.10.0", "0.8.1"

_LAKE = ("lake", "lake-empty")
_DATABASE = ("db", "db-empty")
_TAP = ("meltanolabs-tap-empty", "meltanolabs-tap-hundredth", "meltanolabs-tap-tenth")
_PAIR = ("meltanolabs-empty", "meltanolabs-hundredth", "meltanolabs-tenth")


def rows(*, full: bool) -> list[Row]:
    """All rows.

    Args:
        full: The MeltanoLabs plugins move all rows instead of a tenth, and ours ten times as many.
    """
    tap, tap_needs = _theirs("meltanolabs-tap", _TAP, full)
    pair, pair_needs = _theirs("meltanolabs", _PAIR, full)
    how = "" if full else ", from {tenth} rows and a tenth of those, linear in the rows"
    large, small = ("-tenfold", "") if full else ("", "-tenth")
    return [
        Row(
            "lake-duckdb",
            LAKE,
            "DuckDB's scanner writing the same rows as Parquet to the same object store, 2 threads",
            1.0,
            (*_LAKE, "duckdb"),
            lambda m: [Part(m.net(*_LAKE), m.seconds("duckdb"))],
        ),
        Row(
            "lake-copy",
            LAKE,
            "bare binary COPY on two connections, thrown away",
            1.6,
            (*_LAKE, "copy"),
            lambda m: [Part(m.net(*_LAKE), m.seconds("copy"))],
        ),
        Row(
            "lake-meltanolabs-tap",
            LAKE,
            f"meltanolabs-tap-postgres {TAP_VERSION}, extraction alone{how}",
            1 / 50,
            (*_LAKE, *tap_needs),
            lambda m: [Part(m.net(*_LAKE), tap(m))],
        ),
        Row(
            "db-copy",
            DATABASE,
            "COPY binary piped into COPY, primary key in place",
            1.5,
            (*_DATABASE, "copy-copy"),
            lambda m: [Part(m.net(*_DATABASE), m.seconds("copy-copy"))],
        ),
        Row(
            "db-meltanolabs",
            DATABASE,
            f"meltanolabs-tap-postgres {TAP_VERSION} and -target-postgres {TARGET_VERSION}{how}",
            1 / 40,
            (*_DATABASE, *pair_needs),
            lambda m: [Part(m.net(*_DATABASE), pair(m))],
        ),
        Row(
            "changes",
            "{changed} changed rows of {rows} into dataengineering-db",
            "COPY into a temporary table and INSERT … ON CONFLICT by hand",
            1.5,
            ("changes", "changes-none", "changes-by-hand"),
            lambda m: [Part(m.net("changes", "changes-none"), m.seconds("changes-by-hand"))],
        ),
        Row(
            "meltano-run",
            "whole `meltano run` over 10 tables with nothing new, into dataengineering-db",
            "whole `meltano run` of the MeltanoLabs pair",
            0.5,
            ("meltano", "meltano-meltanolabs"),
            lambda m: [Part(m.seconds("meltano"), m.seconds("meltano-meltanolabs"))],
        ),
        Row(
            "ten-times",
            "first load of {large} lineitem rows",
            "first load of {small} lineitem rows",
            10.5,
            tuple(f"{d}{s}" for d in ("lake", "db") for s in ("-empty", small, large)),
            lambda m: [
                Part(
                    m.net(f"{destination}{large}", f"{destination}-empty"),
                    m.net(f"{destination}{small}", f"{destination}-empty"),
                    f"into {name}",
                )
                for destination, name in (("lake", "the lake"), ("db", "dataengineering-db"))
            ],
        ),
        Row(
            "memory",
            "peak memory of each process, {large} lineitem rows",
            "what is allowed: 400 MiB, and 1.1 times the peak for {small} rows",
            1.0,
            tuple(f"{d}{s}" for d in ("lake", "db") for s in (small, large)),
            lambda m: [
                Part(
                    m.peak_mib(destination + large, role),
                    allowed_memory(m.peak_mib(destination + small, role)),
                    f"{role}, on the way into {name}",
                )
                for destination, name, target in (
                    ("lake", "the lake", "target-s3"),
                    ("db", "dataengineering-db", "target-postgres"),
                )
                for role in ("tap-postgres", target)
            ],
            "MiB",
        ),
        Row(
            "records",
            "{records} RECORD messages of a foreign tap",
            "today's targets",
            1 / 5,
            (
                *("records-lake", "records-lake-empty"),
                *("records-rows-to-arrow", "records-rows-to-arrow-empty"),
                *("records-db", "records-db-empty"),
                *("records-meltanolabs", "records-meltanolabs-empty"),
            ),
            lambda m: [
                Part(
                    m.net(f"records-{ours}", f"records-{ours}-empty"),
                    m.net(f"records-{theirs}", f"records-{theirs}-empty"),
                    name,
                )
                for ours, theirs, name in (
                    (
                        *("lake", "rows-to-arrow"),
                        "target-s3 against crowemi's approach (rows to Arrow per batch, no commit)",
                    ),
                    (
                        *("db", "meltanolabs"),
                        f"target-postgres against meltanolabs-target-postgres {TARGET_VERSION}",
                    ),
                )
            ],
        ),
        *_extra_rows(),
    ]


def _extra_rows() -> list[Row]:
    """Rows without a goal."""
    return [
        *(
            Row(
                f"lake-{peer}",
                LAKE,
                against,
                None,
                (*_LAKE, peer),
                lambda m, peer=peer: [Part(m.net(*_LAKE), m.seconds(peer))],  # type: ignore[misc]
            )
            for peer, against in (
                ("connectorx", "connectorx on two connections to Parquet on the object store"),
                ("dlt-connectorx", "dlt with connectorx, to Parquet on the object store"),
                ("dlt-pyarrow", "dlt with pyarrow, to Parquet on the object store"),
            )
        ),
        Row(
            "lake-full-table",
            LAKE + ", as FULL_TABLE",
            "DuckDB's scanner writing the same rows as Parquet to the same object store, 2 threads",
            None,
            ("lake-full-table", "lake-empty", "duckdb"),
            lambda m: [Part(m.net("lake-full-table", "lake-empty"), m.seconds("duckdb"))],
        ),
        Row(
            "strokes-lake",
            "first load of {strokes} strokes, 54 columns, into the lake, committed in Iceberg",
            "DuckDB's scanner writing the same rows as Parquet to the same object store, 2 threads",
            None,
            ("strokes-lake", "strokes-lake-empty", "strokes-duckdb"),
            lambda m: [
                Part(m.net("strokes-lake", "strokes-lake-empty"), m.seconds("strokes-duckdb"))
            ],
        ),
        Row(
            "strokes-db",
            "first load of {strokes} strokes, 54 columns, into dataengineering-db, key in place",
            "COPY binary piped into COPY, primary key in place",
            None,
            ("strokes-db", "strokes-db-empty", "strokes-copy-copy"),
            lambda m: [
                Part(m.net("strokes-db", "strokes-db-empty"), m.seconds("strokes-copy-copy"))
            ],
        ),
        Row(
            "db-meltanolabs-copy",
            "first load of {tenth} lineitem rows into dataengineering-db",
            f"the MeltanoLabs pair, -target-postgres {TARGET_VERSION} with use_copy",
            None,
            (*("db-tenth", "db-empty"), *("meltanolabs-copy", "meltanolabs-empty")),
            lambda m: [
                Part(m.net("db-tenth", "db-empty"), m.net("meltanolabs-copy", "meltanolabs-empty"))
            ],
        ),
        Row(
            "meltano-run-lake",
            "whole `meltano run` over 10 tables with nothing new, into the lake",
            "whole `meltano run` of the MeltanoLabs pair into the database",
            None,
            ("meltano-lake", "meltano-meltanolabs"),
            lambda m: [Part(m.seconds("meltano-lake"), m.seconds("meltano-meltanolabs"))],
        ),
    ]


def _theirs(
    name: str, sizes: Sequence[str], full: bool
) -> tuple[Callable[[Medians], float], tuple[str, ...]]:
    """How long a MeltanoLabs plugin takes for all rows, and which measurements tell."""
    empty, hundredth, tenth = sizes
    if full:
        return lambda m: m.net(name, empty), (empty, name)
    return (
        lambda m: m.linear(
            m.sizes.rows, empty, (hundredth, m.sizes.rows // 100), (tenth, m.sizes.tenth)
        ),
        (empty, hundredth, tenth),
    )
