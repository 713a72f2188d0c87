"""A process of dbt reads botocore's files once, and what it reads is what botocore reads."""

from __future__ import annotations

import json
import subprocess

from transform.tests_python.project import ROOT

_SHOW = """
import hashlib, json, sys
if sys.argv[1] == "as dbt starts":
    from dbt.plugins.manager import PluginManager
    PluginManager.from_modules("trackman")
is_imported = "botocore" in sys.modules
from botocore.session import get_session

def read():
    loader = get_session().get_component("data_loader")
    return [loader.load_data("endpoints"), loader.load_service_model("athena", "service-2")]

first, second = read(), read()
print(json.dumps({
    "once": all(one is other for one, other in zip(first, second)),
    "imported": is_imported,
    "content": hashlib.sha256(json.dumps(first).encode()).hexdigest(),
}))
"""


def shown(plugin: str, how: str) -> dict[str, object]:
    python = ROOT / ".meltano" / "utilities" / plugin / "venv" / "bin" / "python"
    done = subprocess.run(
        [python, "-c", _SHOW, how], capture_output=True, text=True, check=True, timeout=120
    )
    return json.loads(done.stdout)


def test_sessions_share_what_was_read() -> None:
    ours, botocores = shown("dbt-lake", "as dbt starts"), shown("dbt-lake", "alone")
    assert ours["once"] is True
    assert botocores["once"] is False, "the module has no more use"
    assert ours["content"] == botocores["content"]


def test_dbt_on_the_database_starts_without_botocore() -> None:
    assert shown("dbt-db", "as dbt starts")["imported"] is False
