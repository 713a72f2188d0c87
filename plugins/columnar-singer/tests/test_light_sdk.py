"""A console script starts without what it does not use, and nothing else notices."""

from __future__ import annotations

import subprocess
import sys

import pytest

_LEFT_OUT = [
    *("requests", "urllib3", "joblib", "upath", "fsspec", "jsonpath_ng", "backoff"),
    *("singer_sdk.streams.rest", "importlib_metadata", "packaging"),
]


def run(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_what_is_left_out_is_not_imported_and_can_be_afterwards():
    code = f"""
import sys
from columnar_singer.light_sdk import import_sdk
import_sdk()
import columnar_singer.target
print([name for name in {_LEFT_OUT} if name in sys.modules])
import requests, joblib
from singer_sdk.streams.rest import RESTStream
assert RESTStream.url_base
assert issubclass(requests.ConnectionError, OSError) and joblib.Parallel
"""
    assert run(code) == "[]\n"


def test_what_is_left_out_says_so_when_it_is_used():
    code = """
from columnar_singer.light_sdk import import_sdk
import_sdk()
from singer_sdk import target_base
try:
    target_base.Parallel()
except NotImplementedError as error:
    print(error)
"""
    assert run(code) == "Parallel is left out by columnar_singer.light_sdk\n"


def test_sdk_that_is_there_already_is_left_alone():
    code = """
import singer_sdk.target_base, joblib
from columnar_singer.light_sdk import import_sdk
import_sdk()
assert singer_sdk.target_base.Parallel is joblib.Parallel
"""
    run(code)


@pytest.mark.parametrize("plugin", ["tap_postgres", "target_postgres", "target_s3"])
def test_console_script_tells_about_itself(plugin):
    about = subprocess.run(
        [sys.executable, "-m", plugin, "--about"], capture_output=True, text=True, check=True
    )
    assert "Supported Python Versions" in about.stdout


@pytest.mark.parametrize("plugin", ["tap_postgres.tap", "target_postgres.target"])
def test_a_run_without_rows_needs_neither_arrow_nor_numpy(plugin):
    code = f"""
import sys
from columnar_singer.light_sdk import import_sdk
import_sdk()
import {plugin}
print([name for name in ("pyarrow", "numpy") if name in sys.modules])
"""
    assert run(code) == "[]\n"


def test_what_is_imported_is_no_garbage_and_what_comes_later_may_be():
    code = """
import gc
from columnar_singer.light_sdk import importing
try:
    with importing():
        assert not gc.isenabled()
        raise ImportError
except ImportError:
    pass
print(gc.isenabled(), gc.get_freeze_count() > 0)
"""
    assert run(code) == "True True\n"
