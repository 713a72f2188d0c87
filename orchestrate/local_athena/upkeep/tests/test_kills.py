"""A process that is killed at any step leaves the table right; what it left goes next time."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from orchestrate.local_athena.model import Cancellation
from orchestrate.local_athena.upkeep.optimize import optimize
from orchestrate.local_athena.upkeep.tests.conftest import Place, rows
from orchestrate.local_athena.upkeep.vacuum import vacuum
from tests.lake_tables import data_files, files_in_place, files_named

KILLED = """
import json, os, signal, sys
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import count
from unittest.mock import patch
from pyiceberg.catalog import load_catalog
from orchestrate.local_athena.model import Cancellation
from orchestrate.local_athena.upkeep.optimize import optimize
from orchestrate.local_athena.upkeep.vacuum import vacuum

properties, table, owner, name, calls, when = json.loads(sys.stdin.read())
owner = eval(owner, {}, {"load": import_module})
step = getattr(owner, name)

numbers = count(1)

def killed(*arguments, **options):
    is_it = next(numbers) == calls
    if is_it and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = step(*arguments, **options)
    if is_it:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

with patch.object(owner, name, killed):
    table = load_catalog("lake", **properties).load_table(tuple(table))
    optimize(table, Cancellation())
    vacuum(table, datetime.now(tz=UTC) + timedelta(days=7), Cancellation())
"""
UPKEEP = "orchestrate.local_athena.upkeep"
CATALOG = "load('pyiceberg.catalog.rest').RestCatalog"


@pytest.mark.parametrize(
    ("owner", "name", "calls", "when"),
    [
        (f"load('{UPKEEP}.files').PartitionFiles", "close", 2, "before"),  # a file is written
        (CATALOG, "commit_table", 1, "before"),  # manifests too
        (CATALOG, "commit_table", 1, "after"),  # committed
        (CATALOG, "commit_table", 2, "after"),  # snapshots have expired
        ("load('pyiceberg.io.pyarrow').PyArrowFileIO", "delete", 4, "after"),  # some files deleted
    ],
)
def test_f05_killed_in_the_middle(
    place: Place, owner: str, name: str, calls: int, when: str
) -> None:
    table = place.create()
    for first in range(0, 25, 5):
        table.append(rows(range(first, first + 5)))
    arguments = [place.lake.catalog_properties, [place.namespace, "t"], owner, name, calls, when]
    done = subprocess.run(
        [sys.executable, "-c", KILLED],
        input=json.dumps(arguments),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr
    assert place.ids() == list(range(25))
    optimize(place.load(), Cancellation())
    vacuum(place.load(), datetime.now(tz=UTC) + timedelta(days=7), Cancellation())
    assert place.ids() == list(range(25))
    assert len(data_files(table)) == 2
    assert files_in_place(table) == files_named(table)
