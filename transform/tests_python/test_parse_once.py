"""A process of dbt reads botocore's files once, and what it reads is what botocore reads."""

from __future__ import annotations

import json
import subprocess

import pytest

from transform.tests_python.project import ROOT

_SHOW = """
import hashlib, json, sys
if sys.argv[1] == "as dbt starts":
    from dbt.plugins.manager import PluginManager
    PluginManager.from_modules("trackman")
import boto3
from botocore.session import get_session

def read():
    loader = boto3.Session(botocore_session=get_session())._session.get_component("data_loader")
    return [loader.load_data("endpoints"), loader.load_service_model("athena", "service-2")]

first, second = read(), read()
print(json.dumps({
    "once": all(one is other for one, other in zip(first, second)),
    "content": hashlib.sha256(json.dumps(first).encode()).hexdigest(),
}))
"""


@pytest.mark.parametrize("plugin", ["dbt-lake", "dbt-db"])
def test_sessions_share_what_was_read(plugin: str) -> None:
    python = ROOT / ".meltano" / "utilities" / plugin / "venv" / "bin" / "python"

    def shown(how: str) -> dict[str, object]:
        done = subprocess.run(
            [python, "-c", _SHOW, how], capture_output=True, text=True, check=True, timeout=120
        )
        return json.loads(done.stdout)

    ours, botocores = shown("as dbt starts"), shown("alone")
    assert ours["once"] is True
    assert botocores["once"] is False, "the module has no more use"
    assert ours["content"] == botocores["content"]
