"""Personal data do not reach the lake: neither its tables, nor its files, nor what a run leaves."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyiceberg.catalog import load_catalog

if TYPE_CHECKING:
    from tests.end_to_end.project import Project

_PERSONAL = """
    select c.relname, a.attname
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace
        and col_description(c.oid, a.attnum) like '%Personal data%'
"""


def personal_columns(project: Project) -> list[tuple[str, str]]:
    """What the source itself calls personal."""
    with project.source() as source:
        found = source.execute(_PERSONAL).fetchall()
    assert len(found) >= 7
    return [(table, column) for table, column in found]


def lake_values(project: Project, table: str, column: str) -> set[Any]:
    catalog = load_catalog("lake", **project.settings.lake.catalog_properties())
    scan = catalog.load_table(("raw", table)).scan(selected_fields=(column,))
    return set(scan.to_arrow()[column].to_pylist())


def test_every_column_that_the_source_calls_personal_is_masked(project: Project) -> None:
    for table, column in personal_columns(project):
        with project.source() as source:
            plain = {
                row[0] for row in source.execute(f'select distinct "{column}"::text from "{table}"')
            } - {None}
        assert plain, "the source holds none, so this test shows nothing"
        masked = {str(value) for value in lake_values(project, table, column)} - {"None"}
        assert masked & plain == set(), (table, column)
        assert all(value == "***" or len(value) == 64 for value in masked), (table, column)


def test_no_plain_value_is_in_the_lakes_files_or_in_what_a_run_leaves(
    project: Project, tmp_path: Path
) -> None:
    with project.source() as source:
        plain = source.execute("select full_name, email, phone from players").fetchall()
    # Shorter ones may be found by chance.
    values = {value for row in plain for value in row if value and len(value) >= 12}
    assert len(values) > 1000
    patterns = tmp_path / "patterns"
    patterns.write_text("\n".join(sorted(values)))
    directory = project.settings.directory
    places = [
        directory / "trackman-lake",
        directory / "runs",
        project.root / ".meltano" / "batches",
        project.root / ".meltano" / "logs",
    ]
    searched = subprocess.run(
        ["grep", "-raFo", "-m1", f"--file={patterns}", *(str(p) for p in places if p.exists())],
        env={"LC_ALL": "C"},
        capture_output=True,
        check=False,
    )
    assert searched.stdout[:2000] == b""
    assert searched.returncode == 1, searched.stderr
    # Not because nothing could be found: the database's own files hold them.
    kept = subprocess.run(
        ["grep", "-raFq", f"--file={patterns}", str(directory / "dataengineering-db" / "data")],
        env={"LC_ALL": "C"},
        check=False,
    )
    assert kept.returncode == 0


def test_the_comparison_would_notice_another_mask(project: Project) -> None:
    compared = project.run(
        ".venv/bin/python",
        "-m",
        "orchestrate.compare",
        TRACKMAN_BACKEND_MASK_SALT="another salt than that of the runs",
    )
    assert compared.returncode == 1
    differing = [line for line in compared.stdout.splitlines() if "DIFFERS" in line]
    assert len(differing) == 1
    assert "players" in differing[0]
