"""The SDK's own tests of a tap."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Source

# The SDK reads the catalog while pytest collects, when there is no database yet.
MODULE = """
import json, os
from singer_sdk.testing import SuiteConfig, get_tap_test_class
from tap_postgres.tap import TapPostgres

TestTap = get_tap_test_class(
    TapPostgres,
    config=json.loads(os.environ["CONFIG"]),
    suite_config=SuiteConfig(ignore_no_records_for_streams=["public-empty"]),
)
"""


def test_the_standard_tests_pass(source: Source, tmp_path: Path) -> None:
    source.execute(
        """
        create table t (
            id int primary key, at timestamptz default now(), on_day date default now(),
            amount float8 default 1.5, ok bool default true, u uuid default gen_random_uuid(),
            note text
        )
        """,
        "insert into t (id) select generate_series(1, 9)",
        "create table empty (id int primary key)",
    )
    module = tmp_path / "test_standard.py"
    module.write_text(MODULE)
    config = {name: value for name, value in source.config.items() if name != "batch_config"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(module)],
        env={**os.environ, "CONFIG": json.dumps(config)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
