"""What the READMEs and Meltano's files say of the plugins is what these take and can do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plugins.readme_settings import PLUGINS, ROOT, main, plugin_class, settings_of, table


def test_the_settings_tables_are_not_stale(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_a_changed_setting_makes_a_readme_stale() -> None:
    settings = settings_of("target-postgres")
    settings["properties"]["port"] = {"type": ["integer"], "description": "changed"}
    assert table(settings) not in (ROOT / "target-postgres" / "README.md").read_text()


def declared(plugin: str) -> dict[str, Any]:
    """What Meltano's file says of a plugin."""
    [file] = ROOT.glob(f"*/{plugin}--*.lock")
    entry: dict[str, Any] = json.loads(file.read_text())
    return entry


@pytest.mark.parametrize("plugin", PLUGINS)
def test_meltano_knows_what_each_can_do(plugin: str) -> None:
    can = {capability.value for capability in plugin_class(plugin).capabilities}
    # Its log is for people here: Meltano takes no other without a parser of its own.
    assert set(declared(plugin)["capabilities"]) == can - {"structured-logging"}


@pytest.mark.parametrize("plugin", PLUGINS)
def test_meltano_knows_which_settings_are_secret(plugin: str) -> None:
    settings = declared(plugin)["settings"]
    in_meltano = {each["name"]: each.get("sensitive", False) for each in settings}
    in_plugin = {
        name: schema.get("secret", False)
        for name, schema in settings_of(plugin)["properties"].items()
    }
    # Meltano takes the parts of an object apart at dots.
    assert {name.partition(".")[0] for name in in_meltano} <= set(in_plugin)
    assert {name for name, secret in in_plugin.items() if secret} <= {
        name for name, sensitive in in_meltano.items() if sensitive
    }
