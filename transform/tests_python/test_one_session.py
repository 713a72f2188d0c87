"""The nodes of a dbt process share one session of AWS and its clients, in whatever thread."""

from __future__ import annotations

import json
import subprocess

from transform.tests_python.project import ROOT

_SHOW = """
import json, sys
if sys.argv[1] == "as dbt starts":
    from dbt.plugins.manager import PluginManager
    PluginManager.from_modules("trackman")
imported = "botocore" in sys.modules

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from dbt.adapters.athena.connections import AthenaConnection

def opened(key, region="us-east-1"):
    credentials = SimpleNamespace(
        aws_access_key_id=key, aws_secret_access_key="secret", aws_session_token=None,
        region_name=region, aws_profile_name=None, assume_role_arn=None,
        effective_num_retries=2, endpoint_url=None,
    )
    connection = AthenaConnection(credentials).connect()
    return connection.session, connection._client, connection.session.client("glue")

# dbt opens its first connection before it starts its threads.
same = [opened("one")]
with ThreadPoolExecutor(8) as threads:
    same += threads.map(opened, ["one"] * 15)
others = [opened("other"), opened("one", "eu-west-1")]
print(json.dumps({
    "imported": imported,
    "sessions": len({id(session) for session, _, _ in same}),
    "clients": len({id(client) for _, *clients in same for client in clients}),
    "others": len({id(session) for session, _, _ in [*same, *others]}),
    "keys": [session.get_credentials().access_key for session, _, _ in [same[0], *others]],
    "regions": [client.meta.region_name for _, client, _ in [same[0], *others]],
}))
"""


def shown(how: str) -> dict[str, object]:
    """What 16 connections of dbt-athena, of 8 threads, share, `as dbt starts` or `alone`."""
    return json.loads(_run("dbt-lake", _SHOW, how))


def _run(plugin: str, script: str, *arguments: str) -> str:
    python = ROOT / ".meltano" / "utilities" / plugin / "venv" / "bin" / "python"
    return subprocess.run(
        [python, "-c", script, *arguments], capture_output=True, text=True, check=True, timeout=120
    ).stdout


def test_connections_share_a_session_and_its_clients() -> None:
    ours = shown("as dbt starts")
    assert (ours["sessions"], ours["clients"]) == (1, 2)


def test_other_keys_and_regions_have_sessions_of_their_own() -> None:
    ours = shown("as dbt starts")
    assert ours["others"] == 3
    assert ours["keys"] == ["one", "other", "one"]
    assert ours["regions"] == ["us-east-1", "us-east-1", "eu-west-1"]


def test_without_the_module_each_connection_has_its_own() -> None:
    assert shown("alone")["sessions"] == 16, "the module has no more use"


def test_dbt_on_the_database_starts_without_botocore() -> None:
    script = _SHOW[: _SHOW.index("\nfrom concurrent")] + "\nprint(imported)"
    assert _run("dbt-db", script, "as dbt starts").strip() == "False"
